"""What the upper layers may rely on; every implementation runs the same contract suite."""

from collections.abc import Callable, Iterator
from typing import Protocol

from backends.types import Arrival, Content, ObjectInfo, PullReport, PullSpec


class ObjectStore(Protocol):
    """A flat namespace of immutable-by-convention objects.

    Keys are `/`-separated ASCII without empty, `.` or `..` parts. Objects fit in memory (packs
    are about 16 MiB). All methods are safe to call from several threads.
    """

    @property
    def url(self) -> str:
        """Where it is, without secrets, as the settings write it."""

    @property
    def attests_sha256(self) -> bool:
        """Whether `stat` returns a SHA-256 that the store itself computed or checked."""

    def put(self, key: str, data: Content) -> ObjectInfo:
        """Store `data` durably and atomically; no reader ever sees a part of it.

        The store is given a checksum to refuse a body damaged on the way. Overwrites.

        Raises:
            StoreError: any child; after it the key holds the old object, the new one, or none.
        """

    def get(self, key: str, *, offset: int = 0, length: int | None = None) -> bytes:
        """Bytes `offset … offset+length` (or to the end).

        Only their number is promised. Nothing guards a body on its way back, so whoever reads
        compares a hash of the content: packs and unpacked objects are named by theirs.

        Raises:
            ObjectMissing: no such key.
            ObjectCorrupt: fewer bytes came than asked for.
        """

    def stat(self, key: str) -> ObjectInfo:
        """Describe one object. Raises ObjectMissing."""

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Every object whose key starts with `prefix`, sorted by key; never hides a page."""

    def delete(self, key: str) -> None:
        """Remove an object; removing one that is not there succeeds."""

    def close(self) -> None:
        """Give back connections; the store is not used afterwards."""


class StopSignal(Protocol):
    """Tells that something is to end; `threading.Event` is one."""

    def is_set(self) -> bool:
        """Whether it is to end now."""


class SourcePull(Protocol):
    """Transfers a server's paths into staging."""

    @property
    def rsync_version(self) -> str:
        """Of this machine; empty before the first pull."""

    def pull(self, spec: PullSpec, on_arrival: Callable[[Arrival], None]) -> PullReport:
        """Run to the end, calling `on_arrival` in this thread as each file is in place.

        Raises:
            SshError, TransferError, LocalError: staging keeps what has arrived.
        """
