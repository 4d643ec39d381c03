"""Many paths at a few bytes each; as a set they would take a hundred times as much."""

from collections.abc import Iterable, Iterator
from typing import Final

import zstandard

#: What no path can hold.
_END: Final = b"\0"
#: Bytes of paths that are compressed together. rsync goes folder by folder, so they are alike.
_PART: Final = 1 << 16


class PathList:
    """Paths in the order in which they came, repeated where they came again."""

    def __init__(self, paths: Iterable[bytes] = ()) -> None:
        #: Compressed.
        self._parts: list[bytes] = []
        #: What came since the last of them.
        self._text = bytearray()
        self._count = 0
        for path in paths:
            self.add(path)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[bytes]:
        for part in self._parts:
            yield from _split(zstandard.decompress(part))
        yield from _split(self._text)

    def add(self, path: bytes) -> None:
        """One more, which holds no NUL."""
        self._text += path
        self._text += _END
        self._count += 1
        if len(self._text) >= _PART:
            # Copied: the library's result keeps all that it might have taken.
            self._parts.append(bytes(memoryview(zstandard.compress(self._text, level=1))))
            self._text.clear()


def _split(text: bytes | bytearray) -> list[bytes]:
    """Paths that end with `_END` each."""
    return bytes(text).split(_END)[:-1]
