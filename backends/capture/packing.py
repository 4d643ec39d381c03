"""Packs one staged file and remembers what it held."""

import os

from backends.capture.ledger import Ledger, StoredContent
from backends.capture.progress import CaptureProgress
from backends.repository.writer import RepositoryWriter

#: A staged file is ours and regular; a link in its place would be an attack.
OPEN_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC


class Packing:
    """Reads staged files into the writer and enters them in the ledger; safe between threads."""

    def __init__(
        self, *, writer: RepositoryWriter, ledger: Ledger, progress: CaptureProgress
    ) -> None:
        self._writer = writer
        self._ledger = ledger
        self._progress = progress

    def pack(self, place: bytes, checksum: str | None) -> StoredContent:
        """Store the file at `place`, comparing it with the source's xxh128 where that is given.

        Raises:
            OSError: the file cannot be opened or read.
            StoreError, RepositoryError: from the writer.
        """
        descriptor = os.open(place, OPEN_FLAGS)
        with os.fdopen(descriptor, "rb", buffering=0) as stream:
            stored = self._writer.save_file(stream)
            stat = os.fstat(descriptor)
        content = StoredContent(
            inode=stat.st_ino,
            size=stored.size,
            mtime_ns=stat.st_mtime_ns,
            blobs=stored.blobs,
            sha256=stored.sha256,
            compared=checksum == stored.xxh128,
        )
        self._ledger.enter(content)
        self._progress.count_stored(stored.size)
        return content
