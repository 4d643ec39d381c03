"""Stores each file as it arrives, beside the running rsync.

Arrivals pass through a bounded queue: when storing is slower than the line, the caller waits, so
rsync's output fills up and rsync itself waits. Memory does not grow with the size of the server.
"""

import queue
import threading
from types import TracebackType
from typing import Self

from backends.capture.ledger import Ledger, StoredContent
from backends.capture.packing import Packing
from backends.capture.progress import CaptureProgress
from backends.types import Arrival

#: Arrivals that may wait: enough to ride out a slow upload, small beside the packs in memory.
QUEUE_LENGTH = 4096


class Intake:
    """Worker threads that turn arrivals into ledger entries. A context manager."""

    def __init__(
        self,
        image: bytes,
        *,
        packing: Packing,
        ledger: Ledger,
        progress: CaptureProgress,
        workers: int = 2,
    ) -> None:
        self._image = image
        self._packing = packing
        self._ledger = ledger
        self._progress = progress
        self._queue: queue.Queue[Arrival | None] = queue.Queue(QUEUE_LENGTH)
        self._failure: BaseException | None = None
        self._threads = [
            threading.Thread(target=self._work, name=f"intake-{number}", daemon=True)
            for number in range(workers)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end_workers()
        if error is None and self._failure is not None:
            raise self._failure

    def take(self, arrival: Arrival) -> None:
        """Queue one arrival; waits while the queue is full.

        Raises:
            BackendError: the first failure of any worker.
        """
        if self._failure is not None:
            raise self._failure
        self._progress.count_arrival(arrival.size)
        if not arrival.linked_to:
            self._queue.put(arrival)

    def _end_workers(self) -> None:
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while (arrival := self._queue.get()) is not None:
            if self._failure is not None:
                continue  # drain, so that nobody waits for a place in the queue
            try:
                self._store(arrival)
            except BaseException as failure:  # noqa: BLE001 - handed to the thread that asks next
                self._failure = failure

    def _store(self, arrival: Arrival) -> None:
        content = self._read(arrival)
        if content is None:
            return
        if arrival.checksum and not content.compared:
            # A second reading tells a memory or disk glitch from bytes that really differ.
            content = self._read(arrival) or content
            if not content.compared:
                self._ledger.report_mismatch(arrival.path)
        else:
            self._ledger.settle_mismatch(arrival.path)

    def _read(self, arrival: Arrival) -> StoredContent | None:
        """Pack one staged file; None when rsync has replaced or removed it meanwhile."""
        try:
            return self._packing.pack(self._image + b"/" + arrival.path, arrival.checksum)
        except (FileNotFoundError, NotADirectoryError):
            return None  # the image walk reads whatever is there at the end
