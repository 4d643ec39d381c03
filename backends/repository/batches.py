"""Opens small blobs many at a time: other threads run while a whole batch is unfolded."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from backends.errors import RepositoryDamaged
from backends.repository.blob import LARGEST_BLOB, open_blob, plain_length
from backends.repository.crypto import Buffer, MasterKey
from backends.repository.pack import PackedBlob
from backends.repository.zstd import decompress_many

#: Plain bytes of a batch; a larger blob is one by itself.
_BATCH: Final = 1 << 20
#: The library takes time for each batch, and memory for each blob in it.
_MOST_BLOBS: Final = 256


def batch_blobs(blobs: Iterable[PackedBlob]) -> Iterator[list[PackedBlob]]:
    """Cut into batches, in order."""
    batch: list[PackedBlob] = []
    size = 0
    for blob in blobs:
        plain = plain_length(blob.length, blob.uncompressed_length)
        if batch and (size + plain > _BATCH or len(batch) == _MOST_BLOBS):
            yield batch
            batch, size = [], 0
        batch.append(blob)
        size += plain
    if batch:
        yield batch


def open_batch(
    master: MasterKey, blobs: Sequence[PackedBlob], sealed: Sequence[Buffer]
) -> list[bytes | None]:
    """The plain bytes of each blob, authenticated and hashed; None for those that are damaged.

    Args:
        master: Of the repository.
        blobs: What the sealed bytes should be.
        sealed: As fetched.
    """
    try:
        return list(_open_all(master, blobs, sealed))
    except RepositoryDamaged:
        pairs = zip(blobs, sealed, strict=True)
        return [_open_or_none(master, blob, hidden) for blob, hidden in pairs]


def are_sound(master: MasterKey, blobs: Sequence[PackedBlob], sealed: Sequence[Buffer]) -> bool:
    """Whether each of them opens to what its name says."""
    try:
        _open_all(master, blobs, sealed)
    except RepositoryDamaged:
        return False
    return True


def _open_all(
    master: MasterKey, blobs: Sequence[PackedBlob], sealed: Sequence[Buffer]
) -> list[bytes]:
    """All of them, or RepositoryDamaged."""
    if len(blobs) == 1:
        blob = blobs[0]
        return [open_blob(master, sealed[0], blob.uncompressed_length, blob.id)]
    plain = _unfold(blobs, [master.open(hidden) for hidden in sealed])
    sha256 = hashlib.sha256
    if any(sha256(data).digest() != blob.id for data, blob in zip(plain, blobs, strict=True)):
        raise RepositoryDamaged("A blob does not have the checksum in its name.")
    return plain


def _unfold(blobs: Sequence[PackedBlob], opened: list[bytes]) -> list[bytes]:
    lengths = [blob.uncompressed_length for blob in blobs]
    folded = [place for place, length in enumerate(lengths) if length is not None]
    wanted = [length for length in lengths if length is not None]
    # The library takes a length of zero to mean that any will do.
    if wanted and (min(wanted) < 1 or max(wanted) > LARGEST_BLOB):
        raise RepositoryDamaged("A blob claims a length that it cannot have.")
    contents = decompress_many([opened[place] for place in folded], wanted)
    for place, content in zip(folded, contents, strict=True):
        opened[place] = content
    return opened


def _open_or_none(master: MasterKey, blob: PackedBlob, sealed: Buffer) -> bytes | None:
    try:
        return open_blob(master, sealed, blob.uncompressed_length, blob.id)
    except RepositoryDamaged:
        return None  # the caller tries the blob's other places, and says what is wrong
