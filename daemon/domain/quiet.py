"""Stretches of the day in which only deadlines start runs, laid against the calendar."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from daemon.domain.plan import QuietHours

_DAY = timedelta(days=1)


def quiet_until(stretches: Sequence[QuietHours], at: datetime) -> datetime | None:
    """When quiet ends that holds at `at`, adjoining stretches taken together; None outside.

    A civil time that clocks show twice begins a stretch at its first pass and ends one at its
    second; one that they skip is read with whichever offset makes the stretch longer. A stretch
    that begins when it ends is empty. Stretches that leave no minute of the day free hold nobody
    back, since nobody could wait for their end; nor do those of a zone this machine does not know.
    """
    ends = at
    for _ in range(len(stretches) + 1):
        later = _end_of_one(stretches, ends)
        if later is None:
            return ends if ends > at else None
        ends = later
    return None


def _end_of_one(stretches: Sequence[QuietHours], at: datetime) -> datetime | None:
    """The latest end of those that hold at `at`."""
    return max(
        (end for stretch in stretches for begin, end in _around(stretch, at) if begin <= at < end),
        default=None,
    )


def _around(stretch: QuietHours, at: datetime) -> Iterator[tuple[datetime, datetime]]:
    """The stretch as it falls on the day of `at`, where that is the zone's, and the one before."""
    zone = _load_zone(stretch.timezone)
    if zone is None or stretch.begin == stretch.end:
        return
    try:
        today = at.astimezone(zone).date()
        days = (today - _DAY, today)
        spans = [_on(day, stretch, zone) for day in days]
    except (OverflowError, ValueError):
        return  # at the calendar's ends
    yield from spans


def _on(day: date, stretch: QuietHours, zone: ZoneInfo) -> tuple[datetime, datetime]:
    last = day + _DAY if stretch.end <= stretch.begin else day
    return min(_passes(day, stretch.begin, zone)), max(_passes(last, stretch.end, zone))


def _passes(day: date, civil: time, zone: ZoneInfo) -> list[datetime]:
    local = datetime.combine(day, civil)
    return [local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)]


@lru_cache(maxsize=64)
def _load_zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None
