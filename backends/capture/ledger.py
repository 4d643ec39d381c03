"""Which staged file holds which blobs: what the intake learns and the image walk asks."""

import os
import threading
from array import array
from dataclasses import replace
from pathlib import Path
from typing import Final

from backends.capture.rows import Rows
from backends.capture.storedcontent import RECORD_SIZE, StoredContent, fold, unfold

__all__ = ["Ledger", "StoredContent"]

_FIRST_SLOTS: Final = 1024
#: Spreads inodes, which are often neighbours, over the slots (Knuth's golden ratio).
_SPREAD: Final = 0x9E3779B97F4A7C15


class Ledger:
    """Contents by inode of the staged file, at some 80 bytes a file, 15 of many in memory.

    Staging is one file system, so an inode names a file, all of its hard links included. rsync
    replaces files by renaming, and every replaced file is announced again; size and mtime tell a
    reused inode from the one that was read.

    Args:
        folder: Of staging; what does not fit in some memory is kept there.
    """

    def __init__(self, folder: Path) -> None:
        self._rows = _Table(folder)
        self._mismatched: set[bytes] = set()
        self._lock = threading.Lock()

    def enter(self, content: StoredContent) -> StoredContent:
        """Remember what was read under its inode; returns it as it is remembered.

        What was equal once stays so: a file may be announced twice, by the journal of a pull that
        broke off and again since the source has changed it; only one of them has its checksum.
        """
        with self._lock:
            before = self._rows.get(content.inode)
            if before is not None and before.compared and before.sha256 == content.sha256:
                content = replace(content, compared=True, doubtful=False)
            self._rows.put(content)
        return content

    @property
    def is_empty(self) -> bool:
        """Whether nothing has been stored yet."""
        return not len(self._rows)

    def find(self, stat: os.stat_result) -> StoredContent | None:
        """The content of exactly this staged file, if it was stored in this run."""
        with self._lock:
            content = self._rows.get(stat.st_ino)
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


class _Table:
    """Records found through an open-addressing hash table; for one thread at a time."""

    def __init__(self, folder: Path) -> None:
        self._inodes = array("Q")
        self._records = Rows(RECORD_SIZE, folder)
        #: Ids of blobs by row, of the few files that are more than one blob.
        self._ids: dict[int, bytes] = {}
        #: Row number + 1, or 0 where free.
        self._slots = array("I", bytes(4 * _FIRST_SLOTS))

    def __len__(self) -> int:
        return len(self._inodes)

    def get(self, inode: int) -> StoredContent | None:
        row = self._slots[self._slot(inode)] - 1
        if row < 0:
            return None
        return unfold(self._records[row], self._ids.get(row, b""))

    def put(self, content: StoredContent) -> None:
        record, ids = fold(content)
        slot = self._slot(content.inode)
        row = self._slots[slot] - 1
        if row < 0:
            row = self._add(slot, content.inode, record)
        else:
            self._records[row] = record
        self._ids.pop(row, None)
        if ids:
            self._ids[row] = ids

    def _add(self, slot: int, inode: int, record: bytes) -> int:
        self._records.append(record)
        self._inodes.append(inode)
        self._slots[slot] = len(self)
        if len(self) * 3 > len(self._slots) * 2:
            self._grow()
        return len(self) - 1

    def _slot(self, inode: int) -> int:
        """Where the inode's row is named, or is to be."""
        slots, inodes = self._slots, self._inodes
        mask = len(slots) - 1
        slot = _place(inode, mask)
        while (row := slots[slot]) and inodes[row - 1] != inode:
            slot = (slot + 1) & mask
        return slot

    def _grow(self) -> None:
        self._slots = array("I", bytes(8 * len(self._slots)))
        mask = len(self._slots) - 1
        for row, inode in enumerate(self._inodes, start=1):
            slot = _place(inode, mask)
            while self._slots[slot]:
                slot = (slot + 1) & mask
            self._slots[slot] = row


def _place(inode: int, mask: int) -> int:
    return (inode * _SPREAD >> 32) & mask
