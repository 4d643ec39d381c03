"""Who is storing which blob right now, and a gate at which a flush makes savers wait."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from backends.repository.index import Index
from backends.types import BlobId, BlobKind


class Claims:
    """Sees to it that each blob is stored once, however many threads save it.

    Takes no lock: `dict.setdefault` and `dict.pop` with byte keys are atomic in CPython.
    """

    def __init__(self, index: Index) -> None:
        self._index = index
        self._claimed: dict[BlobKind, dict[BlobId, object]] = {kind: {} for kind in BlobKind}

    def __len__(self) -> int:
        """How many blobs are claimed and not in the index yet."""
        return sum(map(len, self._claimed.values()))

    def claim(self, kind: BlobKind, blob_id: BlobId) -> bool:
        """Whether the caller is the one that has to store the blob."""
        mine = object()
        if self._claimed[kind].setdefault(blob_id, mine) is not mine:
            return False
        # The index second: a blob enters it before its claim is given up.
        if self._index.has(kind, blob_id):
            self._claimed[kind].pop(blob_id)
            return False
        return True

    def settle(self, kind: BlobKind, blob_id: BlobId) -> None:
        """Give a claim up, the blob being in the index by now."""
        self._claimed[kind].pop(blob_id, None)


class Gate:
    """Lets savers through side by side, each as a `with` block, or one flush alone."""

    def __init__(self) -> None:
        self._changed = threading.Condition(threading.Lock())
        self._inside = 0
        self._shut = False

    def __enter__(self) -> None:
        with self._changed:
            while self._shut:
                self._changed.wait()
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._inside -= 1
            if self._shut and not self._inside:
                self._changed.notify_all()

    @contextmanager
    def shut(self) -> Iterator[None]:
        """Wait until nobody is inside, and keep everybody out meanwhile and in the block."""
        with self._changed:
            while self._shut:
                self._changed.wait()
            self._shut = True
            while self._inside:
                self._changed.wait()
        try:
            yield
        finally:
            with self._changed:
                self._shut = False
                self._changed.notify_all()
