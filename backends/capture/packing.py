"""Packs one staged file and remembers what it held."""

import errno
import os
from collections.abc import Callable

from backends.capture.halt import Halt, NoHalt
from backends.capture.ledger import Ledger, StoredContent
from backends.capture.progress import CaptureProgress
from backends.capture.unfinished import Unfinished
from backends.capture.vacancy import is_vacated
from backends.errors import LocalPathUnusable
from backends.repository.beginning import Beginning
from backends.repository.chunker import SMALLEST, Readable
from backends.repository.writer import RepositoryWriter, StoredFile

#: A staged file is ours and regular; a link in its place would be an attack.
OPEN_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
_NO_FILE = {errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP}
#: What reading says once the capture is over: as if the file had been taken away.
_OVER = errno.ENOENT


class Packing:
    """Reads staged files into the writer and enters them in the ledger; safe between threads."""

    def __init__(
        self,
        *,
        writer: RepositoryWriter,
        ledger: Ledger,
        progress: CaptureProgress,
        halt: Halt | None = None,
    ) -> None:
        self._writer = writer
        self._ledger = ledger
        self._progress = progress
        self._halt = halt or NoHalt()
        #: What has come of large files that are not complete.
        self.unfinished = Unfinished()

    @property
    def progress(self) -> CaptureProgress:
        """The counters that this advances."""
        return self._progress

    def pack(self, place: bytes, checksum: str | None) -> StoredContent | None:
        """Store the file at `place`, comparing it with the source's xxh128 where that is given.

        Returns:
            None where no file is there (any more), since rsync moves and removes beside us;
            where its data is gone and nobody knows what it was; or where the capture was over
            before its end was read.

        Raises:
            LocalPathUnusable: it cannot be read.
            StoreError, RepositoryError: from the writer.
        """
        try:
            return self._pack(place, checksum)
        except OSError as error:
            if error.errno in _NO_FILE:
                return None
            raise LocalPathUnusable(
                f"The staged file {os.fsdecode(place)!r} cannot be read: {error.strerror}.",
                hint="Check the disk under the state folder.",
            ) from error

    def store(
        self,
        stream: Readable,
        on_pieces: Callable[[int], None] = lambda _: None,
        beginning: Beginning | None = None,
    ) -> StoredFile:
        """Store what a stream holds, without entering it in the ledger.

        `on_pieces` and `beginning` are told as by `RepositoryWriter.save_file`.

        Raises:
            OSError: from the stream.
            StoreError, RepositoryError: from the writer.
        """
        return self._writer.save_file(_Counting(stream, self._progress), on_pieces, beginning)

    def enter(
        self, stored: StoredFile, stat: os.stat_result, checksum: str | None
    ) -> StoredContent:
        """Enter what was read of the staged file that `stat` describes."""
        self._progress.count_stored(stored.size)
        return self._ledger.enter(
            StoredContent(
                inode=stat.st_ino,
                size=stored.size,
                mtime_ns=stat.st_mtime_ns,
                blobs=stored.blobs,
                sha256=stored.sha256,
                compared=checksum == stored.xxh128,
                doubtful=checksum not in {None, stored.xxh128},
            )
        )

    def _pack(self, place: bytes, checksum: str | None) -> StoredContent | None:
        descriptor = os.open(place, OPEN_FLAGS)
        try:
            stat = os.fstat(descriptor)
            small = self._read_small(descriptor, stat.st_size)
            # The mark comes before the first byte goes: what was read without it was all there.
            if is_vacated(descriptor):
                return self._ledger.find(stat)
            if small:
                return self.enter(self._writer.save_small(small), stat, checksum)
            stored = self.store(_Halting(descriptor, self._halt))
            stat = os.fstat(descriptor)
            if is_vacated(descriptor):
                return self._ledger.find(stat)
        finally:
            os.close(descriptor)
        return self.enter(stored, stat, checksum)

    def _read_small(self, descriptor: int, size: int) -> bytes:
        """By a single read, as most files can be; empty where there is more or less to read."""
        if size > SMALLEST or not size or self._halt.is_over():
            return b""
        content = os.pread(descriptor, size + 1, 0)
        if len(content) != size:
            return b""
        self._progress.count_read(size)
        return content


class _Counting:
    """A stream that tells how much was read of it: a large file takes its time."""

    def __init__(self, stream: Readable, progress: CaptureProgress) -> None:
        self._stream = stream
        self._progress = progress

    def read(self, size: int, /) -> bytes:
        data = self._stream.read(size)
        if data:
            self._progress.count_read(len(data))
        return data


class _Halting:
    """A stream that ends with an error once the capture is over; one file may take hours."""

    def __init__(self, descriptor: int, halt: Halt) -> None:
        self._descriptor = descriptor
        self._halt = halt

    def read(self, size: int, /) -> bytes:
        if self._halt.is_over():
            raise OSError(_OVER, "the capture is over")
        return os.read(self._descriptor, size)
