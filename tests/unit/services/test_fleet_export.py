"""What is exported means the same when it is imported again."""

from dataclasses import replace
from datetime import time
from pathlib import Path

import pytest
from hypothesis import given, settings

from daemon.domain.bandwidth import Stretch
from daemon.domain.contract import Contract, close
from daemon.domain.difference import compare
from daemon.domain.fleet import Fleet
from daemon.domain.staging import StagingChoice
from daemon.errors import AlreadyExists, InvalidValue
from daemon.services.fate_guard import FateGuard
from daemon.services.fleet_building import build
from daemon.services.fleet_checks import check
from daemon.services.fleet_csv import read_csv
from daemon.services.fleet_entries import FleetEntries
from daemon.services.fleet_export import save, write_csv, write_toml
from daemon.services.fleet_toml import read_toml
from tests.factories import NOW, a_contract, a_server
from tests.fleets import fleets, source


def changes(entries: FleetEntries, recorded: Fleet) -> list[str]:
    """What importing these entries would change, or complain about, a phrase each."""
    built = build(entries, recorded, NOW)
    difference = compare(recorded, built.fleet)
    found = check(difference, recorded, entries, built, FateGuard())
    servers, contracts = difference.servers, difference.contracts
    return [
        *(str(problem) for problem in (*entries.problems, *built.problems, *found)),
        *(f"adds {each.name}" for each in (*servers.added, *contracts.added)),
        *(f"changes {each.new.name}: {each.changes}" for each in servers.changed),
        *(f"changes {each.new.name}: {each.changes}" for each in contracts.changed),
        *(f"misses {name}" for name in (*servers.absent, *contracts.absent)),
    ]


@given(fleets())
@settings(max_examples=150, deadline=None)
def test_importing_an_export_changes_nothing_and_questions_nothing(fleet: Fleet) -> None:
    assert changes(read_toml(source(write_toml(fleet))), fleet) == []


@given(fleets())
@settings(max_examples=50, deadline=None)
def test_an_export_alone_is_enough_to_build_the_fleet_anew(fleet: Fleet) -> None:
    built = build(read_toml(source(write_toml(fleet))), Fleet(), NOW)

    assert built.problems == ()
    assert not compare(fleet, built.fleet)


@given(fleets())
@settings(max_examples=100, deadline=None)
def test_importing_exported_contracts_as_a_table_changes_nothing(fleet: Fleet) -> None:
    recorded = replace(fleet, contracts=tuple(map(spoken, fleet.contracts)))
    entries = read_csv(source(write_csv(recorded.contracts), name="contracts.csv"))

    assert [each for each in changes(entries, recorded) if not each.startswith("misses")] == []


def spoken(contract: Contract) -> Contract:
    """The contract with texts as a cell can hold them: without spaces at their ends."""
    return replace(
        contract,
        provider=contract.provider.strip(),
        reference=(contract.reference or "").strip(),
        account=(contract.account or "").strip(),
        subject=(contract.subject or "").strip(),
    )


def test_the_order_of_the_fleet_does_not_matter() -> None:
    one, two = a_server(name="a"), a_server(name="b")

    assert write_toml(Fleet(servers=(one, two))) == write_toml(Fleet(servers=(two, one)))


def test_only_what_is_no_default_is_written() -> None:
    text = write_toml(Fleet(servers=(a_server(bandwidth=10 * 1024**2),)))

    keys = [line.split(" = ")[0] for line in text.splitlines() if " = " in line]
    assert keys == ["host", "user", "host_key", "paths", "bandwidth"]
    assert 'bandwidth = "10 MiB"' in text


def test_rates_of_the_day_and_staging_come_back_as_they_went() -> None:
    rates = (Stretch(begin=time(8), rate=2 * 1024**2), Stretch(begin=time(18, 30), rate=None))
    server = a_server(rates=rates, staging=StagingChoice.WINDOW)

    text = write_toml(Fleet(servers=(server,)))

    assert 'bandwidth = "08:00 2 MiB, 18:30 off"' in text
    (again,) = build(read_toml(source(text)), Fleet(), NOW).fleet.servers
    assert (again.rates, again.staging) == (rates, StagingChoice.WINDOW)


def test_closed_contracts_are_left_out() -> None:
    closed = close(a_contract(), reason="migrated", who="li", at=NOW)

    assert "web-2026" not in write_toml(Fleet(contracts=(closed,)))
    assert write_csv((closed,)).count("\n") == 1


def test_a_file_is_written_whole_and_for_us_alone(tmp_path: Path) -> None:
    path = tmp_path / "fleet.toml"
    save(path, "one", replace=False)

    assert path.read_text() == "one"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [*tmp_path.iterdir()] == [path]


def test_a_file_that_is_there_is_replaced_only_when_asked(tmp_path: Path) -> None:
    path = tmp_path / "fleet.toml"
    path.write_text("mine")
    with pytest.raises(AlreadyExists) as refused:
        save(path, "two", replace=False)

    assert path.read_text() == "mine"
    assert "--force" in refused.value.hint
    save(path, "two", replace=True)
    assert path.read_text() == "two"
    assert [*tmp_path.iterdir()] == [path]


def test_a_place_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidValue, match="cannot be written: No such file or directory"):
        save(tmp_path / "none" / "fleet.toml", "x", replace=False)
