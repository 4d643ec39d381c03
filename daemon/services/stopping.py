"""How a run is told to end before its time: with a checkpoint, or at once."""

import threading
from datetime import timedelta
from typing import Final

from daemon.clock import Clock, SystemClock
from daemon.errors import Interrupted, LapseguardError

#: How long a checkpoint may take from the moment that it is asked for.
CHECKPOINT_BUDGET: Final = timedelta(seconds=60)
#: Of the budget, how much may pass while what has arrived is still being stored.
_TAKING_IN: Final = 0.5
#: Of the budget, how long a store that does not answer is waited for.
_WAITING: Final = 0.25


class Stopping:
    """One run's way of hearing that it is to end; safe between threads and in signal handlers.

    Attributes:
        asked: Set once the pull is to end, for whatever reason.
        at_once: Set once nothing more is to be done, a checkpoint neither.
    """

    def __init__(
        self, *, budget: timedelta = CHECKPOINT_BUDGET, clock: Clock | None = None
    ) -> None:
        """Prepare.

        Args:
            budget: How long a checkpoint may take; then the run ends as if told to by `force`.
            clock: Measures that.
        """
        self.asked = threading.Event()
        self.at_once = threading.Event()
        self._budget = budget.total_seconds()
        self._clock = clock or SystemClock()
        self._asked_at: float | None = None
        self._reason: LapseguardError | None = None
        self._timer: threading.Timer | None = None

    @property
    def reason(self) -> LapseguardError:
        """Why the run is to end; the first reason given stands."""
        return self._reason or Interrupted("The run was stopped.")

    def ask(self, reason: LapseguardError) -> None:
        """End the pull; what has arrived becomes a checkpoint, and the run `partial`.

        Args:
            reason: Goes on record as what kept the run from being whole.
        """
        if self._reason is None:
            self._reason, self._asked_at = reason, self._clock.monotonic()
            self._timer = threading.Timer(self._budget, self.at_once.set)
            self._timer.daemon = True
            self._timer.start()
        self.asked.set()

    def force(self, reason: LapseguardError | None = None) -> None:
        """End at once; nothing more is stored."""
        self._reason = self._reason or reason
        self.at_once.set()
        self.asked.set()

    def close(self) -> None:
        """The run has ended: its budget is of no interest any more."""
        if self._timer is not None:
            self._timer.cancel()

    def is_over(self) -> bool:
        """Whether nothing more is to be taken in, so that time is left to write it down."""
        if self._asked_at is None:
            return self.at_once.is_set()
        return self.at_once.is_set() or self._since() > self._budget * _TAKING_IN

    def check(self) -> None:
        """Raise the reason if the run is to end at once."""
        if self.at_once.is_set():
            raise self.reason

    def check_asked(self) -> None:
        """Raise the reason if the run is to end at all."""
        if self.asked.is_set():
            raise self.reason

    def patience(self) -> float | None:
        """Seconds for which a store that does not answer is still tried; None for no limit."""
        if self._asked_at is None:
            return None
        return max(0.0, self._budget * _WAITING - self._since())

    def _since(self) -> float:
        return self._clock.monotonic() - (self._asked_at or 0.0)
