"""The part of a file that is with the writer while the rest is still to come."""

import threading
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol, Self

from backends.types import BlobId


class Digest(Protocol):
    """A hash under way."""

    def copy(self) -> Self:
        """Another one that goes on from here."""

    def digest(self) -> bytes:
        """Of what came so far."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredBeginning:
    """So much of it that the writer's next `flush` stores.

    Attributes:
        blobs: Its pieces in order.
        size: Bytes.
        sha256: Of these bytes, 32 raw bytes.
    """

    blobs: tuple[BlobId, ...]
    size: int
    sha256: bytes


@dataclass(frozen=True, slots=True)
class _Piece:
    """One on its way; size and digest are of the file up to its end."""

    blob: "Future[BlobId]"
    size: int
    sha256: Digest


class Beginning:
    """One file's; pieces are added by one thread, and any may ask."""

    def __init__(self) -> None:
        self._blobs: list[BlobId] = []
        self._pending: deque[_Piece] = deque()
        self._reached: _Piece | None = None
        self._lock = threading.Lock()

    def add(self, blob: "Future[BlobId]", size: int, sha256: Digest) -> None:
        """The next piece; `size` and `sha256` are of the file up to its end."""
        with self._lock:
            self._pending.append(_Piece(blob, size, sha256.copy()))
            self._advance()

    def size(self) -> int:
        """Bytes that are with the writer by now."""
        with self._lock:
            self._advance()
            return self._reached.size if self._reached else 0

    def read(self) -> StoredBeginning | None:
        """What is with the writer by now; None if nothing is."""
        with self._lock:
            self._advance()
            reached = self._reached
            if reached is None:
                return None
            return StoredBeginning(
                blobs=tuple(self._blobs), size=reached.size, sha256=reached.sha256.digest()
            )

    def _advance(self) -> None:
        while self._pending and _is_stored(self._pending[0].blob):
            self._reached = self._pending.popleft()
            self._blobs.append(self._reached.blob.result())


def _is_stored(blob: "Future[BlobId]") -> bool:
    """Whether it is in a pack; after a failure nothing more is."""
    return blob.done() and not blob.cancelled() and blob.exception() is None
