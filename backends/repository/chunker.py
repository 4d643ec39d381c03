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
_FIRST_READ: Final = 64 << 10
#: Bytes that are looked through at a time; on average they hold nearly three pieces.
_BLOCK: Final = 4 << 20


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
    rest, ended = head, False
    while not ended:
        block = read_most(stream, _BLOCK, first=_BLOCK, head=rest)
        ended = len(block) < len(rest) + _BLOCK
        *whole, rest = _cut(cutter, block)
        del block  # whoever takes the pieces may take his time
        yield from whole
    if rest:
        yield rest


def _cut(cutter: FastCDC, data: bytes) -> list[bytes]:
    """The pieces that `data` begins with, whatever follows it, and last what is not cut yet."""
    pieces = [bytes(chunk.data) for chunk in cutter.cut_buf(data)]
    # The cutter looks at nothing behind a cut, so that only the last piece can turn out longer.
    if not pieces or len(pieces[-1]) == LARGEST:
        pieces.append(b"")
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
