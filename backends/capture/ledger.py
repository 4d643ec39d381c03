"""Which staged file holds which blobs: what the intake learns and the image walk asks."""

import os
import threading
from dataclasses import dataclass, replace

from backends.types import BlobId


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredContent:
    """The content of one staged regular file, packed.

    Attributes:
        inode: Of the staged file.
        size: Bytes.
        mtime_ns: Of the staged file when it was read.
        blobs: Its content in order; empty for an empty file.
        sha256: Of the whole file, 32 raw bytes.
        compared: The source's own checksum was there and equal.
        doubtful: It was there and is of something else: of what the file was before, or is to be.
    """

    inode: int
    size: int
    mtime_ns: int
    blobs: tuple[BlobId, ...]
    sha256: bytes
    compared: bool
    doubtful: bool = False


class Ledger:
    """Contents by inode of the staged file.

    Staging is one file system, so an inode names a file, all of its hard links included. rsync
    replaces files by renaming, and every replaced file is announced again; size and mtime tell a
    reused inode from the one that was read.
    """

    def __init__(self) -> None:
        self._contents: dict[int, StoredContent] = {}
        self._mismatched: set[bytes] = set()
        self._lock = threading.Lock()

    def enter(self, content: StoredContent) -> StoredContent:
        """Remember what was read under its inode; returns it as it is remembered.

        What was equal once stays so: a file may be announced twice, by the journal of a pull that
        broke off and again since the source has changed it; only one of them has its checksum.
        """
        with self._lock:
            before = self._contents.get(content.inode)
            if before is not None and before.compared and before.sha256 == content.sha256:
                content = replace(content, compared=True, doubtful=False)
            self._contents[content.inode] = content
        return content

    @property
    def is_empty(self) -> bool:
        """Whether nothing has been stored yet."""
        return not self._contents

    def find(self, stat: os.stat_result) -> StoredContent | None:
        """The content of exactly this staged file, if it was stored in this run."""
        content = self._contents.get(stat.st_ino)
        if content is None:
            return None
        same = content.size == stat.st_size and content.mtime_ns == stat.st_mtime_ns
        return content if same else None

    def report_mismatch(self, path: bytes) -> None:
        """The bytes at `path` are not those that the source says it has."""
        with self._lock:
            self._mismatched.add(path)

    @property
    def mismatched(self) -> tuple[bytes, ...]:
        """Paths whose staged bytes contradict the source, sorted."""
        with self._lock:
            return tuple(sorted(self._mismatched))
