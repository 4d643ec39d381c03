"""Keeping within so many bytes a second, whoever moves them and whenever that changes."""

import threading
import time
from collections.abc import Callable

#: How fast something may be at this moment, in bytes a second; None for as fast as it goes.
Rate = Callable[[], int | None]


class Bucket:
    """Bytes a second that several threads share.

    Whoever moved bytes owes the time that they should have taken. So a single object is never
    cut into pieces; the next one waits until the debt is paid.

    Args:
        rate: Asked again and again.
        monotonic: Seconds from anywhere.
    """

    def __init__(self, rate: Rate, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._debt = 0.0
        self._settled = monotonic()

    def spend(self, amount: int) -> None:
        """So many bytes were moved, or are about to be."""
        with self._lock:
            self._settle()
            self._debt += amount

    def due(self) -> float:
        """Seconds after which the debt is paid at the present rate; 0 if there is none."""
        with self._lock:
            rate = self._settle()
            return self._debt / rate if rate else 0.0

    def _settle(self) -> int | None:
        """Take off what time has paid since it was last looked at."""
        now, rate = self._monotonic(), self._rate()
        passed, self._settled = now - self._settled, now
        self._debt = max(0.0, self._debt - rate * passed) if rate else 0.0
        return rate
