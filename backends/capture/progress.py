"""What a running capture has done so far: counters that any thread may read."""

import enum
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


class CapturePhase(enum.Enum):
    """What a capture is busy with."""

    #: A database is being dumped; nothing is pulled yet.
    DUMP = "dump"
    #: rsync is running; finished files are stored beside it.
    PULL = "pull"
    #: rsync has ended; folders and what it left unchanged are recorded.
    TREES = "trees"
    #: The last packs and the index are on their way.
    FLUSH = "flush"
    #: Everything is in the store.
    DONE = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureStanding:
    """One reading of the counters, in files and bytes.

    Attributes:
        phase: See `CapturePhase`.
        arrived_files: Regular files that rsync has completed, and dumps.
        arrived_bytes: Their full size.
        stored_files: Files whose every byte is packed and verified.
        stored_bytes: Their full size.
        read_bytes: Of staged files so far, those included that are not finished yet.
        safe_files: Files of the newest checkpoint: restorable whatever happens next.
        safe_bytes: Their full size.
        expected_bytes: How much there will be to store in all, where somebody knows.
        dump: What is being dumped, in the phase of that name.
    """

    phase: CapturePhase
    arrived_files: int
    arrived_bytes: int
    stored_files: int
    stored_bytes: int
    read_bytes: int = 0
    safe_files: int = 0
    safe_bytes: int = 0
    expected_bytes: int | None = None
    dump: str = ""


class CaptureProgress:
    """Counters that the capture advances and a display polls; never blocks for long."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._phase = CapturePhase.PULL
        self._arrived = [0, 0]
        self._stored = [0, 0]
        self._safe = (0, 0)
        self._read = 0
        self._expected: int | None = None
        self._dump = ""
        self._dumped = 0

    def expect(self, total_bytes: int) -> None:
        """Somebody has found out how much there is on the server."""
        self._expected = total_bytes

    def enter(self, phase: CapturePhase) -> None:
        """The capture goes over to `phase`."""
        self._phase = phase

    @contextmanager
    def dumping(self, name: str) -> Iterator[None]:
        """A database is dumped while the block runs; it is stored if that ends well."""
        before, begun = self._phase, self._dumped
        self._dump, self._phase = name, CapturePhase.DUMP
        try:
            yield
        finally:
            self._phase = before
        self.count_arrival(self._dumped - begun)
        self.count_stored(self._dumped - begun)

    def count_dumped(self, size: int) -> None:
        """So many more bytes of a dump are on their way into packs."""
        with self._lock:
            self._dumped += size
            self._read += size

    def count_arrival(self, size: int) -> None:
        """One more file of `size` bytes is in staging."""
        with self._lock:
            self._arrived[0] += 1
            self._arrived[1] += size

    def count_stored(self, size: int) -> None:
        """One more file of `size` bytes is packed."""
        with self._lock:
            self._stored[0] += 1
            self._stored[1] += size

    def count_read(self, size: int) -> None:
        """So many more bytes of staged files are on their way into packs."""
        with self._lock:
            self._read += size

    def secure(self, files: int, size: int) -> None:
        """A checkpoint is in the store that holds so many files of so many bytes in all."""
        self._safe = (files, size)

    def read(self) -> CaptureStanding:
        """The counters at this moment."""
        with self._lock:
            return CaptureStanding(
                phase=self._phase,
                arrived_files=self._arrived[0],
                arrived_bytes=self._arrived[1],
                stored_files=self._stored[0],
                stored_bytes=self._stored[1],
                read_bytes=max(self._read, self._stored[1]),
                safe_files=self._safe[0],
                safe_bytes=self._safe[1],
                # What somebody has found out is about files.
                expected_bytes=None if self._expected is None else self._expected + self._dumped,
                dump=self._dump if self._phase is CapturePhase.DUMP else "",
            )
