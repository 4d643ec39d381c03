"""Arrivals on their way from one thread to another: a few in memory, the rest on disk.

rsync must never wait for whoever stores its files: both sides give up after two minutes without
progress. So its lines are taken at once, and as many as there are wait here. While the reader keeps
up it gets them as they are; what would be too much for memory waits as lines.
"""

import os
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from backends.rsync.output import parse_line
from backends.types import Arrival

_READ_SIZE = 65536
#: Arrivals in memory at most, some 300 bytes each.
MOST_IN_MEMORY: Final = 2048


class Spool:
    """One writer, one reader; a context manager, whose file has no name and leaves nothing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._written = 0
        self._read = 0
        self._kept: list[Arrival] = []
        self._closed = False
        self._changed = threading.Condition()

    def __enter__(self) -> Self:
        self._file = tempfile.TemporaryFile(dir=self._folder, buffering=0)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()

    def put(self, lines: bytes, arrivals: Sequence[Arrival]) -> None:
        """Add whole lines, newlines included, and what they say; an OSError where disk is full."""
        if not self._keep(arrivals):
            self._write(lines)

    def close(self) -> None:
        """No more lines come."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def __iter__(self) -> Iterator[Arrival]:
        """Each arrival once, in order, waiting for more until `close`."""
        rest = b""
        while True:
            kept, length = self._take()
            yield from kept
            if not (kept or length):
                return
            if length:
                *lines, rest = (rest + self._read_part(length)).split(b"\n")
                yield from _arrivals(lines)

    def _keep(self, arrivals: Sequence[Arrival]) -> bool:
        """Keep them in memory, unless others that came before wait on disk."""
        with self._changed:
            if self._read < self._written or len(self._kept) + len(arrivals) > MOST_IN_MEMORY:
                return False
            self._kept += arrivals
            self._changed.notify()
        return True

    def _write(self, lines: bytes) -> None:
        sent = 0
        while sent < len(lines):
            sent += os.pwrite(self._file.fileno(), lines[sent:], self._written + sent)
        with self._changed:
            self._written += len(lines)
            self._changed.notify()

    def _take(self) -> tuple[list[Arrival], int]:
        """What is in memory, or how many bytes wait on disk; neither at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._kept or self._written > self._read)
            # What is in memory came first: nothing is kept while something waits on disk.
            kept, self._kept = self._kept, []
            return kept, 0 if kept else min(_READ_SIZE, self._written - self._read)

    def _read_part(self, length: int) -> bytes:
        part = os.pread(self._file.fileno(), length, self._read)
        with self._changed:
            self._read += len(part)
        return part


def _arrivals(lines: Sequence[bytes]) -> Iterator[Arrival]:
    for line in lines:
        if isinstance(event := parse_line(line + b"\n"), Arrival):
            yield event
