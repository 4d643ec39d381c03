"""Open files and folders, a bounded number of them, shared by threads."""

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice


@dataclass(slots=True)
class _Open:
    descriptor: int
    users: int = 0


class Descriptors:
    """Keeps the descriptors used last open; one in use is never closed.

    Args:
        most: How many stay open while none is in use.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: OrderedDict[bytes, _Open] = OrderedDict()
        self._changing = threading.RLock()

    def take(self, path: bytes, opener: Callable[[bytes], int]) -> int:
        """The descriptor of a path, in use until `give_back`; see `hold`."""
        with self._changing:
            held = self._open.get(path)
            if held is None:
                held = self._open[path] = _Open(opener(path))
            self._open.move_to_end(path)
            held.users += 1
            self._shrink()
            return held.descriptor

    def give_back(self, path: bytes) -> None:
        """End one use of a descriptor that was taken."""
        with self._changing:
            self._open[path].users -= 1

    @contextmanager
    def hold(self, path: bytes, opener: Callable[[bytes], int]) -> Iterator[int]:
        """The descriptor of a path, opened by `opener` where it is not open yet.

        Openers run one at a time, and may hold other paths of the same collection.
        """
        descriptor = self.take(path, opener)
        try:
            yield descriptor
        finally:
            self.give_back(path)

    def is_open(self, path: bytes) -> bool:
        """Whether a path's descriptor is at hand."""
        with self._changing:
            return path in self._open

    def drop(self, path: bytes) -> None:
        """Close a path's descriptor, unless somebody holds it."""
        with self._changing:
            held = self._open.get(path)
            if held is not None and not held.users:
                del self._open[path]
                os.close(held.descriptor)

    def close(self) -> None:
        """Close all of them."""
        with self._changing:
            while self._open:
                _, held = self._open.popitem()
                os.close(held.descriptor)

    def _shrink(self) -> None:
        excess = len(self._open) - self._most
        if excess > 0:
            idle = (path for path, held in self._open.items() if not held.users)
            for path in list(islice(idle, excess)):
                self.drop(path)
