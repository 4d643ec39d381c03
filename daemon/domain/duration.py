"""Lengths of time as people write and read them: `1d12h` in files, `1 d 12 h` in sentences."""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from daemon.errors import InvalidValue

#: Longest first, so that writing uses the largest units. A month or a year has no fixed length,
#: and is no unit here.
_UNITS: Final[Mapping[str, timedelta]] = {
    "w": timedelta(weeks=1),
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "min": timedelta(minutes=1),
    "s": timedelta(seconds=1),
}
_WHOLE: Final = re.compile(r"-?(\d{1,9}(w|d|h|min|s))+|0", re.ASCII)
_PART: Final = re.compile(r"(\d{1,9})(w|d|h|min|s)", re.ASCII)
#: Longer ones would lead out of what a calendar can hold.
_LONGEST: Final = timedelta(days=36_500)


def read_duration(text: str) -> timedelta:
    """The length that `text` names: whole numbers of w, d, h, min and s, `-` in front, or `0`.

    Raises:
        InvalidValue: any other form, or longer than a hundred years.
    """
    if not _WHOLE.fullmatch(text):
        raise InvalidValue(
            f"{text!r} is not a length of time.", hint="Write 15d, 6h, 90min or 1d12h."
        )
    sign = -1 if text.startswith("-") else 1
    seconds = sum(
        int(count) * int(_UNITS[unit].total_seconds()) for count, unit in _PART.findall(text)
    )
    if seconds > _LONGEST.total_seconds():
        raise InvalidValue(f"{text} is longer than a hundred years.")
    return sign * timedelta(seconds=seconds)


def write_duration(length: timedelta) -> str:
    """The shortest text that `read_duration` reads as `length`, to the whole second."""
    rest = abs(int(length.total_seconds()))
    parts = []
    for unit, worth in _UNITS.items():
        if unit == "w":
            continue  # `15d` says more to people than `2w1d`
        count, rest = divmod(rest, int(worth.total_seconds()))
        parts.append(f"{count}{unit}" if count else "")
    text = "".join(parts)
    return f"-{text}" if text and length < timedelta() else text or "0"


def check_timeout(timeout: timedelta, longest: timedelta, what: str) -> None:
    """Raise InvalidValue unless something can be given so long: whole seconds, one to the most."""
    if timeout.microseconds or not timedelta(seconds=1) <= timeout <= longest:
        raise InvalidValue(
            f"{what} cannot be given {timeout.total_seconds():g} seconds.",
            hint=f"Allow whole seconds from 1s to {write_duration(longest)}.",
        )


def span(duration: timedelta) -> str:
    """A duration for people, in its two largest units: `3 d 4 h`; negative ones get a minus."""
    seconds = int(abs(duration.total_seconds()))
    sign = "-" if duration < timedelta() else ""
    days, rest = divmod(seconds, 86400)
    hours, rest = divmod(rest, 3600)
    minutes, rest = divmod(rest, 60)
    parts = [(days, "d"), (hours, "h"), (minutes, "min"), (rest, "s")]
    largest = next((i for i, (value, _) in enumerate(parts) if value), len(parts) - 1)
    shown = [f"{value} {unit}" for value, unit in parts[largest : largest + 2] if value]
    return sign + " ".join(shown or ["0 s"])
