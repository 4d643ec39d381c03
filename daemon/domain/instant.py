"""Instants: aware, in UTC, and written one way."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from daemon.errors import InvalidValue

_WRITTEN: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z", re.ASCII)

#: The first and the last instant that there is a value for.
EARLIEST: Final = datetime.min.replace(tzinfo=UTC)
LATEST: Final = datetime.max.replace(tzinfo=UTC)


def as_utc(at: datetime) -> datetime:
    """The same instant in UTC.

    Raises:
        InvalidValue: `at` is naive: nobody can say which instant it means.
    """
    if at.utcoffset() is None:
        raise InvalidValue(f"The time {at.isoformat()} has no UTC offset.")
    return at.astimezone(UTC)


def shift(at: datetime, by: timedelta) -> datetime:
    """`at + by` in UTC, held at the ends of what a calendar can hold: it never fails."""
    try:
        return (at if at.tzinfo is UTC else as_utc(at)) + by
    except OverflowError:
        return LATEST if by > timedelta() else EARLIEST


def write_instant(at: datetime) -> str:
    """ISO 8601 in UTC: `2026-11-23T06:01:01Z`, with six decimals only where they are not zero."""
    return as_utc(at).isoformat().removesuffix("+00:00") + "Z"


def write_second(at: datetime) -> str:
    """Like `write_instant`, cut to the whole second that had begun, for people and scripts."""
    return write_instant(at.replace(microsecond=0))


def read_instant(text: str) -> datetime:
    """The instant that `write_instant` wrote.

    Raises:
        InvalidValue: any other form, however plausible.
    """
    try:
        if _WRITTEN.fullmatch(text):
            return datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidValue(f"{text!r} is not a calendar time.") from error
    raise InvalidValue(f"{text!r} is not an instant like 2026-11-23T06:01:01Z.")
