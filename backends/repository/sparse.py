"""Writes bytes to a file and leaves holes where they are zero for long."""

import os
from collections.abc import Iterator
from typing import Final

#: File systems allocate in blocks of this size; a hole smaller or askew saves nothing.
BLOCK: Final = 4096
#: Shorter stretches of zeros are written: every hole costs an entry in the file's map.
LEAST_HOLE: Final = 4 * BLOCK
_ZEROS: Final = bytes(BLOCK)


def find_data(data: bytes, offset: int) -> Iterator[tuple[int, int]]:
    """Stretches of `data` to be written, as start and end; what lies between is zero.

    Args:
        data: Bytes for one place of a file.
        offset: That place; holes are cut at multiples of `BLOCK` of the file.
    """
    start = end = 0
    for piece in _pieces(len(data), offset):
        # The first byte decides for nearly every piece that is not zero.
        if data[piece.start] == 0 and data[piece] == _ZEROS[: piece.stop - piece.start]:
            continue
        if piece.start - end >= LEAST_HOLE:
            if end > start:
                yield start, end
            start = piece.start
        end = piece.stop
    if len(data) - end < LEAST_HOLE:
        end = len(data)
    if end > start:
        yield start, end


def _pieces(size: int, offset: int) -> Iterator[slice]:
    """Cut where the file's blocks end; the first and the last piece may be shorter."""
    start = 0
    while start < size:
        stop = min(start + BLOCK - (offset + start) % BLOCK, size)
        yield slice(start, stop)
        start = stop


def write_data(descriptor: int, data: bytes, offset: int) -> None:
    """Write `data` at `offset`, leaving out long zeros; the file must be new there.

    Raises:
        OSError: the file system refuses.
    """
    if len(data) < LEAST_HOLE:
        write_all(descriptor, data, offset)
        return
    view = memoryview(data)
    for start, end in find_data(data, offset):
        write_all(descriptor, view[start:end], offset + start)


def write_all(descriptor: int, data: bytes | memoryview, offset: int) -> None:
    """Write all of `data`, however little the file system takes at a time."""
    written = os.pwrite(descriptor, data, offset)
    while written < len(data):
        written += os.pwrite(descriptor, memoryview(data)[written:], offset + written)
