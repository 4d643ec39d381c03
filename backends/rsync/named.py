"""Which paths a server has, at eight bytes each.

Two paths that are taken for one are as likely as two equal numbers of 64 bits; a path too many
would then stay in staging until the next pull with `--delete`.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterable

from xxhash import xxh3_64_intdigest

#: Each is put in order by itself, so that no more than one has to lie in memory at its full size.
_PARTS = 256


class Named:
    """Paths that rsync has named; asked only once all of them are known."""

    def __init__(self) -> None:
        self._parts = [array("Q") for _ in range(_PARTS)]
        #: A line was not understood, so a path may be missing.
        self.is_doubtful = False

    def add(self, paths: Iterable[bytes]) -> None:
        """Note paths relative to staging, without a slash at the end."""
        parts = self._parts
        for value in map(xxh3_64_intdigest, paths):
            parts[value % _PARTS].append(value)

    def seal(self) -> None:
        """All are known."""
        self._parts = [array("Q", sorted(part)) for part in self._parts]

    def __contains__(self, path: bytes) -> bool:
        value = xxh3_64_intdigest(path)
        part = self._parts[value % _PARTS]
        place = bisect_left(part, value)
        return place < len(part) and part[place] == value
