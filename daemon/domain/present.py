"""What time it is, where no single clock is believed."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from daemon.domain.instant import shift

#: Clocks this close say the same; every run starts a lead before it has to anyway.
SAME: Final = timedelta(seconds=1)
#: Clocks that differ by more disagree;
_DISAGREE: Final = timedelta(hours=1)
#: for so long, until the wall clock is believed.
_PATIENCE: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    """The present by the two clocks that count, and by the one that dates what is on record.

    Attributes:
        wall: What the clock says.
        carried: The instant at start, carried on by the monotonic clock. At the start the clock
            that is furthest ahead is believed, and the newest recorded event.
        database: What the database's clock says; it is our own one unless several hosts share it.
    """

    wall: datetime
    carried: datetime
    database: datetime

    def __iter__(self) -> Iterator[datetime]:
        """All three."""
        return iter((self.wall, self.carried, self.database))

    @property
    def is_certain(self) -> bool:
        """Whether all clocks say the same."""
        return max(self) - min(self) <= SAME


@dataclass(frozen=True, slots=True, kw_only=True)
class Bearing:
    """How the carried instant is kept from one look at the clocks to the next.

    Attributes:
        present: Of the last look.
        monotonic: The monotonic clock then, in seconds.
        apart_since: Since when, by the monotonic clock, the two disagree; None while they agree.
    """

    present: Present
    monotonic: float
    apart_since: float | None = None


def take_bearing(
    last: Bearing | None,
    wall: datetime,
    monotonic: float,
    newest: datetime | None,
    database: datetime,
) -> Bearing:
    """The present, given what it was at the last look.

    While we run, the monotonic clock says how much time has passed. What is recorded meanwhile says
    nothing more: a clock that is put forward would date it, and both instants would be ahead.

    Args:
        last: Of the last look; None at the start.
        wall: What the clock says.
        monotonic: The monotonic clock, in seconds.
        newest: When the newest event was recorded; None if there is none.
        database: What the database's clock says.
    """
    if last is None:
        carried, since = max(wall, database, newest or wall), None
    else:
        passed = timedelta(seconds=max(0.0, monotonic - last.monotonic))
        carried, since = shift(last.present.carried, passed), last.apart_since
    apart = abs(wall - carried) > _DISAGREE
    since = (monotonic if since is None else since) if apart else None
    if since is not None and monotonic - since > _PATIENCE.total_seconds():
        # A database of its own on another machine is a second opinion; else both say the same.
        carried, since = max(wall, database), None
    return Bearing(
        present=Present(wall=wall, carried=carried, database=database),
        monotonic=monotonic,
        apart_since=since,
    )
