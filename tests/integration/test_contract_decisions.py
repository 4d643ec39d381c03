"""Contracts changed, prolonged, decided about, and kept apart from their stores; both databases."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from daemon.domain.acknowledgement import Decision
from daemon.domain.contract import Expiry
from daemon.domain.fate import StoreFate
from daemon.domain.phasetext import read_course
from daemon.errors import InvalidValue, NotFound, SameFate
from daemon.services.contract_facts import NewContract
from daemon.services.fate_guard import FateGuard
from daemon.services.registry import Registry
from daemon.store.unit_of_work import UnitOfWork
from tests.factories import NOW, FakeClock, a_server

CONTRACT = NewContract(
    name="c-1",
    provider="aliyun",
    servers=("web-1",),
    expiry=Expiry(text="2026-12-31", timezone="Asia/Shanghai"),
    account="4711",
    preset="alibaba-ecs-subscription",
    labels=("prod",),
)
GUARD = FateGuard(
    fates={
        "near": StoreFate(name="near", provider="Alibaba Cloud", account="4711"),
        "far": StoreFate(name="far", provider="ovh"),
    },
    default_store="far",
)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def registry(open_unit: Callable[..., UnitOfWork], clock: FakeClock) -> Registry:
    registry = Registry(units=open_unit, clock=clock, actor="li@ops", guard=GUARD)
    registry.add_server(a_server())
    return registry


def test_a_contract_is_found_again_with_all_that_was_said_of_it(registry: Registry) -> None:
    course = read_course(["stopped:0:renewal", "released:7d:-"])
    new = replace(CONTRACT, stores=("far",), subject="its address", course=course)
    contract = registry.add_contract(replace(new, provider="other"), accept_same_fate=True)
    assert registry.contract("c-1") == contract
    assert (contract.stores, contract.subject, contract.labels) == (
        ("far",),
        "its address",
        ("prod",),
    )
    assert registry.facts(contract).life.timeline.course == course


def test_a_preset_must_be_known_when_it_is_named(registry: Registry) -> None:
    with pytest.raises(NotFound, match="alibaba-ecs-subscrption"):
        registry.add_contract(replace(CONTRACT, preset="alibaba-ecs-subscrption"))
    registry.add_contract(CONTRACT)
    with pytest.raises(NotFound, match="none-such"):
        registry.change_contract("c-1", lambda old: replace(old, preset="none-such"))
    assert registry.contract("c-1").preset == "alibaba-ecs-subscription"


def test_a_change_keeps_the_name_the_expiry_and_the_date_of_the_record(
    registry: Registry, clock: FakeClock
) -> None:
    before = registry.add_contract(CONTRACT)
    clock.pass_(60)
    registry.change_contract(
        "c-1",
        lambda old: replace(
            old, name="c-2", expiry=Expiry(text="2099-01-01"), created_at=clock.now(), labels=()
        ),
    )
    assert registry.contract("c-1") == replace(before, labels=())


def test_a_closed_contract_is_neither_changed_nor_decided_about(registry: Registry) -> None:
    registry.add_contract(CONTRACT)
    registry.close_contract("c-1", reason="migrated")
    with pytest.raises(InvalidValue, match="closed"):
        registry.change_contract("c-1", lambda old: replace(old, labels=()))
    with pytest.raises(InvalidValue, match="closed"):
        registry.acknowledge_contract("c-1", Decision.RENEWING, reason="approved")
    with pytest.raises(InvalidValue, match="closed"):
        registry.prolong_contract("c-1", "1y", evidence="order 1")


@pytest.mark.parametrize(
    ("preset", "text", "how"),
    [
        ("tencent-cvm-subscription", "2027-12-31", "old expiry"),
        ("alibaba-ecs-subscription", "2027-12-31", "nobody says"),
        (None, "2027-12-31", "nobody says"),
    ],
)
def test_a_late_renewal_by_a_term_counts_as_its_provider_does(
    registry: Registry, clock: FakeClock, preset: str | None, text: str, how: str
) -> None:
    registry.add_contract(replace(CONTRACT, preset=preset))
    clock.pass_(45 * 86_400)
    contract, said = registry.prolong_contract("c-1", "1y", evidence="order 1")
    assert contract.expiry == Expiry(text=text, timezone="Asia/Shanghai")
    assert how in said
    assert registry.contract("c-1").expiry.text == text


def test_a_term_that_still_ends_in_the_past_is_refused(
    registry: Registry, clock: FakeClock
) -> None:
    registry.add_contract(CONTRACT)
    clock.pass_(400 * 86_400)
    with pytest.raises(InvalidValue, match="past"):
        registry.prolong_contract("c-1", "1mo", evidence="order 1")
    registry.prolong_contract("c-1", "1mo", evidence="order 1", force=True)
    assert registry.contract("c-1").expiry.text == "2027-01-31"


def test_a_decision_is_kept_and_is_over_after_a_renewal(registry: Registry) -> None:
    registry.add_contract(CONTRACT)
    registry.acknowledge_contract("c-1", Decision.RENEWING, reason="approved")
    registry.renew_contract(
        "c-1", Expiry(text="2027-12-31", timezone="Asia/Shanghai"), evidence="order 1"
    )
    record = registry.contract_record("c-1")
    (decided,) = record.acknowledgements
    assert (decided.who, decided.reason, decided.at) == ("li@ops", "approved", NOW)
    assert not decided.holds_for(record.facts.contract.expiry)
    assert [renewal.evidence for renewal in record.renewals] == ["order 1"]


def test_a_snooze_ends_in_time_to_come(registry: Registry) -> None:
    registry.add_contract(CONTRACT)
    week = timedelta(days=7)
    for wrong in (NOW, NOW - week, None):
        with pytest.raises(InvalidValue):
            registry.acknowledge_contract("c-1", Decision.SNOOZE, reason="later", until=wrong)
    until = NOW + week
    registry.acknowledge_contract("c-1", Decision.SNOOZE, reason="later", until=until)
    (decided,) = registry.contract_record("c-1").acknowledgements
    assert decided.until == until


def test_a_server_is_not_moved_to_a_store_that_perishes_with_it(registry: Registry) -> None:
    registry.add_contract(CONTRACT)
    with pytest.raises(SameFate, match="account 4711"):
        registry.change_server("web-1", lambda old: replace(old, store="near"))
    assert registry.server("web-1").store is None
    registry.change_server("web-1", lambda old: replace(old, store="near"), accept_same_fate=True)
    assert registry.server("web-1").fate_accepted


def test_that_a_fate_was_accepted_is_forgotten_with_the_store(registry: Registry) -> None:
    registry.add_contract(CONTRACT)
    near, far = (lambda old: replace(old, store="near")), (lambda old: replace(old, store=None))
    registry.change_server("web-1", near, accept_same_fate=True)
    registry.change_server("web-1", lambda old: replace(old, labels=("x",)))
    assert registry.server("web-1").fate_accepted
    registry.change_server("web-1", far)
    assert not registry.server("web-1").fate_accepted
    with pytest.raises(SameFate):
        registry.change_server("web-1", near)


def test_a_contract_is_not_recorded_if_by_it_a_store_perishes(registry: Registry) -> None:
    registry.change_server("web-1", lambda old: replace(old, store="near"))
    with pytest.raises(SameFate):
        registry.add_contract(CONTRACT)
    assert registry.contracts() == ()
    registry.add_contract(CONTRACT, accept_same_fate=True)
    assert registry.server("web-1").fate_accepted


def test_a_contract_of_a_store_touches_every_server_that_is_saved_there(
    registry: Registry,
) -> None:
    registry.add_server(a_server(name="db-1", store="near"))
    registry.add_contract(CONTRACT)
    bucket = NewContract(
        name="bucket", provider="ovh", stores=("far",), expiry=Expiry(text="2026-12-01")
    )
    with pytest.raises(SameFate, match="web-1"):
        registry.add_contract(bucket)
    registry.add_contract(bucket, accept_same_fate=True)
    accepted = {server.name: server.fate_accepted for server in registry.servers()}
    assert accepted == {"web-1": True, "db-1": False}


def test_a_contract_is_not_changed_so_that_a_store_perishes(registry: Registry) -> None:
    registry.change_server("web-1", lambda old: replace(old, store="near"))
    registry.add_contract(replace(CONTRACT, account="4712"))
    with pytest.raises(SameFate):
        registry.change_contract("c-1", lambda old: replace(old, account="4711"))
    assert registry.contract("c-1").account == "4712"


def test_the_contracts_that_stop_first_come_first(registry: Registry) -> None:
    late_stop = replace(CONTRACT, name="huawei", preset="huawei-ecs-international")
    registry.add_contract(late_stop)
    registry.add_contract(replace(CONTRACT, expiry=Expiry(text="2027-01-05")))
    assert [facts.contract.name for facts in registry.contracts()] == ["c-1", "huawei"]
