"""The only place that reads the clock; everything else is told what time it is."""

import threading
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Wall time for what is recorded, monotonic time for what is measured."""

    def now(self) -> datetime:
        """The present instant, aware, in UTC; it may jump either way."""

    def monotonic(self) -> float:
        """Seconds since some instant; never goes back."""

    def wait(self, seconds: float, stop: threading.Event) -> bool:
        """Sleep for `seconds` or until `stop` is set; says whether it was set."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """See `Clock.now`."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """See `Clock.monotonic`."""
        return time.monotonic()

    def wait(self, seconds: float, stop: threading.Event) -> bool:
        """See `Clock.wait`."""
        return stop.wait(max(0.0, seconds))
