"""Rows of one size: as many as fit in some memory, and the others in a file without a name."""

import os
import tempfile
import weakref
from contextlib import suppress
from errno import EIO
from pathlib import Path
from typing import Final

from backends.errors import LocalPathUnusable

#: Rows that go to the file together.
_BLOCK: Final = 1024
#: Blocks that stay in memory. A server of 65,000 files needs no file.
_KEPT: Final = 64


class Rows:
    """Rows by number; for one thread at a time.

    Where the disk takes no more, further rows stay in memory.

    Args:
        size: Bytes of a row.
        folder: Where the file is made, once there are too many rows.
    """

    def __init__(self, size: int, folder: Path) -> None:
        self._size = size
        self._folder = folder
        #: None for those in the file, where each has the place of its number.
        self._blocks: list[bytearray | None] = []
        self._count = 0
        self._file = -1
        self._is_full = False

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, row: int) -> bytes:
        """One row. Raises LocalPathUnusable: it cannot be read."""
        number, at = divmod(row, _BLOCK)
        block = self._blocks[number]
        if block is not None:
            return bytes(block[at * self._size : (at + 1) * self._size])
        try:
            found = os.pread(self._file, self._size, row * self._size)
        except OSError as error:
            raise _unusable(error, self._folder) from error
        if len(found) != self._size:
            raise _unusable(OSError(EIO, ""), self._folder)
        return found

    def __setitem__(self, row: int, content: bytes) -> None:
        """Replace one row. Raises LocalPathUnusable: it cannot be written."""
        number, at = divmod(row, _BLOCK)
        block = self._blocks[number]
        if block is not None:
            block[at * self._size : (at + 1) * self._size] = content
            return
        try:
            written = os.pwrite(self._file, content, row * self._size)
        except OSError as error:
            raise _unusable(error, self._folder) from error
        if written != self._size:
            raise _unusable(OSError(EIO, ""), self._folder)

    def append(self, content: bytes) -> None:
        """One more row."""
        if self._count % _BLOCK == 0:
            self._blocks.append(bytearray())
        block = self._blocks[-1]
        assert block is not None  # noqa: S101 - only full ones go to the file
        block += content
        self._count += 1
        if self._count % _BLOCK == 0 and len(self._blocks) > _KEPT and not self._is_full:
            self._put_away(len(self._blocks) - 1, block)

    def _put_away(self, number: int, block: bytearray) -> None:
        self._is_full = True
        # Safe to pass over: the rows are here, and stay.
        with suppress(OSError):
            if self._file < 0:
                self._open()
            if os.pwrite(self._file, block, number * len(block)) == len(block):
                self._blocks[number], self._is_full = None, False

    def _open(self) -> None:
        with tempfile.TemporaryFile(dir=self._folder) as file:
            self._file = os.dup(file.fileno())
        weakref.finalize(self, os.close, self._file)


def _unusable(error: OSError, folder: Path) -> LocalPathUnusable:
    return LocalPathUnusable(
        f"Cannot keep what is stored, in {folder}: {os.strerror(error.errno or 0)}.",
        hint="Check the disk under the state folder.",
    )
