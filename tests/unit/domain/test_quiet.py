"""Quiet hours on the calendar: over midnight, where clocks change, and at its ends."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.domain.instant import EARLIEST, LATEST
from daemon.domain.plan import QuietHours
from daemon.domain.quiet import quiet_until

DAY = timedelta(days=1)
ZONES = ("UTC", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Apia")
TIMES = st.integers(0, 1439).map(lambda minute: time(minute // 60, minute % 60))
STRETCHES = st.builds(QuietHours, begin=TIMES, end=TIMES, timezone=st.sampled_from(ZONES))
INSTANTS = st.datetimes(
    datetime(2010, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    datetime(2040, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    timezones=st.just(UTC),
)


def quiet(begin: int, end: int, zone: str = "UTC") -> QuietHours:
    return QuietHours(begin=time(begin), end=time(end), timezone=zone)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


NIGHT = (quiet(22, 6),)


@pytest.mark.parametrize(
    ("at", "until"),
    [
        ("2026-11-23T21:59:59", None),
        ("2026-11-23T22:00:00", "2026-11-24T06:00:00"),
        ("2026-11-23T23:59:59", "2026-11-24T06:00:00"),
        ("2026-11-24T00:00:00", "2026-11-24T06:00:00"),
        ("2026-11-24T05:59:59", "2026-11-24T06:00:00"),
        ("2026-11-24T06:00:00", None),
    ],
)
def test_a_night_goes_over_midnight_and_ends_at_its_end(at, until):
    assert quiet_until(NIGHT, utc(at)) == (utc(until) if until else None)


@pytest.mark.parametrize(
    ("at", "until"),
    [
        # Berlin, 29 March 2026: 02:00 to 03:00 is skipped at 01:00 UTC.
        ("2026-03-28T21:00:00", "2026-03-29T04:00:00"),
        ("2026-03-29T20:00:00", "2026-03-30T04:00:00"),
        # 25 October 2026: 02:00 to 03:00 is shown twice.
        ("2026-10-24T20:00:00", "2026-10-25T05:00:00"),
        ("2026-10-25T04:59:59", "2026-10-25T05:00:00"),
    ],
)
def test_a_night_ends_at_six_by_the_clocks_that_were_changed_in_it(at, until):
    assert quiet_until((quiet(22, 6, "Europe/Berlin"),), utc(at)) == utc(until)


def test_an_hour_that_clocks_show_twice_is_quiet_both_times():
    hour = (quiet(2, 3, "Europe/Berlin"),)
    for at in ("2026-10-25T00:00:00", "2026-10-25T00:59:59", "2026-10-25T01:30:00"):
        assert quiet_until(hour, utc(at)) == utc("2026-10-25T02:00:00")


def test_adjoining_stretches_are_one():
    assert quiet_until((quiet(20, 23), quiet(22, 2)), utc("2026-11-23T21:00:00")) == utc(
        "2026-11-24T02:00:00"
    )


@pytest.mark.parametrize(
    "stretches",
    [(), (quiet(5, 5),), (quiet(0, 12), quiet(12, 0)), (quiet(0, 23, "Mars/Olympus"),)],
    ids=["none", "empty", "the whole day", "unknown zone"],
)
def test_stretches_that_nobody_could_wait_for_hold_nobody_back(stretches):
    assert quiet_until(stretches, utc("2026-11-23T03:00:00")) is None


@pytest.mark.parametrize("zone", ZONES)
def test_the_calendars_ends_are_no_error(zone):
    for at in (EARLIEST, EARLIEST + DAY, LATEST - DAY, LATEST):
        until = quiet_until((quiet(22, 6, zone), quiet(3, 9, zone)), at)
        assert until is None or until > at


@given(st.lists(STRETCHES, max_size=3), INSTANTS)
@settings(deadline=None, max_examples=150, derandomize=True)
def test_quiet_ends_later_and_then_it_is_not_quiet(stretches, at):
    until = quiet_until(stretches, at)
    if until is not None:
        assert until > at
        assert quiet_until(stretches, until) is None


@given(STRETCHES, INSTANTS)
@settings(deadline=None, max_examples=150, derandomize=True)
def test_on_a_day_without_a_clock_change_the_civil_time_decides(stretch, at):
    zone = ZoneInfo(stretch.timezone)
    offsets = {(at + days * DAY).astimezone(zone).utcoffset() for days in (-3, -1, 0, 1, 3)}
    civil = at.astimezone(zone).time()
    begin, end = stretch.begin, stretch.end
    inside = begin <= civil < end if begin < end else begin != end and not end <= civil < begin
    if len(offsets) == 1:
        assert (quiet_until([stretch], at) is not None) == inside
