"""How fast the store takes what is sent to it."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

#: Seconds of sending after which what was before counts half: a line does not stay as it is.
_MEMORY: Final = 60.0


class Throughput:
    """Bytes against the time in which any were on their way; safe between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._bytes = 0.0
        self._seconds = 0.0
        self._streams = 0
        self._since = 0.0
        #: Bytes that are on their way.
        self._sending = 0

    @contextmanager
    def send(self, size: int) -> Iterator[None]:
        """So many bytes are on their way within the block; what raises does not count."""
        self._begin(size)
        taken = 0
        try:
            yield
            taken = size
        finally:
            self._end(size, taken)

    def seconds_for(self, size: int) -> float | None:
        """How long so many bytes would take behind those on their way; None before any came in."""
        return self.line_seconds(size + self._sending) if self._bytes else None

    def line_seconds(self, size: int) -> float:
        """How long so many bytes keep the line busy; 0 before any came in."""
        with self._lock:
            self._count_time()
            return size * self._seconds / self._bytes if self._bytes else 0.0

    def _begin(self, size: int) -> None:
        with self._lock:
            self._count_time()
            self._streams += 1
            self._sending += size

    def _end(self, size: int, taken: int) -> None:
        with self._lock:
            self._count_time()
            self._streams -= 1
            self._sending -= size
            self._bytes += taken
            if self._seconds > 2 * _MEMORY:
                self._bytes, self._seconds = self._bytes / 2, self._seconds / 2

    def _count_time(self) -> None:
        now = time.monotonic()
        if self._streams:
            self._seconds += now - self._since
        self._since = now
