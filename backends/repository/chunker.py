"""Cuts files where their content says so, so that an insertion moves only nearby cuts.

The sizes are restic's (512 KiB to 8 MiB, about one and a half MiB on average), the algorithm is
FastCDC: any cuts make a valid repository, since readers go by the list of blobs in a file's node.
"""

from collections.abc import Iterator
from mmap import mmap
from typing import Final, Protocol

from pyfastcdc import FastCDC

#: Files up to this size are never cut.
SMALLEST: Final = 512 << 10
LARGEST: Final = 8 << 20
#: Bytes beyond the smallest size after which a cut is expected.
_EXPECTED: Final = 1 << 20
_FIRST_READ: Final = 64 << 10
#: Bytes that are looked through at a time; on average they hold nearly three pieces.
_BLOCK: Final = 4 << 20
#: Most bytes of one read. The C allocator keeps blocks of this size; larger ones come from the
#: system anew each time (see `allocator`), which costs more than hashing what is read into them.
_PART: Final = 1 << 20


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
    filled, ended = len(head), False
    # Pages of such memory count only once they are written, and few files need all of it.
    window = memoryview(mmap(-1, max(filled, LARGEST) + _BLOCK))
    window[:filled] = head
    while not ended:
        limit = filled + _BLOCK
        filled = _fill(stream, window, filled, limit)
        ended = filled < limit
        *whole, rest = _cut(cutter, window[:filled])
        yield from map(bytes, whole)
        filled = len(rest)
        window[:filled] = rest
    if filled:
        yield bytes(window[:filled])


def _fill(stream: Readable, window: memoryview, filled: int, limit: int) -> int:
    """Read on behind what is `filled`; how far it then is, short of `limit` only at the end."""
    while filled < limit and (part := stream.read(min(_PART, limit - filled))):
        window[filled : filled + len(part)] = part
        filled += len(part)
    return filled


def _cut(cutter: FastCDC, data: memoryview) -> list[memoryview]:
    """The pieces that `data` begins with, whatever follows it, and last what is not cut yet."""
    pieces = [chunk.data for chunk in cutter.cut_buf(data)]
    # The cutter looks at nothing behind a cut, so that only the last piece can turn out longer.
    if not pieces or len(pieces[-1]) == LARGEST:
        pieces.append(data[:0])
    return pieces


def read_most(
    stream: Readable, limit: int, *, first: int = _FIRST_READ, head: bytes = b""
) -> bytes:
    """Up to `limit` bytes after `head`; fewer only where the stream ends.

    It begins with a small read: the buffer for a large one costs more than most files.
    """
    parts = [head] if head else []
    size = min(limit, first)
    while limit > 0 and (part := stream.read(size)):
        parts.append(part)
        limit -= len(part)
        size = limit
    return parts[0] if len(parts) == 1 else b"".join(parts)
