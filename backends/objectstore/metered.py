"""Counting what passes to and from a store."""

import enum
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Self

from backends.errors import StoreError
from backends.objectstore.forwarding import ForwardingStore
from backends.protocols import ObjectStore
from backends.types import Content, ObjectInfo


class Operation(enum.Enum):
    """What was asked of a store."""

    PUT = "put"
    GET = "get"
    STAT = "stat"
    LIST = "list"  # one listing, however many pages it has
    DELETE = "delete"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreCall:
    """One finished call of one operation.

    Attributes:
        operation: Which.
        key: Key, or prefix of a listing.
        sent: Bytes of objects given to the store.
        received: Bytes of objects got from it.
        seconds: From call to return; of a listing including what its reader did meanwhile.
        error: Its failure, or None.
    """

    operation: Operation
    key: str
    sent: int = 0
    received: int = 0
    seconds: float
    error: StoreError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """All calls of one operation; a failed put counts its bytes as not sent."""

    operation: Operation
    calls: int = 0
    failures: int = 0
    sent: int = 0
    received: int = 0
    seconds: float = 0

    def plus(self, call: StoreCall) -> "Usage":
        """The usage with one more call."""
        return replace(
            self,
            calls=self.calls + 1,
            failures=self.failures + (call.error is not None),
            sent=self.sent + call.sent,
            received=self.received + call.received,
            seconds=self.seconds + call.seconds,
        )


class MeteredStore(ForwardingStore):
    """A store that counts. Implements `ObjectStore`.

    Around a `RetryingStore` it counts operations, inside of one it counts attempts.

    Args:
        inner: The store that does the work; closed with this one.
        observer: Told each call when it ends, in the thread that made it.
        monotonic: Seconds from anywhere.
    """

    def __init__(
        self,
        inner: ObjectStore,
        observer: Callable[[StoreCall], None] | None = None,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(inner)
        self._observer = observer
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._usage = {operation: Usage(operation=operation) for operation in Operation}

    @property
    def usage(self) -> tuple[Usage, ...]:
        """What has passed so far, one value for each `Operation` in their order."""
        with self._lock:
            return tuple(self._usage.values())

    def usage_of(self, operation: Operation) -> Usage:
        """What has passed so far by one operation."""
        with self._lock:
            return self._usage[operation]

    def put(self, key: str, data: Content) -> ObjectInfo:
        """See `ObjectStore.put`."""
        with self._count(Operation.PUT, key) as count:
            info = self._inner.put(key, data)
            count.sent = len(data)
        return info

    def get(self, key: str, *, offset: int = 0, length: int | None = None) -> bytes:
        """See `ObjectStore.get`."""
        with self._count(Operation.GET, key) as count:
            data = self._inner.get(key, offset=offset, length=length)
            count.received = len(data)
        return data

    def stat(self, key: str) -> ObjectInfo:
        """See `ObjectStore.stat`."""
        with self._count(Operation.STAT, key):
            return self._inner.stat(key)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """See `ObjectStore.list`."""
        with self._count(Operation.LIST, prefix):
            yield from self._inner.list(prefix)

    def delete(self, key: str) -> None:
        """See `ObjectStore.delete`."""
        with self._count(Operation.DELETE, key):
            self._inner.delete(key)

    def _count(self, operation: Operation, key: str) -> "_Count":
        return _Count(operation, key, self._monotonic, self._record)

    def _record(self, call: StoreCall) -> None:
        with self._lock:
            self._usage[call.operation] = self._usage[call.operation].plus(call)
        if self._observer is not None:
            self._observer(call)


class _Count:
    """One call while it runs."""

    def __init__(
        self,
        operation: Operation,
        key: str,
        monotonic: Callable[[], float],
        record: Callable[[StoreCall], None],
    ) -> None:
        self._operation = operation
        self._key = key
        self._monotonic = monotonic
        self._record = record
        self._began = 0.0
        self.sent = 0
        self.received = 0

    def __enter__(self) -> Self:
        """Start the watch."""
        self._began = self._monotonic()
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        """Record the call, whatever its end; nothing is held back."""
        call = StoreCall(
            operation=self._operation,
            key=self._key,
            sent=self.sent,
            received=self.received,
            seconds=self._monotonic() - self._began,
            error=error if isinstance(error, StoreError) else None,
        )
        self._record(call)
