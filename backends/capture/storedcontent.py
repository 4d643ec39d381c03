"""The content of one staged file as it was stored, and the same in few bytes.

A run remembers every file that it has stored. As values these take some 500 bytes each, which a
server with millions of files cannot be asked to cost; as records they take 64.
"""

import struct
from dataclasses import dataclass
from typing import Final

from backends.types import BlobId

_ID: Final = 32
_SECOND: Final = 10**9
#: inode, size, mtime in seconds and nanoseconds (there are times after 2262), signs, SHA-256
_RECORD: Final = struct.Struct("<QQqIB3x32s")
RECORD_SIZE: Final = _RECORD.size
_COMPARED: Final = 1
_DOUBTFUL: Final = 2
#: The one blob is the file, so that the SHA-256 names it.
_WHOLE: Final = 4


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


def fold(content: StoredContent) -> tuple[bytes, bytes]:
    """A record of `RECORD_SIZE` bytes, and the ids of the blobs where the record lacks them."""
    seconds, nanoseconds = divmod(content.mtime_ns, _SECOND)
    whole = content.blobs == (content.sha256,)
    signs = content.compared * _COMPARED | content.doubtful * _DOUBTFUL | whole * _WHOLE
    record = _RECORD.pack(content.inode, content.size, seconds, nanoseconds, signs, content.sha256)
    return record, b"" if whole else b"".join(content.blobs)


def unfold(record: bytes, ids: bytes) -> StoredContent:
    """What `fold` was given."""
    inode, size, seconds, nanoseconds, signs, sha256 = _RECORD.unpack(record)
    listed = (sha256,) if signs & _WHOLE else _split(ids)
    return StoredContent(
        inode=inode,
        size=size,
        mtime_ns=seconds * _SECOND + nanoseconds,
        blobs=tuple(map(BlobId, listed)),
        sha256=sha256,
        compared=bool(signs & _COMPARED),
        doubtful=bool(signs & _DOUBTFUL),
    )


def _split(ids: bytes) -> tuple[bytes, ...]:
    return tuple(ids[at : at + _ID] for at in range(0, len(ids), _ID))
