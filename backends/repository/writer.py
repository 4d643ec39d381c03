"""Stores blobs and files: hash, known already?, compress, seal, prove, pack, upload, index.

Small blobs are dealt with in the calling thread; the pieces of a large file by worker threads, so
that one file keeps all cores busy.
"""

import hashlib
import threading
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import chain
from types import TracebackType
from typing import Final, Self

import xxhash

from backends.errors import RepositoryError
from backends.repository.allocator import return_free_memory, return_freed_packs
from backends.repository.beginning import Beginning
from backends.repository.blob import identify, plain_length
from backends.repository.chunker import SMALLEST, Readable, chunks, read_most
from backends.repository.crypto import Buffer
from backends.repository.failure import Failure
from backends.repository.index import Index
from backends.repository.inflight import Claims, Gate
from backends.repository.openpacks import OpenPacks
from backends.repository.pack import SealedPack
from backends.repository.repository import Repository
from backends.repository.sealing import Sealing
from backends.repository.uploads import Uploads
from backends.repository.zstd import DEFAULT_LEVEL, Compressor, ZstdCompressor
from backends.types import BlobId, BlobKind, PackReceipt

PACK_TARGET: Final = 16 << 20
#: The largest packs that stock restic makes.
LARGEST_TARGET: Final = 128 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """What a file held when it was read.

    Attributes:
        blobs: Its pieces in order; none for an empty file.
        size: Bytes read.
        sha256: Of all its bytes, 32 raw bytes.
        xxh128: Of all its bytes, 32 hex digits; what rsync calls `xxh128`.
    """

    blobs: tuple[BlobId, ...]
    size: int
    sha256: bytes
    xxh128: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WriterTotals:
    """What the store has taken so far.

    Attributes:
        new_blobs: Blobs that it did not have.
        new_bytes: Their plain bytes.
        stored_bytes: Bytes of the packs that hold them.
    """

    new_blobs: int = 0
    new_bytes: int = 0
    stored_bytes: int = 0


class RepositoryWriter:
    """Adds to a repository; all methods are safe to call from several threads.

    After the first failure, of a background upload too, nothing more is stored and every call
    raises it. As a context manager it closes, or aborts when the block failed.

    Args:
        repository: Opened, and locked by the caller.
        index: What is known to be stored; new packs are added to it.
        workers: Threads for the pieces of large files.
        uploads: Packs on their way to the store at the same time.
        pack_target: Bytes after which a pack is sent off.
        compression_level: Of zstd.
        compressor: In place of the ordinary one.
    """

    def __init__(
        self,
        repository: Repository,
        index: Index,
        *,
        workers: int = 2,
        uploads: int = 4,
        pack_target: int = PACK_TARGET,
        compression_level: int = DEFAULT_LEVEL,
        compressor: Compressor | None = None,
    ) -> None:
        if not 0 < pack_target <= LARGEST_TARGET:
            raise ValueError(f"Packs of {pack_target} bytes are not possible.")
        return_freed_packs()
        compressor = compressor or ZstdCompressor(compression_level)
        self._index = index
        self._claims = Claims(index)
        self._gate = Gate()
        self._failure = Failure()
        self._uploads = Uploads(
            repository, limit=uploads, failure=self._failure, on_stored=self._note_stored
        )
        self._packs = OpenPacks(pack_target, self._uploads.submit)
        self._sealing = Sealing(
            master=repository.master,
            compressor=None if repository.config.version == 1 else compressor,
            workers=workers,
            failure=self._failure,
            claims=self._claims,
            packs=self._packs,
        )
        self._flushing = threading.Lock()
        self._parting: threading.Thread | None = None
        self._noting = threading.Lock()
        self._receipts: list[PackReceipt] = []
        self._totals = WriterTotals()
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self.close()
        else:
            self.abort()

    @property
    def receipts(self) -> tuple[PackReceipt, ...]:
        """A receipt for each pack that the store has taken."""
        with self._noting:
            return tuple(self._receipts)

    @property
    def totals(self) -> WriterTotals:
        """See `WriterTotals`; blobs that are still under way are not counted."""
        return self._totals

    def save_blob(self, kind: BlobKind, data: Buffer) -> BlobId:
        """Store a blob unless it is known; waits while too much is on its way.

        It is sure to be in the store only after the next `flush`.

        Raises:
            BackendError: the first failure of the writer.
        """
        data = bytes(data)  # the caller may use a buffer again; bytes are not copied
        blob_id = identify(data)
        self._store(kind, data, blob_id)
        return blob_id

    def save_file(
        self,
        stream: Readable,
        on_pieces: Callable[[int], None] = lambda _: None,
        beginning: Beginning | None = None,
    ) -> StoredFile:
        """Store what a stream holds up to its end, cut into pieces if it is large.

        Args:
            stream: See `Readable`.
            on_pieces: Told, after each piece of a large file, how many of its first bytes the
                next `flush` will have stored.
            beginning: Learns what is stored of a large file that is not at its end.

        Raises:
            BackendError: the first failure of the writer.
            OSError: the stream could not be read; the writer stays usable.
        """
        head = read_most(stream, SMALLEST + 1)
        if len(head) <= SMALLEST:
            return self._save_whole(head)
        pieces = chunks(stream, head)
        first, second = next(pieces), next(pieces, None)
        if second is None:
            return self._save_whole(first)
        return self._save_pieces(chain((first, second), pieces), on_pieces, beginning)

    def save_small(self, content: bytes) -> StoredFile:
        """Store the content of a file that is not to be cut; see `chunker.SMALLEST`.

        Raises:
            BackendError: the first failure of the writer.
        """
        return self._save_whole(content)

    def send_off_data(self) -> None:
        """Have what was saved of files leave, full packs or not, and do not wait for it.

        For when hardly any more is to come: it travels while trees are made. The next `flush`
        waits for it, and raises what went wrong.
        """
        self._await_parting()
        self._parting = threading.Thread(target=self._part_with_data, name="parting", daemon=True)
        self._parting.start()

    def send_data(self) -> None:
        """As `send_off_data`, and see that the store has it; no index tells of it yet.

        Raises:
            BackendError: the first failure of the writer.
        """
        # A flush beside it must not miss what has left the open packs and is not on its way yet.
        with self._flushing:
            self._await_parting()
            self._part_with_data()
        with self._failure.noted():
            self._uploads.wait()

    def seconds_to_send(self) -> float | None:
        """How long `send_data` would take about now; None before the store has taken anything."""
        return self._uploads.seconds_for(self._packs.size)

    def line_seconds(self, size: int) -> float:
        """How long so many bytes keep the line to the store busy; 0 before it was tried."""
        return self._uploads.line_seconds(size)

    def flush(self) -> None:
        """See that all that was saved before is in stored packs, and these in a stored index.

        Raises:
            BackendError: the first failure of the writer.
        """
        with self._flushing, self._failure.noted():
            self._await_parting()
            self._failure.check()
            with self._gate.shut():
                self._sealing.settle()
                self._packs.drain()
            self._uploads.settle()
            return_free_memory()

    def close(self) -> None:
        """Flush, and end all threads; closing again does nothing.

        Raises:
            BackendError: the first failure of the writer; the threads have ended all the same.
        """
        if self._closed:
            return
        try:
            self.flush()
        finally:
            self.abort()

    def abort(self) -> None:
        """End all threads without storing what is not on its way yet."""
        self._closed = True
        self._failure.note(RepositoryError("The writer is closed."))
        self._sealing.close()
        self._uploads.close()
        self._await_parting()

    def _part_with_data(self) -> None:
        with self._failure.caught():
            self._sealing.settle()
            self._packs.drain((BlobKind.DATA,))

    def _await_parting(self) -> None:
        if self._parting is not None:
            self._parting.join()

    def _save_whole(self, data: bytes) -> StoredFile:
        blob_id = identify(data)
        if data:
            self._store(BlobKind.DATA, data, blob_id)
        return StoredFile(
            blobs=(blob_id,) if data else (),
            size=len(data),
            sha256=blob_id,
            xxh128=xxhash.xxh3_128_hexdigest(data),
        )

    def _save_pieces(
        self,
        pieces: Iterable[bytes],
        on_pieces: Callable[[int], None],
        beginning: Beginning | None,
    ) -> StoredFile:
        sha256, xxh128, size = hashlib.sha256(), xxhash.xxh3_128(), 0
        blobs: list[BlobId] = []
        pending: deque[Future[BlobId]] = deque()
        for piece in pieces:
            pending.append(self._store_piece(piece))
            sha256.update(piece)
            xxh128.update(piece)
            size += len(piece)
            on_pieces(size)
            if beginning is not None:
                beginning.add(pending[-1], size, sha256)
            while pending and pending[0].done():
                blobs.append(pending.popleft().result())
        blobs.extend(future.result() for future in pending)
        return StoredFile(
            blobs=tuple(blobs),
            size=size,
            sha256=sha256.digest(),
            xxh128=xxh128.hexdigest(),
        )

    def _store_piece(self, piece: bytes) -> "Future[BlobId]":
        with self._gate:
            return self._sealing.put_piece(piece)

    def _store(self, kind: BlobKind, data: bytes, blob_id: BlobId) -> None:
        self._failure.check()
        with self._gate:
            try:
                if self._claims.claim(kind, blob_id):
                    self._sealing.put(kind, blob_id, data)
            except BaseException as error:
                # The claim stands, so that others think the blob stored: nobody may go on.
                self._failure.note(error)
                raise

    def _note_stored(self, pack: SealedPack, receipt: PackReceipt) -> None:
        self._index.add_pack(pack.id, pack.blobs)
        for blob in pack.blobs:
            self._claims.settle(blob.kind, blob.id)
        plain = sum(plain_length(blob.length, blob.uncompressed_length) for blob in pack.blobs)
        with self._noting:
            self._receipts.append(receipt)
            self._totals = WriterTotals(
                new_blobs=self._totals.new_blobs + len(pack.blobs),
                new_bytes=self._totals.new_bytes + plain,
                stored_bytes=self._totals.stored_bytes + receipt.size,
            )
