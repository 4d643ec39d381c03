"""Stores large files while rsync is still writing them.

rsync writes each file from its beginning to its end under another name in a folder of its own,
and renames it into place when it is complete. Whatever lies below the size that such a file has
by now is final, so it can be cut, compressed and sent off at once. What was read counts only if
rsync then announces the file: the very one that was followed (its inode) must be in place, and
its xxh128 must be the one that the source computed. Anything else is read again in the ordinary
way, at the cost of time. Pieces of a file that never arrives stay in the repository, and the next
attempt, which cuts the file at the same places, finds them there; see `unfinished` for what a
checkpoint has of it.
"""

import os
import stat as file_type
import threading
from dataclasses import dataclass, field
from functools import partial
from typing import Self

from backends.capture.halt import Halt
from backends.capture.ledger import StoredContent
from backends.capture.packing import Packing
from backends.capture.window import Vacating
from backends.errors import BackendError
from backends.repository.beginning import Beginning
from backends.repository.writer import StoredFile
from backends.rsync.scratch import name_of_temporary, partial_folder

#: Smaller files are soon complete, and the cutter takes as much at a time.
LEAST_FOLLOWED = 4 << 20
#: rsync writes one file at a time; the ones before it may still be read to their ends.
MOST_FOLLOWED = 2
#: Seconds between two looks at the folder, which holds a handful of files at most.
LOOK_INTERVAL = 0.1
#: For freeing what was read; a pipe must not make us wait for somebody at its other end.
_OPEN_FLAGS = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
#: Seconds until a file that had no more bytes is asked again.
GROWTH_INTERVAL = 0.05


class Following:
    """Follows the files in rsync's own folder. A context manager.

    Args:
        folder: Where rsync writes what is not complete; need not be there.
        packing: Takes the bytes.
        halt: Ends it before its time.
        window: Told what has been read.
    """

    def __init__(self, folder: bytes, *, packing: Packing, halt: Halt, window: Vacating) -> None:
        self._window = window
        self._folder = folder
        self._aside = os.path.realpath(partial_folder(folder))
        self._packing = packing
        self._halt = halt
        self._over = threading.Event()
        self._renamed = threading.Event()
        self._followed: dict[int, _Followed] = {}
        self._looking = threading.Thread(target=self._look, name="follow", daemon=True)

    def __enter__(self) -> Self:
        self._looking.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Drop what nobody has announced."""
        self.end()
        self._looking.join()
        for followed in tuple(self._followed.values()):
            followed.thread.join()

    def end(self) -> None:
        """Read no further; whoever waits in `claim` is told that nothing was followed."""
        self._over.set()

    def stop_waiting(self) -> None:
        """The pull is over: what is not in its place now never will be."""
        self._renamed.set()

    def claim(self, place: bytes, size: int, checksum: str | None) -> StoredContent | None:
        """The content of an announced file, if that is one that was followed to its end.

        Waits for its last bytes. None where it was not followed, or where what was read is not
        what the source says it sent.
        """
        if size < LEAST_FOLLOWED:
            return None
        followed = self._find(place, size)
        if followed is None:
            return None
        followed.thread.join()
        self._followed.pop(followed.inode, None)
        stored = followed.stored
        if stored is None or stored.xxh128 != checksum:
            return None
        return self._enter(place, followed, stored, checksum)

    def _find(self, place: bytes, size: int) -> "_Followed | None":
        """What is at a place once rsync has moved it there.

        rsync announces a file, then renames it. Where that replaces an older one, ext4 first
        writes the new one's data out (`auto_da_alloc`), which takes seconds for a large file;
        meanwhile the older one is in its place, and reading that would be in vain.
        """
        while True:
            # In this order: what has left rsync's folder is in its place.
            is_coming = self._is_coming(size) and not self._renamed.is_set()
            inode = _inode_at(place)
            followed = None if inode is None else self._followed.get(inode)
            if followed is not None or not is_coming:
                return followed
            self._renamed.wait(GROWTH_INTERVAL)

    def _is_coming(self, size: int) -> bool:
        """Whether a file of this size is in rsync's folder."""
        try:
            with os.scandir(self._folder) as entries:
                return any(entry.stat(follow_symlinks=False).st_size == size for entry in entries)
        except OSError:
            # Safe to go on: it has just left, or there is no such folder.
            return False

    def _enter(
        self, place: bytes, followed: "_Followed", stored: StoredFile, checksum: str
    ) -> StoredContent | None:
        try:
            stat = os.lstat(place)
        except (FileNotFoundError, NotADirectoryError):
            return None
        if stat.st_ino != followed.inode or stat.st_size != stored.size:
            return None
        return self._packing.enter(stored, stat, checksum)

    def _look(self) -> None:
        while not self._over.wait(LOOK_INTERVAL):
            try:
                with os.scandir(self._folder) as entries:
                    for entry in entries:
                        self._consider(entry)
            except OSError:
                # Safe to go on: the folder is not there before the pull begins, and what is
                # not followed is read when it is complete.
                continue

    def _consider(self, entry: os.DirEntry[bytes]) -> None:
        if self._busy() >= MOST_FOLLOWED or self._halt.is_over():
            return
        stat = entry.stat(follow_symlinks=False)
        if stat.st_size < LEAST_FOLLOWED or self._is_known(stat.st_ino):
            return
        descriptor = os.open(entry.path, _OPEN_FLAGS)
        if not _is_rsyncs(os.fstat(descriptor)):
            os.close(descriptor)
            return
        self._begin(entry.path, descriptor)

    def _is_known(self, inode: int) -> bool:
        """Whether it is followed; one that was read to its end had left the folder by then."""
        followed = self._followed.get(inode)
        return followed is not None and (followed.thread.is_alive() or followed.stored is None)

    def _busy(self) -> int:
        return sum(followed.thread.is_alive() for followed in tuple(self._followed.values()))

    def _begin(self, path: bytes, descriptor: int) -> None:
        followed = _Followed(inode=os.fstat(descriptor).st_ino)
        followed.thread = threading.Thread(
            target=self._follow, args=(followed, path, descriptor), name="follow-file", daemon=True
        )
        self._followed[followed.inode] = followed
        followed.thread.start()

    def _begin_unfinished(self, path: bytes, stat: os.stat_result) -> Beginning:
        name = name_of_temporary(os.path.basename(path))  # noqa: PTH119 - raw bytes
        return self._packing.unfinished.begin(stat.st_ino, name, stat.st_mtime)

    def _follow(self, followed: "_Followed", path: bytes, descriptor: int) -> None:
        try:
            growing = _Growing(
                path, descriptor, aside=self._aside, over=self._over, halt=self._halt
            )
            self._window.follow(followed.inode, descriptor)
            followed.stored = self._packing.store(
                growing,
                partial(self._window.advance, followed.inode),
                self._begin_unfinished(path, os.fstat(descriptor)),
            )
        except (OSError, BackendError):
            # Safe to pass over: it is then read again when it is announced, and what is wrong
            # with the disk or the store shows there.
            followed.stored = None
        finally:
            self._window.complete(followed.inode)
            os.close(descriptor)


@dataclass(slots=True, kw_only=True)
class _Followed:
    """One file that is being followed; `stored` is there once its thread has ended."""

    inode: int
    stored: StoredFile | None = None
    thread: threading.Thread = field(default_factory=threading.Thread)


class _Growing:
    """A file that somebody is writing, as a stream that waits for more bytes."""

    def __init__(
        self, path: bytes, descriptor: int, *, aside: bytes, over: threading.Event, halt: Halt
    ) -> None:
        self._path = path
        self._descriptor = descriptor
        self._aside = aside
        self._over = over
        self._halt = halt
        self._inode = os.fstat(descriptor).st_ino
        self._position = 0

    def read(self, size: int, /) -> bytes:
        """What is there by now, at least one byte; nothing once the file is complete and read."""
        while True:
            # In this order: a file that has left rsync's folder has got all of its bytes before.
            complete = _inode_at(self._path) != self._inode
            if part := os.pread(self._descriptor, size, self._position):
                self._position += len(part)
                return part
            if complete and self._is_aside():
                raise OSError("rsync has put it aside, to go on with it another time")
            if complete:
                return b""
            if self._halt.is_over() or self._over.wait(GROWTH_INTERVAL):
                raise OSError("nobody waits for this file any more")

    def _is_aside(self) -> bool:
        """Whether it was cut: its end is none, and storing that would be in vain."""
        # The kernel tells where an open file is by now.
        place = os.readlink(b"/proc/self/fd/%d" % self._descriptor)  # noqa: PTH115 - raw bytes
        return os.path.dirname(place) == self._aside  # noqa: PTH120 - raw bytes


def _is_rsyncs(stat: os.stat_result) -> bool:
    """Whether it can be a file that our rsync is writing: no link, no pipe, nobody else's."""
    return file_type.S_ISREG(stat.st_mode) and stat.st_nlink == 1 and stat.st_uid == os.geteuid()


def _inode_at(place: bytes) -> int | None:
    try:
        return os.lstat(place).st_ino
    except (FileNotFoundError, NotADirectoryError):
        return None
