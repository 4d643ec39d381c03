"""A set of paths at eight bytes each: which of them a server has, and which staging.

Two paths are taken for one as seldom as two numbers of 64 bits are equal by chance. One that the
server has no more would then stay in staging.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterable

from xxhash import xxh3_64_intdigest

#: Each is put in order by itself, so that no more than one has to lie in memory at its full size.
_PARTS = 256


class PathSet:
    """Paths relative to staging; asked only once all of them are known."""

    def __init__(self) -> None:
        self._parts = [array("Q") for _ in range(_PARTS)]

    def add(self, paths: Iterable[bytes]) -> None:
        """Note paths, without a slash at the end."""
        parts = self._parts
        for value in map(xxh3_64_intdigest, paths):
            parts[value % _PARTS].append(value)

    def seal(self) -> None:
        """All are known: from now on it is asked."""
        for number, part in enumerate(self._parts):
            self._parts[number] = array("Q", sorted(part))

    def __le__(self, other: "PathSet") -> bool:
        """Whether the other one has all of these; neither needs to be sealed."""
        pairs = zip(self._parts, other._parts, strict=True)
        return all(set(mine) <= set(others) for mine, others in pairs)

    def __contains__(self, path: bytes) -> bool:
        value = xxh3_64_intdigest(path)
        part = self._parts[value % _PARTS]
        place = bisect_left(part, value)
        return place < len(part) and part[place] == value
