"""Dates at which civil time does what few people think of."""

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from daemon.domain.contract import Expiry
from tests.simulation import zones

DAY = timedelta(days=1)
#: Both halves of the earth; half an hour; and countries whose clocks change at midnight, so that
#: there a day may begin at one o'clock or twice.
CHANGING = (
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "America/Santiago",
    "Africa/Cairo",
    "Asia/Beirut",
)
#: Around the hour that is skipped or comes twice.
MOMENTS = ("00:00", "00:30", "01:15", "01:30", "01:59", "02:00", "02:15", "02:30", "03:00", "23:30")
#: How far ahead a change of clocks is looked for.
AHEAD = 250


def odd_expiry(chance: random.Random, near: datetime) -> Expiry:
    """A change of clocks, a leap day, the end of a year, or our own country; not before `near`."""
    kind = chance.choice(("clocks", "clocks", "clocks", "leap", "own"))
    if kind == "own":
        return Expiry(text=f"{near:%Y-%m-%dT%H:%M}", timezone=zones.NAME)
    zone = chance.choice(CHANGING)
    day = _leap_day(near.date()) if kind == "leap" else _changing_day(zone, near.date())
    text = day.isoformat()
    if chance.random() < 0.8:
        text = f"{text}T{chance.choice(MOMENTS)}"
    return Expiry(text=text, timezone=zone)


def _leap_day(near: date) -> date:
    """The next 29 February, if it is near; otherwise the day after the 28th, or a year's end."""
    days = (near + DAY * number for number in range(AHEAD))
    return next((day for day in days if (day.month, day.day) in {(2, 29), (12, 31)}), near)


@cache
def _changing_day(zone: str, near: date) -> date:
    return next(_changes(ZoneInfo(zone), near), near)


def _changes(zone: ZoneInfo, near: date) -> Iterator[date]:
    """Days on which the clocks of a zone are changed, from the one before `near` on.

    The day before counts too: a change at midnight belongs to both.
    """
    for number in range(AHEAD):
        day = near + DAY * number
        begin = datetime.combine(day, time(), UTC)
        if begin.astimezone(zone).utcoffset() != (begin + DAY).astimezone(zone).utcoffset():
            yield day
