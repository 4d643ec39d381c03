"""Stored files whose data may have to leave staging, listed on disk: there may be millions."""

import os
import struct
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from backends.capture.storedcontent import RECORD_SIZE, StoredContent, fold, unfold
from backends.errors import LocalPathUnusable

#: Bytes of the ids and of the place, which follow the record.
_LENGTHS: Final = struct.Struct("<QI")
#: Bytes of a list that is not on disk yet.
_IN_MEMORY: Final = 1 << 16


class Waiting:
    """A list in a file without a name, which leaves nothing behind; for one thread at a time.

    Args:
        folder: Of staging.
    """

    def __init__(self, folder: Path) -> None:
        # What is freed may be all that the disk has: a short list needs none of it.
        self._file = tempfile.SpooledTemporaryFile(_IN_MEMORY, dir=str(folder))  # noqa: SIM115 - closed by `close`
        self._folder = folder
        #: Sum of the sizes of the files in it.
        self.bytes = 0

    def add(self, place: bytes, content: StoredContent) -> None:
        """One more, which is at `place`. Raises LocalPathUnusable."""
        record, ids = fold(content)
        try:
            self._file.write(b"".join((_LENGTHS.pack(len(ids), len(place)), record, ids, place)))
        except OSError as error:
            raise _unusable(error, self._folder) from error
        self.bytes += content.size

    def __iter__(self) -> Iterator[tuple[bytes, StoredContent]]:
        """Each place with its content, from the first; nothing may be added any more."""
        self._file.seek(0)
        while lengths := self._file.read(_LENGTHS.size):
            ids, place = _LENGTHS.unpack(lengths)
            content = unfold(self._file.read(RECORD_SIZE), self._file.read(ids))
            yield self._file.read(place), content

    def close(self) -> None:
        """Forget all of it."""
        # Safe to pass over: what is forgotten needs no room on a full disk.
        with suppress(OSError):
            self._file.close()


def _unusable(error: OSError, folder: Path) -> LocalPathUnusable:
    return LocalPathUnusable(
        f"Cannot list what is stored, in {folder}: {os.strerror(error.errno or 0)}.",
        hint="Check the disk under the state folder.",
    )
