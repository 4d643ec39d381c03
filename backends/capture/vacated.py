"""The list of contents that are no longer in staging, beside the image.

    <root>/vacated.log    one line for each file, written before its data goes

Until a repository snapshot has the files, this list alone knows which blobs they were. A run that
was killed therefore finds them again, as long as the repository still has these blobs.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import orjson

from backends.capture.ledger import StoredContent
from backends.errors import LocalPathUnusable
from backends.types import BlobId

NAME = "vacated.log"
_ID = 32


class VacatedLog:
    """Appends to the list, and reads it; a line that is damaged counts as none."""

    def __init__(self, root: Path) -> None:
        self._path = root / NAME

    def add(self, contents: Iterable[StoredContent]) -> None:
        """Append these; it outlives this program.

        Not a power cut, perhaps: files that are then in no list are sent again.

        Raises:
            LocalPathUnusable: it cannot be written.
        """
        try:
            with self._path.open("ab") as file:
                # The first line break ends whatever a crash has left half written.
                file.write(b"\n")
                file.writelines(map(_encode, contents))
        except OSError as error:
            raise LocalPathUnusable(f"Cannot write {self._path}: {error.strerror}.") from error

    @property
    def is_there(self) -> bool:
        """Whether there may be files without data, also where the list is empty by now."""
        return self._path.exists()

    def shorten(self) -> None:
        """A repository snapshot has all of them."""
        if self.is_there:
            os.truncate(self._path, 0)

    def read(self) -> Iterator[StoredContent]:
        """What is in it; of one inode the last counts."""
        try:
            with self._path.open("rb") as lines:
                for line in lines:
                    if (content := _decode(line)) is not None:
                        yield content
        except FileNotFoundError:
            return


def _encode(content: StoredContent) -> bytes:
    fields = {
        "inode": content.inode,
        "size": content.size,
        "mtime_ns": content.mtime_ns,
        "sha256": content.sha256.hex(),
        "compared": content.compared,
        "blobs": b"".join(content.blobs).hex(),
    }
    return orjson.dumps(fields) + b"\n"


def _decode(line: bytes) -> StoredContent | None:
    try:
        fields = orjson.loads(line)
        blobs = bytes.fromhex(fields["blobs"])
        return StoredContent(
            inode=int(fields["inode"]),
            size=int(fields["size"]),
            mtime_ns=int(fields["mtime_ns"]),
            sha256=bytes.fromhex(fields["sha256"]),
            compared=bool(fields["compared"]),
            blobs=tuple(BlobId(blobs[at : at + _ID]) for at in range(0, len(blobs), _ID)),
        )
    except (ValueError, KeyError, TypeError):
        return None
