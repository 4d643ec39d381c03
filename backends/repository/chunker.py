"""Cuts files where their content says so, so that an insertion moves only nearby cuts.

The sizes are restic's (512 KiB to 8 MiB, about one and a half MiB on average), the algorithm is
FastCDC: any cuts make a valid repository, since readers go by the list of blobs in a file's node.
"""

from collections.abc import Iterator
from typing import Final, Protocol

from pyfastcdc import FastCDC

#: Files up to this size are never cut.
SMALLEST: Final = 512 << 10
LARGEST: Final = 8 << 20
#: Bytes beyond the smallest size after which a cut is expected.
_EXPECTED: Final = 1 << 20
#: Files up to this size are read whole; the cutter's own buffer would cost more than they do.
_HELD: Final = 8 << 20
_FIRST_READ: Final = 64 << 10
_READ: Final = 1 << 20


class Readable(Protocol):
    """A binary stream; `read` may return less than asked for, and nothing only at the end."""

    def read(self, size: int, /) -> bytes:
        """Up to `size` bytes."""


def chunks(stream: Readable, head: bytes = b"") -> Iterator[bytes]:
    """The stream's bytes in pieces of `SMALLEST` to `LARGEST`, the last possibly shorter.

    Args:
        stream: Read to its end, wherever that turns out to be.
        head: Bytes that were read from it before.
    """
    cutter = FastCDC(_EXPECTED, min_size=SMALLEST, max_size=LARGEST)
    head += read_most(stream, _HELD + 1 - len(head))
    if len(head) <= _HELD:
        cuts = cutter.cut_buf(head)
    else:
        cuts = cutter.cut_stream(_Continued(head, stream))
        del head  # the cutter has its own copy from the first piece on
    for chunk in cuts:
        # The cutter uses its buffer again for the next piece.
        yield bytes(chunk.data)


def read_most(stream: Readable, limit: int) -> bytes:
    """Up to `limit` bytes; fewer only where the stream ends.

    It begins with a small read: the buffer for a large one costs more than most files.
    """
    parts: list[bytes] = []
    size = min(limit, _FIRST_READ)
    while limit > 0 and (part := stream.read(size)):
        parts.append(part)
        limit -= len(part)
        size = limit
    return parts[0] if len(parts) == 1 else b"".join(parts)


class _Continued:
    """A stream with its head put back."""

    def __init__(self, head: bytes, stream: Readable) -> None:
        self._head = memoryview(head)
        self._stream = stream

    def readinto(self, buffer: memoryview) -> int:
        part = self._head[: len(buffer)] or self._stream.read(min(len(buffer), _READ))
        self._head = self._head[len(part) :] or memoryview(b"")
        buffer[: len(part)] = part
        return len(part)
