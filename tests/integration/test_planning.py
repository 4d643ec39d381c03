"""What planning sees of a registry and its history, on real databases of both kinds."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from daemon.domain.acknowledgement import Acknowledgement, Decision
from daemon.domain.contract import Contract, Expiry, close, renew
from daemon.domain.fate import StoreFate
from daemon.domain.outlook import Outlook
from daemon.domain.phase import Course, Phase
from daemon.domain.plan import Assumptions, Limits
from daemon.domain.policy import DEFAULT_POLICY
from daemon.domain.server import Server
from daemon.services.planning import Planning
from daemon.store.unit_of_work import UnitOfWork
from tests.factories import NOW, FakeClock, a_contract, a_server

LATER = NOW + timedelta(hours=1)


@pytest.fixture
def planning(open_unit: Callable[..., UnitOfWork]) -> Planning:
    return Planning(
        units=open_unit,
        clock=FakeClock(),
        policies=(DEFAULT_POLICY,),
        limits=Limits(),
        assumptions=Assumptions(),
        fates={"main": StoreFate(name="main", provider="aws", account="1")},
        default_store="main",
    )


def record(
    planning: Planning, *contracts: Contract, servers: tuple[Server, ...] = (a_server(),)
) -> None:
    with planning.units() as unit:
        for server in servers:
            unit.servers.add(server)
        for contract in contracts:
            unit.contracts.add(contract)
        unit.commit()


def outlook(planning: Planning, server: str = "web-1") -> Outlook:
    return {each.server: each for each in planning.outlooks()}[server]


def test_of_several_contracts_the_one_that_stops_first_counts(planning: Planning) -> None:
    """One ends later but stops at once; the other ends earlier and leaves fifteen days of ssh."""
    grace = Course(
        phases=(
            Phase(name="grace", start=timedelta(), ssh=True, snapshot=True, renewal=True),
            Phase(name="released", start=timedelta(days=15), data=False),
        )
    )
    early = a_contract(
        name="early", expiry=Expiry(text="2026-12-01", timezone="UTC"), course=grace, labels=("x",)
    )
    late = a_contract(name="late", expiry=Expiry(text="2026-12-10", timezone="UTC"))
    record(planning, early, late, servers=(a_server(labels=("y",), value=7),))

    seen = outlook(planning)

    assert seen.life is not None
    assert seen.life.contract == "late"
    assert seen.life.timeline.stop_at == datetime(2026, 12, 10, tzinfo=UTC)
    assert (seen.labels, seen.value, seen.store) == ({"x", "y"}, 7, "main")


def test_a_preset_says_what_follows_the_expiry(planning: Planning) -> None:
    record(planning, a_contract(provider="huawei", preset="huawei-ecs-international"))

    life = outlook(planning).life

    assert life is not None
    assert life.timeline.stop_at - life.timeline.expires == timedelta(days=15)


def test_a_renewal_moves_the_stop(planning: Planning) -> None:
    contract = a_contract()
    record(planning, contract)
    until = Expiry(text="2027-12-31", timezone="Asia/Shanghai")
    _, renewal = renew(contract, until, evidence="order 4711", who="li", at=NOW)
    with planning.units() as unit:
        unit.contracts.record_renewal(renewal)
        unit.commit()

    life = outlook(planning).life

    assert life is not None
    assert life.timeline.expires == datetime(2027, 12, 30, 16, tzinfo=UTC)


def test_a_closed_contract_leaves_its_reason(planning: Planning) -> None:
    contract = a_contract()
    record(planning, contract)
    with planning.units() as unit:
        unit.contracts.record_closing(close(contract, reason="migrated", who="li", at=LATER))
        unit.commit()

    seen = outlook(planning)

    assert (seen.life, seen.closed) == (None, "migrated")


def test_a_server_that_no_contract_ever_named_has_no_life(planning: Planning) -> None:
    record(planning)
    seen = outlook(planning)
    assert (seen.life, seen.closed, seen.copy, seen.attempt) == (None, None, None, None)


def test_a_store_with_the_same_provider_shares_the_fate(planning: Planning) -> None:
    record(
        planning,
        a_contract(name="near", provider="AWS", account="1"),
        a_contract(name="far", provider="aws", account="2", servers=("web-2",)),
        servers=(a_server(), a_server(name="web-2")),
    )
    assert "on the account 1" in outlook(planning).same_fate[0]
    assert outlook(planning, "web-2").same_fate == ()


def test_a_rented_bucket_that_goes_first_shares_the_fate(planning: Planning) -> None:
    bucket = a_contract(
        name="bucket",
        provider="wasabi",
        servers=(),
        stores=("main",),
        expiry=Expiry(text="2026-12-01", timezone="UTC"),
    )
    record(planning, a_contract(), bucket)
    (reason,) = outlook(planning).same_fate
    assert "may be destroyed at 2026-12-01T00:00:00Z by the contract bucket" in reason


def test_a_decision_counts_for_the_end_that_it_was_about(planning: Planning) -> None:
    contract = a_contract()
    record(planning, contract)
    said = Acknowledgement(
        contract=contract.name,
        decision=Decision.SNOOZE,
        until=LATER,
        reason="the budget is decided on Monday",
        who="li",
        at=NOW,
        expiry=contract.expiry,
    )
    with planning.units() as unit:
        unit.acknowledgements.record(said)
        unit.commit()

    assert outlook(planning).acknowledged == (
        "li said at 2026-11-23T06:01:01Z that nothing is decided yet, reminders rest until "
        "2026-11-23T07:01:01Z: the budget is decided on Monday"
    )

    until = Expiry(text="2027-12-31", timezone="Asia/Shanghai")
    _, renewal = renew(contract, until, evidence="order 4711", who="li", at=NOW)
    with planning.units() as unit:
        unit.contracts.record_renewal(renewal)
        unit.commit()
    assert outlook(planning).acknowledged == ""
