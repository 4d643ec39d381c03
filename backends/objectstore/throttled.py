"""A store that is used no faster than allowed."""

import threading
from collections.abc import Sequence
from typing import Final

from backends.objectstore.forwarding import ForwardingStore
from backends.pacing import Bucket
from backends.protocols import ObjectStore
from backends.types import Content, ObjectInfo

#: The longest sleep before the rate is asked for again: it may have changed.
_SLICE: Final = 1.0


class ThrottledStore(ForwardingStore):
    """Waits before objects are put or got until there is room for them. Implements `ObjectStore`.

    An object goes at the speed of the line, and the next one waits for as long as it should have
    taken; over a few packs the rate is kept.

    Args:
        inner: Does the work; closed with this one.
        buckets: What all bytes count towards; others may share them.
        stop: Once set, nothing is waited for any more.
    """

    def __init__(
        self, inner: ObjectStore, buckets: Sequence[Bucket], *, stop: threading.Event | None = None
    ) -> None:
        super().__init__(inner)
        self._buckets = tuple(buckets)
        self._stop = stop or threading.Event()

    def put(self, key: str, data: Content) -> ObjectInfo:
        """See `ObjectStore.put`."""
        self._await_room()
        self._spend(len(data))
        return self._inner.put(key, data)

    def get(self, key: str, *, offset: int = 0, length: int | None = None) -> bytes:
        """See `ObjectStore.get`."""
        self._await_room()
        data = self._inner.get(key, offset=offset, length=length)
        self._spend(len(data))
        return data

    def _await_room(self) -> None:
        while (due := max((each.due() for each in self._buckets), default=0.0)) > 0:
            if self._stop.wait(min(due, _SLICE)):
                return

    def _spend(self, amount: int) -> None:
        for bucket in self._buckets:
            bucket.spend(amount)
