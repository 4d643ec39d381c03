"""How fast a restore goes, and how long it will take."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from daemon.clock import Clock, SystemClock

if TYPE_CHECKING:  # what restores is of no interest to a backup
    from backends.repository.restore_report import RestoreProgress

RestoreStep = Callable[["RestoreProgress"], None]

#: Before so many seconds a rate says little.
_SETTLED: Final = 1.0


class RestoreTotal(Protocol):
    """How much there is to do."""

    @property
    def files(self) -> int:
        """Regular files."""

    @property
    def bytes(self) -> int:
        """Their content."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreStanding:
    """How far a restore is.

    Attributes:
        files: Whole files.
        bytes: Of content.
        kept_bytes: Those of them that were there already.
        rate: Bytes a second that were written, since the beginning.
        seconds_left: At this rate; None where nothing can be said yet.
    """

    files: int
    bytes: int
    kept_bytes: int
    rate: int
    seconds_left: float | None


class Pace:
    """Takes counters from one thread and is read by another."""

    def __init__(self, total: RestoreTotal, clock: Clock | None = None) -> None:
        from backends.repository.restore_report import (  # noqa: PLC0415 - see above
            RestoreProgress,
        )

        self._total = total
        self._clock = clock or SystemClock()
        self._begun = self._clock.monotonic()
        self._now = RestoreProgress(files=0, bytes=0)

    def take(self, now: "RestoreProgress") -> None:
        """So much is done."""
        self._now = now

    def read(self) -> RestoreStanding:
        """What it comes to."""
        now, seconds = self._now, self._clock.monotonic() - self._begun
        # What was there already came at another speed.
        rate = (now.bytes - now.kept_bytes) / seconds if seconds > _SETTLED else 0.0
        left = max(0, self._total.bytes - now.bytes)
        return RestoreStanding(
            files=now.files,
            bytes=now.bytes,
            kept_bytes=now.kept_bytes,
            rate=round(rate),
            seconds_left=left / rate if rate else None,
        )
