"""A store that leaves everything to another one: what wrapped stores have in common."""

from collections.abc import Iterator

from backends.protocols import ObjectStore
from backends.types import Content, ObjectInfo


class ForwardingStore:
    """Passes every call on; subclasses add to some of them. Implements `ObjectStore`.

    Args:
        inner: Does the work; closed with this one.
    """

    def __init__(self, inner: ObjectStore) -> None:
        self._inner = inner

    @property
    def inner(self) -> ObjectStore:
        """See `findings.Wrapper`."""
        return self._inner

    @property
    def url(self) -> str:
        """See `ObjectStore.url`."""
        return self._inner.url

    @property
    def attests_sha256(self) -> bool:
        """See `ObjectStore.attests_sha256`."""
        return self._inner.attests_sha256

    def put(self, key: str, data: Content) -> ObjectInfo:
        """See `ObjectStore.put`."""
        return self._inner.put(key, data)

    def get(self, key: str, *, offset: int = 0, length: int | None = None) -> bytes:
        """See `ObjectStore.get`."""
        return self._inner.get(key, offset=offset, length=length)

    def stat(self, key: str) -> ObjectInfo:
        """See `ObjectStore.stat`."""
        return self._inner.stat(key)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """See `ObjectStore.list`."""
        return self._inner.list(prefix)

    def delete(self, key: str) -> None:
        """See `ObjectStore.delete`."""
        self._inner.delete(key)

    def close(self) -> None:
        """See `ObjectStore.close`."""
        self._inner.close()
