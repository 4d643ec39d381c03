"""Bandwidth by the time of the day."""

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from daemon.domain.bandwidth import Bandwidth, Stretch

WORKDAY = Bandwidth(
    stretches=(Stretch(begin=time(8), rate=2_000_000), Stretch(begin=time(18), rate=None)),
    timezone="Europe/Kyiv",
)


def at(text: str) -> int | None:
    return WORKDAY.at(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Europe/Kyiv")))


def test_each_stretch_holds_until_the_next_and_the_last_one_over_midnight() -> None:
    assert at("2026-03-10T08:00") == 2_000_000
    assert at("2026-03-10T17:59:59") == 2_000_000
    assert at("2026-03-10T18:00") is None
    assert at("2026-03-11T07:59:59") is None


def test_times_are_those_of_the_zone_winter_and_summer() -> None:
    assert WORKDAY.at(datetime(2026, 1, 10, 6, 30, tzinfo=UTC)) == 2_000_000
    assert WORKDAY.at(datetime(2026, 1, 10, 5, 30, tzinfo=UTC)) is None
    assert WORKDAY.at(datetime(2026, 7, 10, 5, 30, tzinfo=UTC)) == 2_000_000


def test_planning_takes_the_slowest() -> None:
    assert WORKDAY.slowest == 2_000_000


def test_one_rate_holds_around_the_clock() -> None:
    constant = Bandwidth.constant(5000)

    assert constant.slowest == 5000
    assert constant.at(datetime(2026, 1, 1, tzinfo=UTC)) == 5000


@given(
    st.lists(st.times(), min_size=1, max_size=6, unique=True).map(sorted),
    st.datetimes(timezones=st.just(UTC)),
    st.sampled_from(["UTC", "Asia/Shanghai", "America/St_Johns"]),
)
def test_what_holds_is_the_newest_entry_of_the_day_or_of_the_day_before(
    begins: list[time], instant: datetime, zone: str
) -> None:
    bandwidth = Bandwidth(
        stretches=tuple(Stretch(begin=begin, rate=1024 + at) for at, begin in enumerate(begins)),
        timezone=zone,
    )
    try:
        civil = instant.astimezone(ZoneInfo(zone)).time()
    except OverflowError:
        return  # at the calendar's ends
    newest = max((begin for begin in begins if begin <= civil), default=begins[-1])

    assert bandwidth.at(instant) == 1024 + begins.index(newest)
