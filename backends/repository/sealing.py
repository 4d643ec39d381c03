"""Claimed blobs become sealed ones in background threads.

Small blobs are sealed by the batch: one call compresses them all, during which other threads run.
Blob by blob the threads would mostly wait for each other.
"""

import threading
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import count
from typing import Final

from backends.repository.allocator import return_free_memory
from backends.repository.blob import identify, seal_blob, seal_blobs
from backends.repository.crew import Crew
from backends.repository.crypto import MasterKey
from backends.repository.failure import Failure
from backends.repository.inflight import Claims
from backends.repository.openpacks import OpenPacks
from backends.repository.zstd import Compressor
from backends.types import BlobId, BlobKind

_BATCH_BLOBS: Final = 64
_BATCH_BYTES: Final = 512 << 10
#: Batches after which free memory is given back: what they leave free would grow to 50 MB until
#: the next pack is full, and this takes a hundredth of the time that they take.
_BATCHES: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class _Claimed:
    """A blob that is ours to store."""

    kind: BlobKind
    id: BlobId
    data: bytes


class Sealing:
    """Seals blobs and puts them into packs.

    Args:
        master: Of the repository.
        compressor: None in a repository of version 1.
        workers: Threads.
        failure: Where the first error of any thread is noted.
        claims: Who stores which blob.
        packs: Where sealed blobs go.
    """

    def __init__(
        self,
        *,
        master: MasterKey,
        compressor: Compressor | None,
        workers: int,
        failure: Failure,
        claims: Claims,
        packs: OpenPacks,
    ) -> None:
        self._master = master
        self._compressor = compressor
        self._claims = claims
        self._packs = packs
        self._crew = Crew("seal", threads=workers, places=2 * workers, failure=failure)
        self._batching = threading.Lock()
        self._batch: list[_Claimed] = []
        self._batch_bytes = 0
        self._sealed = count(1)

    def put(self, kind: BlobKind, blob_id: BlobId, data: bytes) -> None:
        """Take a claimed blob; may wait."""
        with self._batching:
            self._batch.append(_Claimed(kind=kind, id=blob_id, data=data))
            self._batch_bytes += len(data)
            full = self._batch_bytes >= _BATCH_BYTES or len(self._batch) >= _BATCH_BLOBS
            batch = self._take_batch() if full else []
        if batch:
            self._crew.submit(self._seal_batch, batch)

    def put_piece(self, data: bytes) -> "Future[BlobId]":
        """Have a piece of a file identified, claimed and sealed; may wait."""
        return self._crew.submit(self._seal_piece, data)

    def settle(self) -> None:
        """Wait until all that was put before is in packs.

        Raises:
            BackendError: the first failure of any thread.
        """
        with self._batching:
            batch = self._take_batch()
        if batch:
            self._crew.submit(self._seal_batch, batch)
        self._crew.settle()

    def close(self) -> None:
        """Wait for what is under way, and end the threads."""
        self._crew.close()

    def _take_batch(self) -> list[_Claimed]:
        batch, self._batch, self._batch_bytes = self._batch, [], 0
        return batch

    def _seal_batch(self, batch: list[_Claimed]) -> None:
        sealed = seal_blobs(self._master, [(b.id, b.data) for b in batch], self._compressor)
        for claimed, blob in zip(batch, sealed, strict=True):
            self._packs.add(claimed.kind, blob)
        if next(self._sealed) % _BATCHES == 0:
            return_free_memory()

    def _seal_piece(self, data: bytes) -> BlobId:
        blob_id = identify(data)
        if self._claims.claim(BlobKind.DATA, blob_id):
            blob = seal_blob(self._master, data, self._compressor, blob_id=blob_id)
            self._packs.add(BlobKind.DATA, blob)
        return blob_id
