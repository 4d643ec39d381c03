"""Looks at what an interrupted restore left of a file: only what hashes right is kept.

Size and time prove nothing: a file has its size from its first byte on.
"""

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass

from backends.repository.blob import plain_length
from backends.repository.index import BlobLocation


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftover:
    """What is there of one file.

    Attributes:
        is_whole: It is as it should be, to the last byte.
        right_bytes: Bytes in pieces that are right.
        wrong: Offsets of the other pieces.
        soiled: Those of them that hold something else than zeros.
    """

    is_whole: bool
    right_bytes: int
    wrong: frozenset[int]
    soiled: frozenset[int]


def examine(descriptor: int, size: int, places: Iterable[BlobLocation]) -> Leftover:
    """Hash a file piece by piece; one piece is in memory at a time.

    Args:
        descriptor: Of the file, open for reading.
        size: Bytes that it should have.
        places: Its blobs in order.

    Raises:
        OSError: it cannot be read.
    """
    wrong, soiled = set[int](), set[int]()
    offset = right = 0
    for place in places:
        length = plain_length(place.blob.length, place.blob.uncompressed_length)
        found = os.pread(descriptor, length, offset)
        if hashlib.sha256(found).digest() == place.blob.id:
            right += length
        else:
            wrong.add(offset)
            if found.count(0) != len(found):
                soiled.add(offset)
        offset += length
    is_whole = not wrong and os.fstat(descriptor).st_size == size
    return Leftover(
        is_whole=is_whole, right_bytes=right, wrong=frozenset(wrong), soiled=frozenset(soiled)
    )
