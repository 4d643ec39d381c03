"""Times of files as Go writes them to JSON: RFC 3339 with up to nine digits of a second.

Nanoseconds since 1970 are plain integers here; Python's `datetime` ends at microseconds and at
the years 1 and 9999, and file systems hold times beyond both.
"""

import re
from datetime import date
from functools import lru_cache

from backends.errors import RepositoryDamaged

_SECOND = 1_000_000_000
_DAY = 86_400
#: The Gregorian calendar repeats after 400 years.
_CYCLE_YEARS, _CYCLE_DAYS = 400, 146_097
_EPOCH = date(1970, 1, 1).toordinal()
_LAST_YEAR = 9999

#: What Go's zero `time.Time` is written as; a time that is absent from JSON means this one.
ZERO_TIME = "0001-01-01T00:00:00Z"

_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)T([01]\d|2[0-3]):([0-5]\d):([0-5]\d)(?:[.,](\d+))?"
    r"(?:Z|([+-])([01]\d|2[0-3]):([0-5]\d))",
    re.ASCII,
)


@lru_cache(maxsize=4096)
def format_time(nanoseconds: int) -> str:
    """Write nanoseconds since 1970 as Go's `RFC3339Nano` in UTC, e.g. `2026-01-02T03:04:05.6Z`.

    A year before 0 becomes 0, one after 9999 becomes 9999, as restic does with file times.
    """
    seconds, fraction = divmod(nanoseconds, _SECOND)
    digits = f".{fraction:09d}".rstrip("0") if fraction else ""
    return f"{_format_second(seconds)}{digits}Z"


@lru_cache(maxsize=1024)
def _format_second(seconds: int) -> str:
    """Many files change within one second."""
    days, clock = divmod(seconds, _DAY)
    minutes, second = divmod(clock, 60)
    hour, minute = divmod(minutes, 60)
    return f"{_format_day(days)}T{hour:02d}:{minute:02d}:{second:02d}"


@lru_cache(maxsize=4096)
def _format_day(days: int) -> str:
    cycles, within = divmod(days + _EPOCH - 1, _CYCLE_DAYS)
    day = date.fromordinal(within + 1)
    year = day.year + cycles * _CYCLE_YEARS
    month, number = day.month, day.day
    if year > _LAST_YEAR and (month, number) == (2, 29):  # 9999 is no leap year
        month, number = 3, 1
    return f"{min(max(year, 0), _LAST_YEAR):04d}-{month:02d}-{number:02d}"


@lru_cache(maxsize=4096)
def parse_time(text: str) -> int:
    """Read an RFC 3339 time of any zone as nanoseconds since 1970.

    Raises:
        RepositoryDamaged: it is not such a time.
    """
    found = _TIME.fullmatch(text)
    if found is None:
        raise RepositoryDamaged(f"Not a time: {text!r}.")
    day, hour, minute, second, fraction, sign, zone_hours, zone_minutes = found.groups()
    seconds = _parse_day(day) * _DAY + int(hour) * 3600 + int(minute) * 60 + int(second)
    if sign:
        offset = int(zone_hours) * 3600 + int(zone_minutes) * 60
        seconds += offset if sign == "-" else -offset
    return seconds * _SECOND + (int(fraction[:9].ljust(9, "0")) if fraction else 0)


@lru_cache(maxsize=4096)
def _parse_day(text: str) -> int:
    """Count days since 1970; `date` knows no year 0, so it stands in by the year 400."""
    year, month, day = int(text[:4]), int(text[5:7]), int(text[8:])
    try:
        ordinal = date(year or _CYCLE_YEARS, month, day).toordinal()
    except ValueError as error:
        raise RepositoryDamaged(f"Not a date: {text!r}.") from error
    return ordinal - _EPOCH - (0 if year else _CYCLE_DAYS)
