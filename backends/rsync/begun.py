"""A pull that is under way before anybody is ready to take what it brings.

What it brings waits: files in staging, their lines on disk (see `Spool`), so that rsync never
waits for whoever takes them. Memory does not grow with what has come by then.
"""

import shutil
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

from backends.errors import TransferInterrupted
from backends.protocols import SourcePull
from backends.rsync.brake import Room
from backends.rsync.tally import STOPPED
from backends.types import Arrival, PullReport, PullSpec


class BegunPull:
    """Begins one pull when it is entered, and hands it over to the first who asks for it.

    A SourcePull, and a context manager: what nobody has asked for by the end is given up.

    Args:
        inner: Does the work; ends soon after `over` is set.
        spec: What it pulls.
        over: Set here to give it up.
    """

    def __init__(self, inner: SourcePull, spec: PullSpec, over: threading.Event) -> None:
        self._inner = inner
        self._spec = spec
        self._over = over
        self._ready = threading.Event()
        self._take: Callable[[Arrival], None] | None = None
        self._thread = ThreadPoolExecutor(1, "begun-pull")
        self._report: Future[PullReport] | None = None

    def __enter__(self) -> Self:
        self._report = self._thread.submit(self._inner.pull, self._spec, self._hand_on)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.give_up()

    @property
    def rsync_version(self) -> str:
        """See `SourcePull.rsync_version`."""
        return self._inner.rsync_version

    def pull(self, spec: PullSpec, on_arrival: Callable[[Arrival], None]) -> PullReport:
        """See `SourcePull.pull`; what has begun counts for the first call, if it is as asked for.

        `on_arrival` is then called in the thread of the pull.
        """
        report, self._report = self._report, None
        if report is None or spec != self._spec:
            self.give_up()
            self._over.clear()
            return self._inner.pull(spec, on_arrival)
        self._take = on_arrival
        self._ready.set()
        try:
            return report.result()
        except BaseException:
            # Whatever took us out of waiting; the pull itself may still go on.
            self.give_up()
            raise

    def give_up(self) -> None:
        """End it if it is under way; staging keeps what has arrived. Its errors are no news."""
        self._over.set()
        self._ready.set()
        self._thread.shutdown()

    def _hand_on(self, arrival: Arrival) -> None:
        self._ready.wait()
        if self._take is None:
            raise TransferInterrupted(STOPPED)
        self._take(arrival)


class RoomToCome:
    """Room of which nobody takes care yet: what lands stays, up to what the disk must keep free.

    Args:
        folder: On the disk of staging.
        floor: Bytes that stay free on it.
    """

    def __init__(self, folder: str, floor: int) -> None:
        self._folder = folder
        self._floor = floor
        self._landed = 0
        self._room: Room | None = None
        self._changing = threading.Lock()

    def settle(self, room: Room) -> None:
        """From now on `room` takes care of it, and of what has landed by now."""
        with self._changing:
            room.arrive(self._landed)
            self._room = room

    def arrive(self, size: int) -> None:
        """See `Room.arrive`."""
        with self._changing:
            if self._room is None:
                self._landed += size
            else:
                self._room.arrive(size)

    def is_full(self) -> bool:
        """See `Room.is_full`."""
        if self._room is not None:
            return self._room.is_full()
        return shutil.disk_usage(self._folder).free < self._floor
