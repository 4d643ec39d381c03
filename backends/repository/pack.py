"""Packs: sealed blobs end to end, then a sealed header that says what they are.

`blob … blob ‖ header ‖ length of the header (4 bytes, little-endian)`. A header entry is
`type(1) ‖ length(4) ‖ [plain length(4)] ‖ id(32)` (restic's `doc/design.rst`, "Pack Format").
"""

import hashlib
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from backends.errors import MemoryFault, RepositoryDamaged
from backends.protocols import ObjectStore
from backends.repository.blob import Piece, SealedBlob
from backends.repository.crypto import OVERHEAD, Buffer, MasterKey
from backends.types import BlobId, BlobKind, Digested

PACKS: Final = "data/"
_LENGTH: Final = struct.Struct("<I")
_PLAIN_ENTRY: Final = struct.Struct("<BI32s")
_COMPRESSED_ENTRY: Final = struct.Struct("<BII32s")
#: Stock restic reads no larger header.
_LARGEST_HEADER: Final = 16 << 20
#: How many blobs may share a pack so that its header stays readable for stock restic.
MOST_ENTRIES: Final = (_LARGEST_HEADER - OVERHEAD) // _COMPRESSED_ENTRY.size
#: A first read of this many bytes usually holds the whole header.
_EAGER: Final = 4096
#: Whether a type byte stands for a compressed blob, and of which kind.
_TYPES: Final = {
    0: (BlobKind.DATA, False),
    1: (BlobKind.TREE, False),
    2: (BlobKind.DATA, True),
    3: (BlobKind.TREE, True),
}
_TYPE_BYTES: Final = {meaning: byte for byte, meaning in _TYPES.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class PackedBlob:
    """One blob's place in its pack.

    Attributes:
        kind: Data or tree.
        id: SHA-256 of its plain bytes.
        offset: Of its first sealed byte in the pack.
        length: Sealed bytes.
        uncompressed_length: Plain bytes where it is compressed, else None.
    """

    kind: BlobKind
    id: BlobId
    offset: int
    length: int
    uncompressed_length: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedPack:
    """A finished pack, ready for the store.

    Attributes:
        id: SHA-256 of the content.
        content: The whole object.
        blobs: What is in it, in order.
    """

    id: bytes
    content: Digested = field(repr=False)
    blobs: tuple[PackedBlob, ...] = field(repr=False)


def pack_key(pack: bytes) -> str:
    """The store key of a pack."""
    name = pack.hex()
    return f"{PACKS}{name[:2]}/{name}"


class PackBuilder:
    """Collects blobs of one kind; used by one thread at a time.

    Args:
        kind: Of all blobs.
        room: Bytes to begin with. From `allocator.PACK_SIZED` on a buffer lies outside the
            heap, where it grows without being copied and leaves no holes.
    """

    def __init__(self, kind: BlobKind, room: int = 0) -> None:
        self.kind = kind
        self._content = Digested(room)
        self._size = 0
        self._blobs: list[PackedBlob] = []

    def __len__(self) -> int:
        return len(self._blobs)

    @property
    def size(self) -> int:
        """Bytes of the blobs so far; the header comes on top."""
        return self._size

    def is_full(self, target: int) -> bool:
        """Whether it has reached `target` bytes, or as many blobs as a header can name."""
        return self._size >= target or len(self._blobs) >= MOST_ENTRIES

    def add(self, blob: SealedBlob) -> None:
        """Append a blob."""
        placed = PackedBlob(
            kind=self.kind,
            id=blob.id,
            offset=self._size,
            length=len(blob.sealed),
            uncompressed_length=blob.uncompressed_length,
        )
        self._append(blob.sealed)
        self._blobs.append(placed)

    def absorb(self, other: "PackBuilder") -> None:
        """Append another builder's blobs; it must not be used any more."""
        shift = self._size
        self._append(memoryview(other._content)[: other._size])  # noqa: SLF001 - of the same class
        self._blobs += [replace(blob, offset=blob.offset + shift) for blob in other._blobs]  # noqa: SLF001 - likewise

    def finish(self, master: MasterKey) -> SealedPack:
        """Append the header and name the pack; the builder is empty afterwards.

        Raises:
            MemoryFault: the sealed header does not decode to what was packed.
        """
        blobs = tuple(self._blobs)
        self._append(_seal_header(master, blobs))
        whole = self._content
        del whole[self._size :]
        self._blobs, self._content, self._size = [], Digested(), 0
        whole.sha256 = name = hashlib.sha256(whole).digest()
        return SealedPack(id=name, content=whole, blobs=blobs)

    def _append(self, part: Buffer) -> None:
        end = self._size + len(part)
        self._content[self._size : end] = part
        self._size = end


def encode_header(blobs: tuple[PackedBlob, ...]) -> bytes:
    """The plain header of a pack that holds `blobs`, in order."""
    return b"".join(_encode_entry(blob) for blob in blobs)


def encode_entries(kind: BlobKind, rows: Iterable[tuple[int, int, bytes]]) -> bytes:
    """The plain header of a pack of one kind, from rows of length, plain length or 0, and id."""
    plain, compressed = _TYPE_BYTES[kind, False], _TYPE_BYTES[kind, True]
    pack_plain, pack_compressed = _PLAIN_ENTRY.pack, _COMPRESSED_ENTRY.pack
    return b"".join(
        [
            pack_compressed(compressed, length, unfolded, blob_id)
            if unfolded
            else pack_plain(plain, length, blob_id)
            for length, unfolded, blob_id in rows
        ]
    )


def decode_header(header: Buffer) -> list[PackedBlob]:
    """The blobs that a plain header names; offsets follow from the order.

    Raises:
        RepositoryDamaged: an entry is cut short or has an unknown type.
    """
    blobs: list[PackedBlob] = []
    position = offset = 0
    while position < len(header):
        blob, size = _decode_entry(header, position, offset)
        blobs.append(blob)
        position += size
        offset += blob.length
    return blobs


def cut_pack(master: MasterKey, content: Buffer) -> tuple[bytes, list[Piece]]:
    """The plain header of a whole pack, and its blobs as `open_blobs` takes them.

    Raises:
        RepositoryDamaged: see `parse_header`.
    """
    view = memoryview(content)
    end = len(view) - _LENGTH.size
    end -= header_length(view, len(view))
    header = master.open(view[end : -_LENGTH.size])
    pieces: list[Piece] = []
    offset = 0
    for length, plain, blob_id in _walk_entries(header):
        pieces.append((view[offset : offset + length], plain, blob_id))
        offset += length
    if offset != end:
        raise RepositoryDamaged("A pack's header does not account for all of its bytes.")
    return header, pieces


def parse_header(master: MasterKey, tail: Buffer, pack_size: int) -> list[PackedBlob]:
    """The blobs of a pack, from its end.

    Args:
        master: Of the repository.
        tail: The last bytes of the pack; all of the header must be among them.
        pack_size: Of the whole pack.

    Raises:
        RepositoryDamaged: no sound header, or it does not account for the pack's size.
    """
    length = header_length(tail, pack_size)
    if length + _LENGTH.size > len(tail):
        raise RepositoryDamaged("A pack's header is cut short.")
    sealed = memoryview(tail)[-_LENGTH.size - length : -_LENGTH.size]
    blobs = decode_header(master.open(sealed))
    if sum(blob.length for blob in blobs) + length + _LENGTH.size != pack_size:
        raise RepositoryDamaged("A pack's header does not account for all of its bytes.")
    return blobs


def header_length(tail: Buffer, pack_size: int) -> int:
    """Bytes of the sealed header, from the last four bytes of a pack.

    Raises:
        RepositoryDamaged: not possible for a pack of this size.
    """
    if len(tail) < _LENGTH.size:
        raise RepositoryDamaged(f"A pack has only {len(tail)} bytes.")
    (length,) = _LENGTH.unpack(memoryview(tail)[-_LENGTH.size :])
    if not OVERHEAD < length <= min(pack_size - _LENGTH.size, _LARGEST_HEADER):
        raise RepositoryDamaged(f"A pack of {pack_size} bytes claims a header of {length}.")
    return int(length)


def load_header(store: ObjectStore, master: MasterKey, pack: bytes, size: int) -> list[PackedBlob]:
    """The blobs of a stored pack of `size` bytes, fetching little more than its header.

    Raises:
        ObjectMissing: no such pack.
        RepositoryDamaged: see `parse_header`.
    """
    key, eager = pack_key(pack), min(size, _EAGER)
    tail = store.get(key, offset=size - eager, length=eager)
    needed = header_length(tail, size) + _LENGTH.size
    if needed > eager:
        tail = store.get(key, offset=size - needed, length=needed)
    return parse_header(master, tail, size)


def _seal_header(master: MasterKey, blobs: tuple[PackedBlob, ...]) -> bytes:
    plain = encode_header(blobs)
    sealed = master.seal(plain)
    try:
        sound = tuple(decode_header(master.open(sealed))) == blobs
    except RepositoryDamaged as error:
        raise MemoryFault("The header of a pack did not decode.") from error
    if not sound:
        raise MemoryFault("The header of a pack did not decode to what was packed.")
    return sealed + _LENGTH.pack(len(sealed))


def _walk_entries(header: bytes) -> Iterator[tuple[int, int | None, BlobId]]:
    """Length, plain length and id of each entry, without a value for it."""
    position, end = 0, len(header)
    try:
        while position < end:
            meaning = _TYPES.get(header[position])
            if meaning is None:
                raise RepositoryDamaged("A pack's header has an entry of unknown type.")
            if meaning[1]:
                _, length, plain, blob_id = _COMPRESSED_ENTRY.unpack_from(header, position)
                position += _COMPRESSED_ENTRY.size
                yield length, plain, blob_id
            else:
                _, length, blob_id = _PLAIN_ENTRY.unpack_from(header, position)
                position += _PLAIN_ENTRY.size
                yield length, None, blob_id
    except struct.error as error:
        raise RepositoryDamaged("A pack's header ends within an entry.") from error


def _encode_entry(blob: PackedBlob) -> bytes:
    plain_length = blob.uncompressed_length
    byte = _TYPE_BYTES[blob.kind, plain_length is not None]
    if plain_length is None:
        return _PLAIN_ENTRY.pack(byte, blob.length, blob.id)
    return _COMPRESSED_ENTRY.pack(byte, blob.length, plain_length, blob.id)


def _decode_entry(header: Buffer, position: int, offset: int) -> tuple[PackedBlob, int]:
    meaning = _TYPES.get(header[position])
    if meaning is None:
        raise RepositoryDamaged(f"A pack's header has an entry of unknown type {header[position]}.")
    kind, compressed = meaning
    layout = _COMPRESSED_ENTRY if compressed else _PLAIN_ENTRY
    if position + layout.size > len(header):
        raise RepositoryDamaged("A pack's header ends within an entry.")
    _, length, *plain, id_ = layout.unpack_from(header, position)
    blob = PackedBlob(
        kind=kind,
        id=BlobId(id_),
        offset=offset,
        length=length,
        uncompressed_length=plain[0] if plain else None,
    )
    return blob, layout.size
