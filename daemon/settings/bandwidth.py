"""`bandwidth = "10 MiB"`, or by the time of the day: `bandwidth = "08:00 2 MiB, 18:00 off"`."""

import re
from datetime import time
from itertools import pairwise
from typing import Annotated, Final

from pydantic import BeforeValidator, ByteSize, PlainSerializer, TypeAdapter, WithJsonSchema

from daemon.domain.bandwidth import LOWEST_RATE, Bandwidth, Stretch
from daemon.errors import InvalidValue

_ENTRY: Final = re.compile(r"(\d\d:\d\d)\s+(.+)", re.ASCII)
_OFF: Final = "off"
#: What to write instead of what cannot be read.
RATES_HINT: Final = "Write `10 MiB`, or by the time of the day `08:00 2 MiB, 18:00 off`."
_SIZE: Final = TypeAdapter(ByteSize)


def read_bandwidth(text: str, timezone: str) -> Bandwidth:
    """What a checked text says; see `BandwidthText`."""
    entries = [entry.strip() for entry in text.split(",")]
    if len(entries) == 1 and not _ENTRY.fullmatch(entries[0]):
        return Bandwidth.constant(_read_rate(entries[0]))
    return Bandwidth(stretches=tuple(map(_read_stretch, entries)), timezone=timezone)


def _check(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError("must be a size like `10 MiB`")  # noqa: TRY004 - pydantic's way
    bandwidth = read_bandwidth(str(value), "UTC")
    begins = [stretch.begin for stretch in bandwidth.stretches]
    if any(later <= earlier for earlier, later in pairwise(begins)):
        raise ValueError("must name its times in the order of the day, each once")
    if bandwidth.slowest is None:
        raise ValueError("must have a limit at some time of the day; leave it out for none")
    return str(value)


def _read_stretch(entry: str) -> Stretch:
    found = _ENTRY.fullmatch(entry)
    if not found:
        raise ValueError("must look like `10 MiB` or like `08:00 2 MiB, 18:00 off`")
    try:
        begin = time.fromisoformat(found[1])
    except ValueError as error:
        raise ValueError(f"has {found[1]}, which is no time of the day") from error
    return Stretch(begin=begin, rate=None if found[2] == _OFF else _read_rate(found[2]))


def _read_rate(text: str) -> int:
    try:
        rate = int(_SIZE.validate_python(text))
    except ValueError as error:
        raise ValueError(f"has `{text}`, which is no size like `10 MiB`") from error
    if rate < LOWEST_RATE:
        raise ValueError(f"must be at least {LOWEST_RATE} bytes a second")
    return rate


def read_rates(text: str) -> tuple[Stretch, ...]:
    """What a person typed: one stretch around the clock, or several. Checked later, with the rest.

    Raises:
        InvalidValue: it is neither a size nor such a list.
    """
    try:
        return read_bandwidth(text.strip().removesuffix("/s"), "UTC").stretches
    except ValueError as error:
        raise InvalidValue(f"The bandwidth {error}.", hint=RATES_HINT) from error


#: Bytes a second, or a list of them by the time of the day.
BandwidthText = Annotated[
    str,
    BeforeValidator(_check),
    PlainSerializer(str),
    WithJsonSchema(
        {"type": ["string", "integer"], "examples": ["10 MiB", "08:00 2 MiB, 18:00 off"]}
    ),
]
