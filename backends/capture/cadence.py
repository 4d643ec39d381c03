"""When the next checkpoint is due. Pure: instants are seconds of one clock, and come from outside.

A checkpoint shows what had arrived at an instant, its *cut*. It should be over one interval after
the cut of the one before, so that whatever happens, what arrived before the last interval is safe.
So it is begun as much earlier as it will take: until what is packed is sent off, which the store's
pace tells, and as long as the last one took from its cut on. Before anything is known, half of the
interval is taken for it.

What it costs is another matter: the processor time of editing trees, and the records that are
written. That may be a twentieth of the time, and where it would be more, the interval grows.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

#: Of the time, how much checkpoints may cost: one in so many seconds.
SHARE: Final = 20
#: Of the interval, how much of it a checkpoint may be begun early.
EARLIEST: Final = 0.75
#: Of the interval, what one is taken to need that nobody knows anything of.
_UNKNOWN: Final = 0.5
#: Of the interval, what the first one is taken to need from its cut on.
_FIRST: Final = 0.1
#: Times the time that is expected: the line and the machine have others to serve.
_SURE: Final = 1.25


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointInterval:
    """When a checkpoint is made: after so much time, or so many bytes of new files."""

    every: timedelta = timedelta(minutes=1)
    size: int = 2**30


class Cadence:
    """Says when the next one is to be begun; used by one thread.

    Args:
        interval: What is wanted.
        began: When the first interval begins.
    """

    def __init__(self, interval: CheckpointInterval, began: float) -> None:
        self._every = interval.every.total_seconds()
        self._size = interval.size
        self._cut = began
        self._rested = began
        self._after = self._every * _FIRST

    def is_due(self, now: float, waiting: int, sending: float | None) -> bool:
        """Whether to begin one.

        Args:
            now: Seconds.
            waiting: Bytes that wait for it.
            sending: Seconds until what is packed by now would be sent off; None if unknown.
        """
        if now < self._rested:
            return False
        return now - self._cut >= self._every - self._early(sending) or waiting >= self._size

    def has_time(self, sending: float | None) -> bool:
        """Whether all that is packed may be sent off before the cut is made.

        The last checkpoint has aged by what it took itself before this one is begun. And where the
        line has no room to spare, as much is packed again by the cut, and takes as long once more:
        without time for both, the cut is made at once, and the next checkpoint follows.
        """
        return sending is None or sending + 2 * self._after < self._every

    def note(self, *, began: float, cut: float | None, ended: float, cost: float) -> None:
        """One was made, or with `cut` None there was nothing to be made; it cost so many seconds.

        `cut` is when it was settled what would be in it.
        """
        self._rested = began + cost * SHARE
        if cut is not None:
            self._cut, self._after = cut, ended - cut

    def _early(self, sending: float | None) -> float:
        if sending is None:
            return self._every * _UNKNOWN
        return min((sending + self._after) * _SURE, self._every * EARLIEST)
