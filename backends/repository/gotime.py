"""Instants as Go's `encoding/json` writes them: RFC 3339 with as many fraction digits as needed."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from backends.errors import RepositoryDamaged

_INSTANT: Final = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)", re.ASCII
)


def utc_now() -> datetime:
    """The wall clock; callers that must be predictable pass their own in its place."""
    return datetime.now(UTC)


def format_instant(instant: datetime) -> str:
    """The text of an aware instant, e.g. `2026-01-02T03:04:05.12Z`.

    Raises:
        ValueError: the instant has no time zone.
    """
    if instant.utcoffset() is None:
        raise ValueError("An instant needs a time zone.")
    fraction = f".{instant.microsecond:06d}".rstrip("0").rstrip(".")
    whole = instant.replace(microsecond=0).isoformat()
    head, zone = whole[:19], whole[19:]
    return f"{head}{fraction}{'Z' if zone == '+00:00' else zone}"


def parse_instant(text: str) -> datetime:
    """The instant that Go wrote, cut to microseconds.

    Raises:
        RepositoryDamaged: not such a text, or outside the years 1 to 9999.
    """
    match = _INSTANT.fullmatch(text)
    if match is None:
        raise RepositoryDamaged(f"Not a point in time: {text[:60]!r}.")
    whole, fraction, zone = match.groups()
    try:
        instant = datetime.fromisoformat(whole + zone)
    except ValueError as error:
        raise RepositoryDamaged(f"Not a point in time: {text[:60]!r}.") from error
    return instant + timedelta(microseconds=int((fraction or "0").ljust(9, "0")) // 1000)
