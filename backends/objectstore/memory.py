"""Objects in a dictionary: for tests, and for trying things out without a disk."""

import hashlib
import threading
from collections.abc import Iterator

from backends.errors import ObjectMissing
from backends.objectstore.keys import check_key, check_prefix
from backends.objectstore.span import check_span, cut
from backends.types import Content, ObjectInfo


class MemoryStore:
    """An object store that lasts as long as the process. Implements `ObjectStore`.

    Args:
        attests_sha256: Whether it plays a store that vouches for a SHA-256 of what it holds.
        url: What `url` says.
    """

    def __init__(self, *, attests_sha256: bool = True, url: str = "memory:") -> None:
        self._objects: dict[str, bytes] = {}
        self._lock = threading.Lock()
        self._attests_sha256 = attests_sha256
        self._url = url

    @property
    def url(self) -> str:
        """See `ObjectStore.url`."""
        return self._url

    @property
    def attests_sha256(self) -> bool:
        """See `ObjectStore.attests_sha256`."""
        return self._attests_sha256

    def put(self, key: str, data: Content) -> ObjectInfo:
        """See `ObjectStore.put`."""
        kept = bytes(data)
        with self._lock:
            self._objects[check_key(key)] = kept
        return self._describe(key, kept)

    def get(self, key: str, *, offset: int = 0, length: int | None = None) -> bytes:
        """See `ObjectStore.get`."""
        check_span(offset, length)
        return cut(key, self._look_up(key), offset, length)

    def stat(self, key: str) -> ObjectInfo:
        """See `ObjectStore.stat`."""
        return self._describe(key, self._look_up(key))

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """See `ObjectStore.list`; shows the moment at which it was called."""
        check_prefix(prefix)
        with self._lock:
            found = [item for item in self._objects.items() if item[0].startswith(prefix)]
        return iter([ObjectInfo(key=key, size=len(data)) for key, data in sorted(found)])

    def delete(self, key: str) -> None:
        """See `ObjectStore.delete`."""
        with self._lock:
            self._objects.pop(check_key(key), None)

    def close(self) -> None:
        """See `ObjectStore.close`; there is nothing to give back."""

    def _look_up(self, key: str) -> bytes:
        with self._lock:
            found = self._objects.get(check_key(key))
        if found is None:
            raise ObjectMissing(f"{self._url} has no object {key}")
        return found

    def _describe(self, key: str, data: Content) -> ObjectInfo:
        attested = hashlib.sha256(data).digest() if self._attests_sha256 else None
        return ObjectInfo(key=key, size=len(data), sha256=attested)
