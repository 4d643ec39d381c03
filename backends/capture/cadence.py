"""When the next checkpoint is due. Pure: instants are seconds of one clock, and come from outside.

A checkpoint should be over one interval after the one before was begun, so that whatever happens,
what arrived before the last interval is safe. It is begun so much earlier as the last one took,
most of which it waited for packs to be uploaded. What it costs is another matter: the processor
time of looking at what arrived, and the records that are written. That may be a twentieth of the
time, and where it would be more, the interval grows.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

#: Of the time, how much checkpoints may cost: one in so many seconds.
SHARE: Final = 20
#: Of the interval, how much of it a checkpoint may be begun early.
_EARLIEST: Final = 0.5


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
        self._interval = interval
        self._began = began
        self._early = 0.0
        self._rest = 0.0

    def is_due(self, now: float, waiting: int) -> bool:
        """Whether to begin one now that so many bytes wait for it."""
        since = now - self._began
        if since < self._rest:
            return False
        every = self._interval.every.total_seconds()
        return since >= every - self._early or waiting >= self._interval.size

    def note(self, began: float, ended: float, cost: float) -> None:
        """One was made; of its time it has cost so many seconds."""
        every = self._interval.every.total_seconds()
        self._began = began
        self._early = min(ended - began, every * _EARLIEST)
        self._rest = cost * SHARE
