"""Files are imported into both kinds of database: all of it, once, with its evidence."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from daemon.domain.contract import Expiry, close
from daemon.domain.fate import StoreFate
from daemon.services.fate_guard import FateGuard
from daemon.services.fleet_export import write_toml
from daemon.services.fleet_import import FleetImport, ImportReport
from daemon.store.unit_of_work import UnitOfWork
from tests.factories import NOW, FakeClock, a_contract, a_server
from tests.fleets import CONTRACT, SERVER, sources

MAIN = {"main": StoreFate(name="main")}


@pytest.fixture
def fleet(open_unit: Callable[..., UnitOfWork]) -> FleetImport:
    guard = FateGuard(fates=MAIN, default_store="main")
    return FleetImport(units=open_unit, clock=FakeClock(), actor="li@ops", guard=guard)


def apply(
    fleet: FleetImport, text: str, *, name: str = "-", evidence: str | None = None
) -> ImportReport:
    """Import a text that nothing is wrong with."""
    found = sources(text, name=name)
    report = fleet.apply(found, evidence=evidence, watch=lambda _what, _done, _total: None)
    assert report.problems == ()
    return report


def refused(fleet: FleetImport, text: str) -> list[str]:
    """What is wrong with a text; nothing may have been recorded."""
    before = fleet.recorded()
    report = fleet.apply(sources(text), watch=lambda _what, _done, _total: None)
    assert fleet.recorded() == before
    return [str(problem) for problem in report.problems]


def trail(open_unit: Callable[..., UnitOfWork]) -> list[tuple[str, str]]:
    with open_unit(read_only=True) as unit:
        return [(event.kind, event.subject) for event in unit.audit.events()]


def test_a_fleet_is_recorded_with_an_event_for_each_part(
    fleet: FleetImport, open_unit: Callable[..., UnitOfWork]
) -> None:
    apply(fleet, SERVER + CONTRACT)

    recorded = fleet.recorded()
    assert recorded.servers == (a_server(),)
    assert recorded.contracts == (a_contract(),)
    assert trail(open_unit) == [("server.added", "web-1"), ("contract.added", "web-2026")]


def test_a_second_import_changes_nothing_and_records_nothing(
    fleet: FleetImport, open_unit: Callable[..., UnitOfWork]
) -> None:
    apply(fleet, SERVER + CONTRACT)
    before = trail(open_unit)
    report = apply(fleet, SERVER + CONTRACT)

    assert not report.difference
    assert trail(open_unit) == before


def test_a_preview_changes_nothing(
    fleet: FleetImport, open_unit: Callable[..., UnitOfWork]
) -> None:
    report = fleet.preview(sources(SERVER + CONTRACT))

    assert [server.name for server in report.difference.servers.added] == ["web-1"]
    assert trail(open_unit) == []


def test_a_date_that_moves_is_a_renewal_with_the_file_as_evidence(
    fleet: FleetImport, open_unit: Callable[..., UnitOfWork]
) -> None:
    apply(fleet, SERVER + CONTRACT)
    text = SERVER + CONTRACT.replace("2026-12-31", "2027-12-31")
    apply(fleet, text, name="new.toml")

    with open_unit(read_only=True) as unit:
        (renewal,) = unit.contracts.renewals("web-2026")
        (contract,) = unit.contracts.list()
    digest = sources(text).readable[0].sha256
    assert (
        contract.expiry == renewal.new_expiry == Expiry(text="2027-12-31", timezone="Asia/Shanghai")
    )
    assert renewal.old_expiry.text == "2026-12-31"
    assert (renewal.who, renewal.evidence) == ("li@ops", f"import of new.toml (sha256 {digest})")


def test_a_person_may_give_other_evidence_and_change_more_than_the_date(
    fleet: FleetImport, open_unit: Callable[..., UnitOfWork]
) -> None:
    apply(fleet, SERVER + CONTRACT)
    other = CONTRACT.replace("2026-12-31", "2026-12-01").replace("aliyun", "ovh")
    report = apply(fleet, SERVER + other, evidence="mail of May 3")

    with open_unit(read_only=True) as unit:
        (renewal,) = unit.contracts.renewals("web-2026")
    assert renewal.evidence == "mail of May 3"
    assert "ends earlier now" in report.warnings[0]
    assert trail(open_unit)[2:] == [
        ("contract.updated", "web-2026"),
        ("contract.moved", "web-2026"),
    ]
    (contract,) = fleet.recorded().contracts
    assert (contract.provider, contract.expiry.text) == ("ovh", "2026-12-01")


def test_one_problem_keeps_everything_out(fleet: FleetImport) -> None:
    (problem,) = refused(fleet, SERVER + CONTRACT + 'stores = ["mian"]\n')

    assert "names no store of the settings: 'mian'; did you mean `main`?" in problem


def test_what_is_recorded_is_never_removed(fleet: FleetImport) -> None:
    apply(fleet, SERVER + CONTRACT)
    report = apply(fleet, "")

    assert report.difference.servers.absent == ("web-1",)
    assert report.difference.contracts.absent == ("web-2026",)
    assert len(fleet.recorded().servers) == 1


def close_contract(open_unit: Callable[..., UnitOfWork]) -> None:
    with open_unit() as unit:
        contract = close(unit.contracts.get("web-2026"), reason="moved", who="li", at=NOW)
        unit.contracts.record_closing(contract)
        unit.commit()


def test_a_closed_contract_stays_closed_and_is_named(
    fleet: FleetImport, open_unit: Callable[..., UnitOfWork]
) -> None:
    apply(fleet, SERVER + CONTRACT)
    close_contract(open_unit)
    report = apply(fleet, SERVER + CONTRACT)

    assert not report.difference
    assert report.closed == ("web-2026",)


def test_a_closed_contract_with_another_date_is_a_question_for_a_person(
    fleet: FleetImport, open_unit: Callable[..., UnitOfWork]
) -> None:
    apply(fleet, SERVER + CONTRACT)
    close_contract(open_unit)

    (problem,) = refused(fleet, SERVER + CONTRACT.replace("2026-12-31", "2027-12-31"))
    assert problem.endswith("Give what follows it a name of its own.")


def test_a_store_that_perishes_with_its_server_is_refused_until_accepted(
    fleet: FleetImport,
) -> None:
    fates = {"main": StoreFate(name="main", provider="Alibaba Cloud")}
    doomed = replace(fleet, guard=FateGuard(fates=fates, default_store="main"))

    (problem,) = refused(doomed, SERVER + CONTRACT)
    assert "[servers.web-1] `store` is refused" in problem
    assert "fate_accepted = true" in problem
    apply(doomed, SERVER + "fate_accepted = true\n" + CONTRACT)
    assert doomed.recorded().servers[0].fate_accepted


def test_what_is_recorded_already_is_not_questioned(fleet: FleetImport) -> None:
    apply(fleet, SERVER + 'store = "main"\n' + CONTRACT)
    elsewhere = replace(fleet, guard=FateGuard(fates={}, default_store=None))

    assert not apply(elsewhere, write_toml(fleet.recorded())).difference


def test_a_key_that_is_taken_out_goes_back_to_its_default(fleet: FleetImport) -> None:
    apply(fleet, SERVER + "sudo = true\n")
    apply(fleet, SERVER)

    assert fleet.recorded().servers == (a_server(),)
