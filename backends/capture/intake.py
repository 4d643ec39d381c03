"""Stores each file as it arrives, beside the running rsync.

Arrivals pass through a bounded queue: when storing is slower than the line, the caller waits, and
memory does not grow with the size of the server.

rsync's receiver prints a file's line just *before* it renames the file into place. So an arrival
is held until the next one shows that the receiver has gone on, or until `SETTLE_SECONDS` have
passed; whatever is still not in place then (or is an older file of that name) waits for the end
of the pull.
"""

import os
import queue
import threading
import time
from collections.abc import Iterable
from types import TracebackType
from typing import Self

from backends.capture.doubt import stands_for_file
from backends.capture.following import Following
from backends.capture.halt import Halt, NoHalt
from backends.capture.ledger import StoredContent
from backends.capture.packing import Packing
from backends.capture.progress import CaptureProgress
from backends.capture.vacancy import is_vacated
from backends.capture.window import NoWindow, Vacating
from backends.errors import BackendError
from backends.rsync.scratch import incoming_folder
from backends.types import Arrival

#: Arrivals that may wait: enough to ride out a slow upload, small beside the packs in memory.
QUEUE_LENGTH = 4096
#: Until it is looked again whether there is room; the workers need longer to run dry.
FULL_SECONDS = 0.005
#: Far more than a rename takes; idle workers look after the last arrival this often.
SETTLE_SECONDS = 0.1


class Intake:
    """Worker threads that turn arrivals into ledger entries. A context manager."""

    def __init__(
        self,
        image: bytes,
        *,
        packing: Packing,
        progress: CaptureProgress,
        workers: int = 2,
        halt: Halt | None = None,
        window: Vacating | None = None,
    ) -> None:
        self._halt = halt or NoHalt()
        self._window = window or NoWindow()
        self._image = image
        self._following = Following(
            incoming_folder(image), packing=packing, halt=self._halt, window=self._window
        )
        self._packing = packing
        self._progress = progress
        self._queue: queue.SimpleQueue[Arrival | None] = queue.SimpleQueue()
        self._held: tuple[Arrival, float] | None = None
        self._holding = threading.Lock()
        self._late: list[Arrival] = []
        self._unequal: list[bytes] = []
        self._failure: BaseException | None = None
        self._feeder: threading.Thread | None = None
        self._threads = [
            threading.Thread(target=self._work, name=f"intake-{number}", daemon=True)
            for number in range(workers)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        self._following.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Store what still waits, also after a pull that broke off; not after an interruption."""
        if error is not None and not isinstance(error, BackendError):
            self._failure = error
            self._following.end()
        self._following.stop_waiting()
        try:
            self._end_workers()
        finally:
            self._following.__exit__(kind, error, trace)
        if error is not None:
            return
        if self._failure is not None:
            raise self._failure
        self._store_late()

    @property
    def unequal(self) -> tuple[bytes, ...]:
        """Files whose staged bytes are not those of their checksum; known once it has ended."""
        return tuple(dict.fromkeys(self._unequal))

    def take(self, arrival: Arrival) -> None:
        """Accept one arrival from rsync; waits while too many wait.

        Raises:
            BackendError: the first failure of any worker.
        """
        self._count(arrival)
        if arrival.linked_to:
            return
        with self._holding:
            before, self._held = self._held, (arrival, time.monotonic())
        if before is not None:
            self._enqueue(before[0])

    def take_settled(self, arrivals: Iterable[Arrival]) -> None:
        """Accept arrivals of an earlier pull beside the present one; called once at most.

        Their files are in place, unless the present pull replaces or removes them.
        """
        self._feeder = threading.Thread(
            target=self._feed, args=(arrivals,), name="intake-journal", daemon=True
        )
        self._feeder.start()

    def _feed(self, arrivals: Iterable[Arrival]) -> None:
        try:
            for arrival in arrivals:
                if self._halt.is_over():
                    return
                self._count(arrival)
                if not arrival.linked_to:
                    self._window.arrive(arrival.size)
                    self._enqueue(arrival)
        except BaseException as failure:  # noqa: BLE001 - handed to the thread that asks next
            self._failure = self._failure or failure

    def _count(self, arrival: Arrival) -> None:
        if self._failure is not None:
            raise self._failure
        self._progress.count_arrival(arrival.size)

    def _enqueue(self, arrival: Arrival) -> None:
        """Hand it to the workers once few enough wait; a bounded queue costs more than a file."""
        while self._queue.qsize() >= QUEUE_LENGTH:
            time.sleep(FULL_SECONDS)
        self._queue.put(arrival)

    def _end_workers(self) -> None:
        if self._feeder is not None:
            self._feeder.join()
        with self._holding:
            held, self._held = self._held, None
        if held is not None:
            self._queue.put(held[0])
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while (arrival := self._next()) is not None:
            if self._failure is not None or self._halt.is_over():
                continue  # drain, so that nobody waits for a place in the queue
            try:
                self._store(arrival)
            except BaseException as failure:  # noqa: BLE001 - handed to the thread that asks next
                self._failure = failure

    def _next(self) -> Arrival | None:
        """The next queued arrival, or with nothing else to do the held one once it has settled."""
        while True:
            try:
                return self._queue.get(timeout=SETTLE_SECONDS)
            except queue.Empty:
                if (settled := self._release()) is not None:
                    return settled

    def _release(self) -> Arrival | None:
        with self._holding:
            if self._held is None or time.monotonic() - self._held[1] < SETTLE_SECONDS:
                return None
            settled, self._held = self._held[0], None
            return settled

    def _store(self, arrival: Arrival) -> None:
        content = self._settled_content(arrival)
        if content is not None:
            self._packing.unfinished.complete(arrival.path, arrival.size)
        if content is not None and not self._window.is_untimely(content.inode):
            self._window.store(self._image + b"/" + arrival.path, content)
            return
        self._window.leave(arrival.size)
        if content is None:
            self._late.append(arrival)
        else:
            self._unequal.append(arrival.path)

    def _settled_content(self, arrival: Arrival) -> StoredContent | None:
        """Store one file; None where the file at its place is not (yet) the one that arrived."""
        place = self._image + b"/" + arrival.path
        content = self._following.claim(
            place, arrival.size, arrival.checksum
        ) or self._packing.pack(place, arrival.checksum)
        if content is None or not _is_at(place, content):
            return None
        if arrival.checksum and not content.compared:
            return None
        return content

    def _store_late(self) -> None:
        """The pull is over and everything in its place: what differs now really differs."""
        for arrival in self._late:
            place = self._image + b"/" + arrival.path
            content = self._packing.pack(place, arrival.checksum)
            if content is None:
                # A second pass removed it again, or the source since has; or its data is gone,
                # and was not what the source said.
                if not _is_emptied(place):
                    continue
            elif content.compared or not arrival.checksum:
                continue
            if stands_for_file(place):
                self._unequal.append(arrival.path)


def _is_emptied(place: bytes) -> bool:
    try:
        return is_vacated(place)
    except (FileNotFoundError, NotADirectoryError):
        return False


def _is_at(place: bytes, content: StoredContent) -> bool:
    """Whether the file that was read is still the one at its place."""
    try:
        return os.lstat(place).st_ino == content.inode
    except (FileNotFoundError, NotADirectoryError):
        return False
