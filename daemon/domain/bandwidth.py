"""How much bandwidth there is at which time of the day. Pure."""

from dataclasses import dataclass
from datetime import datetime, time
from zoneinfo import ZoneInfo


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
        return min((each.rate for each in self.stretches if each.rate is not None), default=None)

    def at(self, instant: datetime) -> int | None:
        """Bytes a second at an instant, or None for no limit."""
        civil = instant.astimezone(ZoneInfo(self.timezone)).time()
        begun = [stretch for stretch in self.stretches if stretch.begin <= civil]
        return (begun or self.stretches)[-1].rate
