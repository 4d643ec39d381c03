"""Reads a capture's counters, and sees that everybody is told the same: screen, log, database."""

from collections import deque
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from backends.capture.progress import CaptureProgress
from daemon.clock import Clock
from daemon.domain.progress import Progress
from daemon.domain.run import Run
from daemon.domain.verification import Depth
from daemon.errors import DatabaseError
from daemon.log import LOG
from daemon.services.proof_watcher import ProofWatcher, Step
from daemon.services.repetition import repeat
from daemon.services.units import Units

#: Seconds between two recorded readings of a run.
RECORD_SECONDS: Final = 5.0
#: Over so many seconds a rate is taken: long enough to be calm, short enough to be true.
_WINDOW: Final = 30.0
#: Seconds that a rate must rest on.
_SETTLED: Final = 0.5


class Gauge:
    """Reads one capture's counters; any thread may ask.

    Args:
        progress: The counters.
        clock: The time.
        finish_by: When the run has to be over; None without a contract.
    """

    def __init__(
        self, progress: CaptureProgress, clock: Clock, finish_by: datetime | None = None
    ) -> None:
        self._progress = progress
        self._clock = clock
        self._finish_by = finish_by
        self._seen = deque([(clock.monotonic(), progress.read().read_bytes)])

    def read(self) -> Progress:
        """The counters at this moment, with a rate and the deadline."""
        now = self._progress.read()
        return Progress(
            at=self._clock.now(),
            phase=f"dumping {now.dump}" if now.dump else now.phase.value,
            arrived_files=now.arrived_files,
            arrived_bytes=now.arrived_bytes,
            stored_files=now.stored_files,
            stored_bytes=now.stored_bytes,
            read_bytes=now.read_bytes,
            safe_files=now.safe_files,
            safe_bytes=now.safe_bytes,
            rate=self._rate(now.read_bytes),
            expected_bytes=now.expected_bytes,
            finish_by=self._finish_by,
        )

    def _rate(self, amount: int) -> int:
        at = self._clock.monotonic()
        self._seen.append((at, amount))
        while self._seen[1][0] <= at - _WINDOW:  # the one just added is younger
            self._seen.popleft()
        since, before = self._seen[0]
        return round((amount - before) / (at - since)) if at - since >= _SETTLED else 0


class RunWatcher(ProofWatcher, Protocol):
    """As `BackupObserver`, but shown a gauge where that is shown bare counters."""

    @property
    def wants_estimate(self) -> bool:
        """See `BackupObserver.wants_estimate`."""

    def entered(self, run: Run, /) -> None:
        """See `BackupObserver.entered`."""

    def gauging(self, gauge: Gauge, /) -> AbstractContextManager[None]:
        """Data flows for as long as the block lasts."""

    def warned(self, message: str, /) -> None:
        """See `BackupObserver.warned`."""


@dataclass(slots=True, kw_only=True)
class Reporting:
    """Passes on what happens to a watcher, and records now and then how far it is.

    A `BackupObserver`. The record is for `status`, which anybody may ask for from anywhere.

    Attributes:
        watcher: Is told everything.
        units: Opens transactions.
        clock: The time.
        finish_by: When the run has to be over; None without a contract.
        every: Seconds between two records.
    """

    watcher: RunWatcher
    units: Units
    clock: Clock
    finish_by: datetime | None = None
    every: float = RECORD_SECONDS
    _run: str | None = None

    @property
    def wants_estimate(self) -> bool:
        """As the watcher says."""
        return self.watcher.wants_estimate

    def entered(self, run: Run) -> None:
        """Once the run has ended, its progress is of no interest any more."""
        self._run = run.run
        self.watcher.entered(run)
        if run.is_final:
            self._write(None)

    @contextmanager
    def capturing(self, progress: CaptureProgress) -> Iterator[None]:
        """Shown and recorded while data flows."""
        gauge = Gauge(progress, self.clock, self.finish_by)
        with (
            self.watcher.gauging(gauge),
            repeat(self.every, lambda: self._write(gauge.read())),
        ):
            yield
        self._write(gauge.read())

    def proving(self, depth: Depth, packs: int) -> AbstractContextManager[Step]:
        """As the watcher has it."""
        return self.watcher.proving(depth, packs)

    def warned(self, message: str) -> None:
        """As the watcher has it."""
        self.watcher.warned(message)

    def _write(self, progress: Progress | None) -> None:
        if self._run is None:
            return
        try:
            with self.units(at_once=True) as unit:
                if progress is None:
                    unit.progress.forget(self._run)
                else:
                    unit.progress.record(self._run, progress)
                unit.commit()
        except DatabaseError as error:
            # Safe to go on: nothing depends on it, and the next reading is due in seconds.
            LOG.debug("progress.unrecorded", message=str(error))
