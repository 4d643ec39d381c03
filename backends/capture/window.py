"""Bounded staging: what is stored makes room for what still comes.

rsync writes, the intake stores, and a thread here gives data back to the disk: it flushes the
packs and their index, notes what is about to go (`vacated`), and only then frees it (`vacancy`).
Of files that rsync is still writing, the part that has been stored goes as well. When more has
landed than the window holds, `is_full` says so, and the pull is held back meanwhile.
"""

import enum
import os
import shutil
import tempfile
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Protocol, Self

from backends.capture.ledger import StoredContent
from backends.capture.staging import Staging
from backends.capture.vacancy import empty, ensure_vacating, vacate
from backends.capture.waiting import Waiting
from backends.capture.writing import is_being_written
from backends.errors import BackendError, LocalDiskFull, LocalPathUnusable
from backends.rsync.scratch import incoming_folder
from backends.types import PullSpec

#: Each flush ends packs before they are full, so it has to pay.
_SHARE: Final = 4
#: Bytes set aside for the list of what is freed.
_RESERVE: Final = 64 << 10
#: Bytes that a file takes without its data: an inode, its name, its attributes.
_SKELETON: Final = 1024
#: Seconds between two looks.
_INTERVAL: Final = 0.05


class Vacating(Protocol):
    """What the intake tells of the files that it deals with."""

    def arrive(self, size: int) -> None:
        """A file of so many bytes has landed; the pull itself tells of those that it brings."""

    def leave(self, size: int) -> None:
        """It stays as it is, or it is somebody else's business."""

    def store(self, place: bytes, content: StoredContent) -> None:
        """It has been read and is on its way to the store."""

    def follow(self, inode: int, descriptor: int) -> None:
        """A file is read while it is written; the descriptor is open for writing."""

    def advance(self, inode: int, position: int) -> None:
        """So many of its first bytes are on their way to the store."""

    def complete(self, inode: int) -> None:
        """It is followed no longer; its descriptor is about to be closed."""

    def is_untimely(self, inode: int, /) -> bool:
        """Whether its modification time may have been set by us, just after rsync had set it."""


class NoWindow:
    """Staging keeps everything."""

    def arrive(self, size: int) -> None:
        """See `Vacating.arrive`."""

    def leave(self, size: int) -> None:
        """See `Vacating.leave`."""

    def store(self, place: bytes, content: StoredContent) -> None:
        """See `Vacating.store`."""

    def follow(self, inode: int, descriptor: int) -> None:
        """See `Vacating.follow`."""

    def advance(self, inode: int, position: int) -> None:
        """See `Vacating.advance`."""

    def complete(self, inode: int) -> None:
        """See `Vacating.complete`."""

    def is_untimely(self, _: int) -> bool:
        """See `Vacating.is_untimely`."""
        return False


@dataclass(slots=True, kw_only=True)
class _Followed:
    """A file under way: read up to `position`, and freed up to `freed`."""

    descriptor: int
    position: int = 0
    freed: int = 0


class StagingMode(enum.Enum):
    """What staging keeps of what is stored."""

    #: Everything, so that nothing is ever sent twice.
    FULL = "full"
    #: Everything, as long as the disk has room.
    AUTO = "auto"
    #: Only what rsync needs to recognise what is unchanged.
    WINDOW = "window"


def ensure_room(staging: Path, *, limit: int, files: int) -> None:
    """Refuse a window that the disk cannot hold beside what is left of each file.

    Args:
        staging: The staging folder.
        limit: Of the window, bytes.
        files: How many files there are, as far as is known.

    Raises:
        LocalDiskFull: with the figures.
        LocalPathUnusable: the file system cannot free the data of a file.
    """
    free, needed = shutil.disk_usage(staging).free, limit + files * _SKELETON
    if free < needed:
        raise LocalDiskFull(
            f"Only {free} bytes are free under {staging}; a window of {limit} bytes and the "
            f"names and attributes of {files} files need {needed}.",
            hint="Free space under the state folder, or set a smaller window.",
        )
    ensure_vacating(staging)


class Window:
    """Keeps what staging holds below a limit. A context manager; `Vacating` for the intake.

    Args:
        limit: Bytes that may have landed without being stored and freed; None for as many as
            the disk holds.
        floor: Bytes that stay free on the disk.
        staging: Prepared.
        flush: See `RepositoryWriter.flush`.
    """

    def __init__(
        self, *, limit: int | None, floor: int, staging: Staging, flush: Callable[[], None]
    ) -> None:
        self._limit = limit
        self._floor = floor
        self._image = staging.image
        self._incoming = incoming_folder(os.fsencode(staging.image))
        self._flush = flush
        self._log = staging.vacated
        self._landed = 0
        self._root = staging.root
        self._pending: Waiting | None = None
        self._reserve = _set_aside(staging.root)
        self._followed: dict[int, _Followed] = {}
        self._changing = threading.Lock()
        self._vacating = threading.Lock()
        self._untimely: set[int] = set()
        self._failed = False
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="window", daemon=True)
        #: The most bytes that were seen landed at a time.
        self.peak = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()
        self._reserve.close()
        if self._pending is not None:
            self._pending.close()

    def ensure_room(self, files: int) -> None:
        """See `ensure_room`; a disk whose room is not limited is taken as it is.

        Raises:
            LocalDiskFull, LocalPathUnusable.
        """
        if self._limit is not None:
            ensure_room(self._image, limit=self._limit, files=files)

    def pace(self, spec: PullSpec) -> PullSpec:
        """The pull, no faster than that it can be held back in time: a window in a second."""
        if self._limit is None:
            return spec
        return replace(spec, bandwidth=min(spec.bandwidth or self._limit, self._limit))

    @property
    def is_needed(self) -> bool:
        """Whether data has to leave staging at all."""
        return self._limit is not None or self._free_bytes() < 2 * self._floor

    def is_full(self) -> bool:
        """Whether the pull has to wait, which helps only where something can still go."""
        if self._failed or not self._can_shrink():
            return False
        if self._limit is None:
            return self._free_bytes() < self._floor
        landed = self._landed + self._written()
        self.peak = max(self.peak, landed)
        # What comes until ssh has been stopped, and what is in its pipes then, needs the rest.
        return landed > self._limit * 3 // 4

    def is_untimely(self, inode: int) -> bool:
        """See `Vacating.is_untimely`."""
        return inode in self._untimely

    def settle(self) -> None:
        """Free all that can be, after the last file; nothing where the disk has room.

        Raises:
            BackendError: it could not be stored, or not be freed.
        """
        if self.is_needed:
            self._vacate()

    def arrive(self, size: int) -> None:
        """See `Vacating.arrive`."""
        with self._changing:
            self._landed += size

    def leave(self, size: int) -> None:
        """See `Vacating.leave`."""
        with self._changing:
            self._landed -= size

    def store(self, place: bytes, content: StoredContent) -> None:
        """See `Vacating.store`."""
        with self._changing:
            if self._pending is None:
                self._pending = Waiting(self._root)
            self._pending.add(place, content)

    def follow(self, inode: int, descriptor: int) -> None:
        """See `Vacating.follow`."""
        with self._changing:
            self._followed[inode] = _Followed(descriptor=os.dup(descriptor))

    def advance(self, inode: int, position: int) -> None:
        """See `Vacating.advance`."""
        self._followed[inode].position = position

    def complete(self, inode: int) -> None:
        """See `Vacating.complete`."""
        with self._vacating, self._changing:
            if (followed := self._followed.pop(inode, None)) is not None:
                os.close(followed.descriptor)

    def _can_shrink(self) -> bool:
        return bool(self._landed or self._followed)

    def _written(self) -> int:
        """Bytes that the files under way take on disk."""
        total = 0
        try:
            with os.scandir(self._incoming) as entries:
                for entry in entries:
                    total += entry.stat(follow_symlinks=False).st_blocks * 512
        except OSError:
            pass  # Safe: a file that has just been moved away is counted as landed.
        return total

    def _run(self) -> None:
        while not self._over.wait(_INTERVAL):
            if not self._is_due():
                continue
            try:
                self._vacate()
            except (BackendError, OSError):
                # Safe to end here: a failed flush fails every other call of the writer, and
                # `settle` meets a disk that cannot free data once more.
                self._failed = True
                return

    def _is_due(self) -> bool:
        with self._changing:
            ahead = sum(f.position - f.freed for f in self._followed.values())
            ready = (self._pending.bytes if self._pending else 0) + ahead
        return ready >= (self._limit or self._floor) // _SHARE and self.is_needed

    def _free_bytes(self) -> int:
        return shutil.disk_usage(self._image).free

    def _vacate(self) -> None:
        with self._vacating:
            with self._changing:
                batch, self._pending = self._pending or Waiting(self._root), None
                under_way = [(i, f, f.position) for i, f in self._followed.items()]
            with closing(batch):
                self._flush()
                # On a full disk the list of what is freed needs what is freed here.
                self._reserve.close()
                self._log.add(content for _, content in batch)
                self._free_all(batch, under_way)

    def _free_all(self, batch: Waiting, under_way: list[tuple[int, _Followed, int]]) -> None:
        try:
            for place, content in batch:
                self._free(place, content)
            for inode, followed, position in under_way:
                self._free_start(inode, followed, position)
        except OSError as error:
            raise LocalPathUnusable(
                f"The data of a staged file cannot be freed: {error.strerror}."
            ) from error

    def _free(self, place: bytes, content: StoredContent) -> None:
        vacate(place, inode=content.inode, size=content.size, mtime_ns=content.mtime_ns)
        self.leave(content.size)

    def _free_start(self, inode: int, followed: _Followed, position: int) -> None:
        """Free what was read of a file under way; not near its end, when rsync sets its time."""
        if position <= followed.freed or not is_being_written(inode):
            return
        empty(followed.descriptor, position)
        followed.freed = position
        if not is_being_written(inode):
            self._untimely.add(inode)


def _set_aside(folder: Path) -> IO[bytes]:
    """Room on the disk of staging, given back by closing it; none where there is none."""
    try:
        reserve = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed by whoever needs it
    except OSError:
        return BytesIO()  # Safe to pass over: there was no room to begin with.
    with suppress(OSError):
        reserve.write(bytes(_RESERVE))
        reserve.flush()
    return reserve
