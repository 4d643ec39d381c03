"""One blob: compressed, sealed, and proven to decode before anything else sees it."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import Final, TypeAlias

from backends.errors import MemoryFault, RepositoryDamaged
from backends.repository.crypto import OVERHEAD, Buffer, MasterKey
from backends.repository.zstd import Compressor, decompress, decompress_many
from backends.types import BlobId

#: Plain bytes of one blob that we are willing to hold; restic's trees of a million files fit.
LARGEST_BLOB: Final = 1 << 30
#: Plain bytes opened at a time: they stay in the processor's cache until they are hashed, and
#: their memory is taken again and again in place of fresh pages.
_BATCH: Final = 1 << 20

#: A blob as a pack has it: its sealed bytes, its plain length where compressed, its id.
Piece: TypeAlias = tuple[Buffer, int | None, BlobId]


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedBlob:
    """A blob ready to be put into a pack.

    Attributes:
        id: SHA-256 of the plain bytes.
        sealed: What the pack holds.
        uncompressed_length: Plain bytes where `sealed` is compressed, else None.
    """

    id: BlobId
    sealed: bytes = field(repr=False)
    uncompressed_length: int | None


def identify(data: Buffer) -> BlobId:
    """The name of a blob: SHA-256 of its plain bytes."""
    return BlobId(hashlib.sha256(data).digest())


def seal_blob(
    master: MasterKey, data: Buffer, compressor: Compressor | None, *, blob_id: BlobId | None = None
) -> SealedBlob:
    """Compress where that helps, encrypt, then decode the result and compare its SHA-256.

    Args:
        master: Of the repository.
        data: Plain bytes.
        compressor: None in a repository of version 1, which knows no compression.
        blob_id: SHA-256 of `data` where the caller has computed it.

    Raises:
        MemoryFault: the sealed blob does not decode to bytes with this id.
    """
    name = identify(data) if blob_id is None else blob_id
    blob = _seal(master, name, data, None if compressor is None else compressor.compress(data))
    _prove(master, blob)
    return blob


def seal_blobs(
    master: MasterKey, blobs: list[tuple[BlobId, bytes]], compressor: Compressor | None
) -> list[SealedBlob]:
    """Likewise for many small blobs at a time, each with its id.

    Raises:
        MemoryFault: one of them does not decode to bytes with its id.
    """
    frames: Iterable[bytes | None] = repeat(None, len(blobs))
    if compressor is not None:
        frames = compressor.compress_many([data for _, data in blobs])
    sealed = _seal_many(master, blobs, list(frames))
    if not _are_sound(master, sealed):
        for blob in sealed:
            _prove(master, blob)
        raise MemoryFault("Blobs did not decode to what was packed, but did when tried again.")
    return sealed


def open_blob(
    master: MasterKey, sealed: Buffer, uncompressed_length: int | None, blob_id: BlobId
) -> bytes:
    """The plain bytes, authenticated and with the right SHA-256.

    Raises:
        RepositoryDamaged: anything else.
    """
    plain = master.open(sealed)
    if uncompressed_length is not None:
        plain = _unfold(plain, uncompressed_length)
    if hashlib.sha256(plain).digest() != blob_id:
        raise RepositoryDamaged(f"Blob {blob_id.hex()[:8]} does not have the checksum in its name.")
    return plain


def open_blobs(master: MasterKey, pieces: Sequence[Piece]) -> list[bytes]:
    """Likewise for many small blobs at a time; other threads run while they are decompressed.

    Raises:
        RepositoryDamaged: one of them is not what its name says; `open_blob` tells which.
    """
    contents = _open_many(master, pieces)
    for content, (_, _, name) in zip(contents, pieces, strict=True):
        if hashlib.sha256(content).digest() != name:
            raise RepositoryDamaged(
                f"Blob {name.hex()[:8]} does not have the checksum in its name."
            )
    return contents


def batch_pieces(pieces: Iterable[Piece]) -> Iterator[list[Piece]]:
    """Cut into batches for `open_blobs`, in order; what is large comes alone."""
    batch: list[Piece] = []
    size = 0
    for piece in pieces:
        plain = plain_length(len(piece[0]), piece[1])
        if batch and size + plain > _BATCH:
            yield batch
            batch, size = [], 0
        batch.append(piece)
        size += plain
    if batch:
        yield batch


def plain_length(length: int, uncompressed_length: int | None) -> int:
    """Plain bytes of a blob that takes `length` bytes in its pack."""
    return length - OVERHEAD if uncompressed_length is None else uncompressed_length


def _unfold(frame: bytes, length: int) -> bytes:
    if length > LARGEST_BLOB:
        raise RepositoryDamaged(f"A blob claims to have {length} bytes.")
    plain = decompress(frame, most=length)
    if len(plain) != length:
        raise RepositoryDamaged(f"A blob has {len(plain)} bytes instead of {length}.")
    return plain


def _seal(master: MasterKey, name: BlobId, data: Buffer, frame: bytes | None) -> SealedBlob:
    if frame is None or len(frame) >= len(data):
        return SealedBlob(id=name, sealed=master.seal(data), uncompressed_length=None)
    return SealedBlob(id=name, sealed=master.seal(frame), uncompressed_length=len(data))


def _seal_many(
    master: MasterKey, blobs: list[tuple[BlobId, bytes]], frames: list[bytes | None]
) -> list[SealedBlob]:
    # What does not get smaller is stored as it is.
    folded = [
        frame if frame is not None and len(frame) < len(data) else None
        for (_, data), frame in zip(blobs, frames, strict=True)
    ]
    plains = [
        data if frame is None else frame for (_, data), frame in zip(blobs, folded, strict=True)
    ]
    return [
        SealedBlob(id=name, sealed=sealed, uncompressed_length=None if frame is None else len(data))
        for (name, data), frame, sealed in zip(blobs, folded, master.seal_many(plains), strict=True)
    ]


def _are_sound(master: MasterKey, blobs: list[SealedBlob]) -> bool:
    try:
        open_blobs(master, [(blob.sealed, blob.uncompressed_length, blob.id) for blob in blobs])
    except RepositoryDamaged:
        return False
    return True


def _open_many(master: MasterKey, pieces: Sequence[Piece]) -> list[bytes]:
    if len(pieces) == 1:
        ((sealed, length, _),) = pieces
        plain = master.open(sealed)
        return [plain if length is None else _unfold(plain, length)]
    contents = master.open_many([sealed for sealed, _, _ in pieces])
    folded = [(at, length) for at, (_, length, _) in enumerate(pieces) if length is not None]
    frames, lengths = [contents[at] for at, _ in folded], [length for _, length in folded]
    for (at, _), plain in zip(folded, decompress_many(frames, lengths), strict=True):
        contents[at] = plain
    return contents


def _prove(master: MasterKey, blob: SealedBlob) -> None:
    try:
        open_blob(master, blob.sealed, blob.uncompressed_length, blob.id)
    except RepositoryDamaged as error:
        raise MemoryFault(f"Blob {blob.id.hex()[:8]} did not decode to what was packed.") from error
