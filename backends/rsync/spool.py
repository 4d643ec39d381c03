"""Lines on their way from one thread to another, waiting on disk and not in memory.

rsync must never wait for whoever stores its files: both sides give up after two minutes without
progress. So its lines are taken at once, and as many as there are wait here.
"""

import os
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

_READ_SIZE = 65536


class Spool:
    """One writer, one reader; a context manager, whose file has no name and leaves nothing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._written = 0
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

    def put(self, lines: bytes) -> None:
        """Add whole lines, newlines included. Raises OSError where the disk is full."""
        sent = 0
        while sent < len(lines):
            sent += os.pwrite(self._file.fileno(), lines[sent:], self._written + sent)
        with self._changed:
            self._written += len(lines)
            self._changed.notify()

    def close(self) -> None:
        """No more lines come."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def __iter__(self) -> Iterator[bytes]:
        """Each line once, waiting for more until `close`."""
        position, rest = 0, b""
        while chunk := self._take(position):
            position += len(chunk)
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                yield line + b"\n"

    def _take(self, position: int) -> bytes:
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._written > position)
            length = min(_READ_SIZE, self._written - position)
        return os.pread(self._file.fileno(), length, position)
