"""A shared fate is refused when it begins, and never silently."""

from dataclasses import replace

import pytest

from daemon.domain.contract import Contract, Expiry, close
from daemon.domain.fate import StoreFate
from daemon.domain.server import Server
from daemon.errors import SameFate
from daemon.services.contract_facts import facts_of
from daemon.services.fate_guard import FateGuard, Surroundings
from tests.factories import NOW, a_contract, a_server

GUARD = FateGuard(
    fates={
        "near": StoreFate(name="near", provider="aliyun", account="4711"),
        "far": StoreFate(name="far", provider="ovh", account="4711"),
    },
    default_store="near",
)
CONTRACT = a_contract(account="4711")


def around(server: Server, *contracts: Contract) -> Surroundings:
    return Surroundings(server=server, contracts=contracts)


def test_a_contract_that_makes_the_store_perish_with_its_server_is_refused():
    server = a_server()
    with pytest.raises(SameFate, match="near would perish together with the server web-1") as no:
        GUARD.settle(around(server), around(server, CONTRACT), accept=False)
    assert "--accept-same-fate" in no.value.hint


def test_once_accepted_it_is_recorded_with_the_server():
    server = a_server()
    settled = GUARD.settle(around(server), around(server, CONTRACT), accept=True)
    assert settled.fate_accepted
    assert GUARD.settle(around(server), around(settled, CONTRACT), accept=False) == settled


def test_a_store_elsewhere_needs_no_word_from_anybody():
    server = a_server(store="far")
    assert GUARD.settle(around(server), around(server, CONTRACT), accept=False) == server


def test_what_was_so_before_does_not_stand_in_the_way_of_another_change():
    before = around(a_server(), CONTRACT)
    after = around(a_server(labels=("prod",)), CONTRACT)
    assert GUARD.settle(before, after, accept=False).labels == ("prod",)


def test_a_new_reason_is_refused_though_there_was_another_one():
    second = replace(CONTRACT, name="web-2027")
    with pytest.raises(SameFate, match="web-2027"):
        GUARD.settle(
            around(a_server(), CONTRACT), around(a_server(), CONTRACT, second), accept=False
        )


def test_closed_contracts_and_those_of_other_servers_do_not_count():
    closed = close(CONTRACT, reason="migrated", who="li", at=NOW)
    other = replace(CONTRACT, servers=("db-1",))
    assert GUARD.reasons(around(a_server(), closed, other)) == ()


def test_the_contract_of_a_store_counts_by_the_providers_own_phases():
    bucket = a_contract(
        name="bucket",
        provider="ovh",
        account="9",
        servers=(),
        stores=("far",),
        preset="ovh-object-storage",
        expiry=Expiry(text="2026-12-31", timezone="UTC"),
    )
    server = a_server(store="far")
    lasting = replace(CONTRACT, preset="alibaba-ecs-subscription")
    (reason,) = GUARD.reasons(around(server, lasting, bucket))
    assert "2027-01-07T00:00:00Z" in reason
    assert GUARD.reasons(around(server, CONTRACT, bucket)) == ()


def test_where_nobody_says_which_store_it_is_there_is_no_fate_to_share():
    assert FateGuard().reasons(around(a_server(), CONTRACT)) == ()


def test_presets_are_suggested_where_a_contract_says_nothing():
    catalogue, today = GUARD.catalogue, NOW.date()
    assert "alibaba-ecs-subscription" in facts_of(CONTRACT, catalogue, today).suggestions
    decided = replace(CONTRACT, preset="alibaba-ecs-subscription")
    assert facts_of(decided, catalogue, today).suggestions == ()


@pytest.mark.parametrize(
    ("preset", "foreign"),
    [("alibaba-ecs-subscription", False), ("hetzner", True), ("gtld-domain", False)],
)
def test_a_preset_of_another_provider_is_noticed(preset, foreign):
    contract = replace(CONTRACT, preset=preset)
    assert facts_of(contract, GUARD.catalogue, NOW.date()).foreign is foreign
