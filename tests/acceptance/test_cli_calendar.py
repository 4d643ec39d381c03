"""The dates of all contracts, for a calendar and for the eye."""

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from icalendar import Calendar

from tests.calendar_rules import check_calendar
from tests.parts.program import Program

WIDTH = 100


def in_days(days: int) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).date().isoformat()


def events(file: Path) -> dict[str, Any]:
    found = Calendar.from_ical(file.read_bytes()).walk("VEVENT")
    by_uid = {str(event["uid"]): event for event in found}
    assert len(by_uid) == len(found)
    return by_uid


@pytest.fixture
def fleet(installed: Program) -> Program:
    """A server with fifteen days of grace, and a domain."""
    installed.add_server("web-1")
    near = ("--server", "web-1", "--provider", "huawei", "--timezone", "UTC")
    phases = ("--phase", "stopped:0:renewal", "--phase", "released:15d:-")
    installed.do("contract", "add", "near", *near, "--expires", in_days(10), *phases)
    domain = ("--subject", "the domain example.org", "--provider", "gandi", "--timezone", "UTC")
    installed.do("contract", "add", "domain", *domain, "--expires", in_days(5))
    return installed


def test_a_calendar_has_the_dates_of_all_contracts(fleet: Program) -> None:
    """Four of the server's contract, three of the domain's, in the form that clients insist on."""
    file = fleet.folder / "dates.ics"
    fleet.do("calendar", str(file), "--alarm", "1d")

    raw = file.read_bytes()
    found = events(file)
    assert len(found) == 7
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    assert raw.count(b"\n") == raw.count(b"\r\n")
    assert max(map(len, raw.split(b"\r\n"))) <= 75
    for event in found.values():
        assert event["dtstamp"]
        assert event["dtend"].dt > event["dtstart"].dt
        assert event["dtstart"].dt.utcoffset() == timedelta()


def test_a_renewal_moves_the_same_events(fleet: Program) -> None:
    file = fleet.folder / "dates.ics"
    fleet.do("calendar", str(file))
    before = events(file)
    until = ("--until", in_days(400), "--timezone", "UTC", "--evidence", "order 4711")
    fleet.do("contract", "renew", "near", *until)
    fleet.do("calendar", str(file))
    after = events(file)
    assert set(after) == set(before)
    moved = {uid for uid in before if before[uid]["dtstart"].dt != after[uid]["dtstart"].dt}
    assert len(moved) == 4
    for uid in before:
        assert (int(after[uid]["sequence"]) > int(before[uid]["sequence"])) == (uid in moved)


def test_what_a_closed_contract_would_have_brought_is_cancelled(fleet: Program) -> None:
    """A client that only adds and changes what it is sent would keep it otherwise."""
    file = fleet.folder / "dates.ics"
    fleet.do("calendar", str(file))
    assert {str(event["status"]) for event in events(file).values()} == {"CONFIRMED"}
    fleet.do("contract", "close", "near", "--reason", "migrated to the new cloud")
    fleet.do("calendar", str(file))
    after = events(file)
    over = [event for event in after.values() if event["status"] == "CANCELLED"]
    assert len(over) == 4
    assert all(event["summary"].startswith("Cancelled: ") for event in over)
    assert sum("migrated to the new cloud" in event["description"] for event in over) == 3
    dates = fleet.ask("calendar")
    assert sum(date["cancelled"] for date in dates) == 3


def test_a_calendar_is_without_a_fault_by_the_letter_of_the_standard(fleet: Program) -> None:
    file = fleet.folder / "dates.ics"
    fleet.do("calendar", str(file), "--alarm", "7d", "--alarm", "90min")
    assert len(check_calendar(file.read_bytes())) == 7
    written = file.read_bytes()
    fleet.do("calendar", str(file), "--alarm", "7d", "--alarm", "90min")
    assert file.read_bytes() == written


def test_a_file_that_is_no_calendar_of_ours_is_left_alone(fleet: Program) -> None:
    file = fleet.folder / "letter.ics"
    file.write_text("Dear Li")
    assert fleet.run("calendar", str(file)).exit_code != 0
    assert file.read_text() == "Dear Li"


def test_the_way_to_the_end_is_drawn_within_a_screen(fleet: Program) -> None:
    drawn = fleet.do("timeline")
    assert "web-1" in drawn
    assert max(map(len, drawn.splitlines())) <= WIDTH
    assert fleet.do("timeline", "--ascii").isascii()


def test_only_the_wanted_verdicts_are_shown(fleet: Program) -> None:
    assert fleet.ask("status", "--verdict", "late,lost") == []
    assert len(fleet.ask("status", "--verdict", "at-risk")) == 2
    assert fleet.ask("status", "--verdict", "safe") == []
    assert fleet.run("status", "--verdict", "bad").exit_code == 2
