"""Many paths at little more than their own bytes; as a set they would take three times as much."""

from collections.abc import Iterable, Iterator

#: What no path can hold.
_END = b"\0"


class PathList:
    """Paths in the order in which they came, repeated where they came again."""

    def __init__(self, paths: Iterable[bytes] = ()) -> None:
        self._text = bytearray()
        self._count = 0
        for path in paths:
            self.add(path)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[bytes]:
        start = 0
        while start < len(self._text):
            end = self._text.index(_END, start)
            yield bytes(self._text[start:end])
            start = end + 1

    def add(self, path: bytes) -> None:
        """One more, which holds no NUL."""
        self._text += path
        self._text += _END
        self._count += 1
