"""How much bandwidth there is at which time of the day. Pure."""

from dataclasses import dataclass, replace
from datetime import datetime, time
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

from daemon.errors import InvalidValue

#: Bytes a second; less is not meant, and nothing would ever end.
LOWEST_RATE: Final = 1024
_UNITS: Final = (("MiB", 1024**2), ("KiB", 1024))


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """From a time of the day on, until the next stretch begins.

    Attributes:
        begin: Civil time.
        rate: Bytes a second; None for no limit.
    """

    begin: time
    rate: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bandwidth:
    """A limit that may differ by the time of the day.

    Attributes:
        stretches: In the order of the day; before the first one, the last one of the day before
            still holds. At least one.
        timezone: IANA name of the civil times' zone.
    """

    stretches: tuple[Stretch, ...]
    timezone: str = "UTC"

    @classmethod
    def constant(cls, rate: int) -> "Bandwidth":
        """The same around the clock."""
        return cls(stretches=(Stretch(begin=time(), rate=rate),))

    @property
    def slowest(self) -> int | None:
        """What there is at any time of the day: what is planned with. None for no limit."""
        return slowest_of(self.stretches)

    def at(self, instant: datetime) -> int | None:
        """Bytes a second at an instant, or None for no limit."""
        civil = instant.astimezone(ZoneInfo(self.timezone)).time()
        begun = [stretch for stretch in self.stretches if stretch.begin <= civil]
        return (begun or self.stretches)[-1].rate


def slowest_of(stretches: tuple[Stretch, ...]) -> int | None:
    """The lowest rate among them; None where there is no limit at any time."""
    return min((each.rate for each in stretches if each.rate is not None), default=None)


def raise_to(stretches: tuple[Stretch, ...], rate: int) -> tuple[Stretch, ...]:
    """The same with at least so many bytes a second at any time."""
    return tuple(
        each if each.rate is None else replace(each, rate=max(each.rate, rate))
        for each in stretches
    )


def check_stretches(stretches: tuple[Stretch, ...]) -> tuple[Stretch, ...]:
    """Give them back.

    Raises:
        InvalidValue: they are not in the order of the day, a rate is too low to be meant, or
            nothing is limited at any time.
    """
    begins = [stretch.begin for stretch in stretches]
    if any(later <= earlier for earlier, later in pairwise(begins)):
        raise InvalidValue("The bandwidth does not name its times in the order of the day.")
    slowest = slowest_of(stretches)
    if slowest is None:
        raise InvalidValue("The bandwidth has no limit at any time; leave it out for none.")
    if slowest < LOWEST_RATE:
        raise InvalidValue(
            f"A bandwidth of {slowest} bytes a second is too small to be meant.",
            hint=f"Give at least {LOWEST_RATE}, or none for no limit.",
        )
    return stretches


def write_stretches(stretches: tuple[Stretch, ...]) -> str:
    """As people write them: `08:00 2 MiB, 18:00 off`."""
    return ", ".join(f"{each.begin:%H:%M} {write_rate(each.rate)}" for each in stretches)


def write_rate(rate: int | None) -> str:
    """`2 MiB` where that is exact, else bytes; `off` for no limit."""
    if rate is None:
        return "off"
    exact = ((unit, worth) for unit, worth in _UNITS if rate % worth == 0)
    unit, worth = next(exact, ("", 1))
    return f"{rate // worth} {unit}".rstrip()
