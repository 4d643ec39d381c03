"""A store that takes and gives nothing once the run that uses it must be at rest."""

from collections.abc import Callable, Iterator
from typing import Final

from backends.objectstore.forwarding import ForwardingStore
from backends.protocols import ObjectStore
from backends.repository.unpacked import ObjectKind
from backends.types import Content, ObjectInfo

#: Locks are kept fresh and given back to the end.
_FREE: Final = ObjectKind.LOCK.prefix


class GuardedStore(ForwardingStore):
    """Asks before each operation. Implements `ObjectStore`.

    Deleting is never held up: a run deletes what would be in the way of others.

    Args:
        inner: Does the work; closed with this one.
        check: Raises if nothing more may be done.
    """

    def __init__(self, inner: ObjectStore, check: Callable[[], None]) -> None:
        super().__init__(inner)
        self._check = check

    def put(self, key: str, data: Content) -> ObjectInfo:
        """See `ObjectStore.put`."""
        self._ask(key)
        return self._inner.put(key, data)

    def get(self, key: str, *, offset: int = 0, length: int | None = None) -> bytes:
        """See `ObjectStore.get`."""
        self._ask(key)
        return self._inner.get(key, offset=offset, length=length)

    def stat(self, key: str) -> ObjectInfo:
        """See `ObjectStore.stat`."""
        self._ask(key)
        return self._inner.stat(key)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """See `ObjectStore.list`."""
        self._ask(prefix)
        for info in self._inner.list(prefix):
            yield info
            self._ask(prefix)

    def _ask(self, key: str) -> None:
        if not key.startswith(_FREE):
            self._check()
