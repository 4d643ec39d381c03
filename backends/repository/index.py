"""The index: which blob lies where. In memory compact, in the store JSON as restic writes it."""

import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from typing import Any, Final

import orjson

from backends.errors import RepositoryDamaged
from backends.repository.allocator import return_free_memory
from backends.repository.blobtable import BlobTable, Place
from backends.repository.indextext import split_index
from backends.repository.pack import PackedBlob, encode_entries
from backends.repository.unpacked import (
    ObjectKind,
    OpenRepository,
    fetch_unpacked,
    list_unpacked,
    load_unpacked,
    open_unpacked,
    save_unpacked,
)
from backends.types import BlobId, BlobKind

#: Index objects fetched at the same time; as they are stored some 2 MB each.
_FETCHES: Final = 4
#: Lengths and offsets are 32 bit in pack headers, so no larger pack is possible.
_LARGEST: Final = (1 << 32) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexedPack:
    """A pack and what the index says is in it.

    Attributes:
        pack: SHA-256 of the pack, 32 raw bytes.
        blobs: In any order.
    """

    pack: bytes
    blobs: tuple[PackedBlob, ...] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexObject:
    """One index object of the store.

    Attributes:
        supersedes: Ids in hex of index objects that it replaces.
        packs: What it lists.
    """

    supersedes: tuple[str, ...]
    packs: tuple[IndexedPack, ...] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobLocation:
    """One place where a blob is stored."""

    pack: bytes
    blob: PackedBlob


@dataclass(frozen=True, slots=True, kw_only=True)
class PackOutline:
    """A pack of one kind in an index, by the numbers of its rows there."""

    pack: bytes
    kind: BlobKind
    rows: tuple[int, ...] = field(repr=False)
    index: "Index" = field(repr=False)

    def header(self) -> bytes | None:
        """The plain header that it must have, or None where no pack can be as the index says."""
        return self.index.header_of(self.kind, self.rows)

    def listed(self) -> IndexedPack:
        """All that the index says of it."""
        return IndexedPack(pack=self.pack, blobs=self.index.blobs_of(self.kind, self.rows))


class Index:
    """All that is known of packs; safe to use from several threads."""

    def __init__(self) -> None:
        self._tables = {kind: BlobTable() for kind in BlobKind}
        self._packs: list[bytes] = []
        self._numbers: dict[bytes, int] = {}
        self._adding = threading.Lock()

    def __len__(self) -> int:
        """How many places of blobs it knows."""
        return sum(len(table) for table in self._tables.values())

    def add_pack(self, pack: bytes, blobs: Iterable[PackedBlob]) -> None:
        """Take note of a pack; telling it the same again changes nothing."""
        with self._adding:
            number = self._number(pack)
            for blob in blobs:
                self._tables[blob.kind].add(
                    blob.id,
                    pack=number,
                    offset=blob.offset,
                    length=blob.length,
                    plain=blob.uncompressed_length or 0,
                )

    def has(self, kind: BlobKind, blob_id: BlobId) -> bool:
        """Whether the blob is stored."""
        return blob_id in self._tables[kind]

    def has_all(self, kind: BlobKind, blob_ids: Iterable[BlobId]) -> bool:
        """Likewise of many, at a lower price for each than one by one."""
        return None not in map(self._tables[kind].first_row, blob_ids)

    def pack_of(self, kind: BlobKind, blob_id: BlobId) -> bytes | None:
        """A pack that holds the blob, or None where it is unknown."""
        number = self._tables[kind].first_pack(blob_id)
        return None if number is None else self._packs[number]

    def first(self, kind: BlobKind, blob_id: BlobId) -> BlobLocation | None:
        """One place of a blob, or None where it is unknown."""
        table = self._tables[kind]
        row = table.first_row(blob_id)
        if row is None:
            return None
        pack, offset, length, plain = table.columns(row)
        blob = PackedBlob(
            kind=kind,
            id=blob_id,
            offset=offset,
            length=length,
            uncompressed_length=plain or None,
        )
        return BlobLocation(pack=self._packs[pack], blob=blob)

    def lookup(self, kind: BlobKind, blob_id: BlobId) -> tuple[BlobLocation, ...]:
        """Every place of a blob; empty where it is unknown."""
        places = self._tables[kind].places(blob_id)
        return tuple(self._location(kind, blob_id, place) for place in places)

    def pack_ids(self) -> frozenset[bytes]:
        """All packs that it lists."""
        return frozenset(self._numbers)

    def packs(self) -> Iterator[IndexedPack]:
        """Every pack with its blobs by offset; a pack that mixes kinds comes once for each."""
        for kind, table in self._tables.items():
            rows = groupby(table.rows_by_pack(), key=table.pack)
            for number, members in rows:
                blobs = tuple(self._blob(kind, table, row) for row in members)
                yield IndexedPack(pack=self._packs[number], blobs=blobs)

    def outlines(self) -> Iterator["PackOutline"]:
        """Every pack as in `packs`, without values of its blobs as long as nobody asks."""
        for kind, table in self._tables.items():
            for number, members in groupby(table.rows_by_pack(), key=table.pack):
                rows = tuple(members)
                yield PackOutline(pack=self._packs[number], kind=kind, rows=rows, index=self)

    def header_of(self, kind: BlobKind, rows: tuple[int, ...]) -> bytes | None:
        """The header that a pack with these rows has; None where there are gaps between them."""
        table, expected = self._tables[kind], 0
        entries = []
        for row in rows:
            _, offset, length, plain = table.columns(row)
            if offset != expected:
                return None
            expected += length
            entries.append((length, plain, table.id(row)))
        return encode_entries(kind, entries)

    def blobs_of(self, kind: BlobKind, rows: tuple[int, ...]) -> tuple[PackedBlob, ...]:
        """What these rows stand for."""
        return tuple(self._blob(kind, self._tables[kind], row) for row in rows)

    def pack_sizes(
        self, *, frame: int, plain_entry: int, compressed_entry: int
    ) -> tuple[dict[bytes, int], frozenset[bytes]]:
        """Bytes that each listed pack must have, and the packs that mix kinds.

        Args:
            frame: Bytes of a pack beside its blobs and their entries in the header.
            plain_entry: Bytes of such an entry.
            compressed_entry: Likewise, of a compressed blob.
        """
        sizes: dict[int, int] = {}
        mixed = set[bytes]()
        for table in self._tables.values():
            parts = table.sizes_by_pack(plain_entry=plain_entry, compressed_entry=compressed_entry)
            mixed.update(self._packs[number] for number in parts.keys() & sizes.keys())
            for number, size in parts.items():
                sizes[number] = sizes.get(number, frame) + size
        return {self._packs[number]: size for number, size in sizes.items()}, frozenset(mixed)

    def _number(self, pack: bytes) -> int:
        number = self._numbers.setdefault(pack, len(self._packs))
        if number == len(self._packs):
            self._packs.append(pack)
        return number

    def _blob(self, kind: BlobKind, table: BlobTable, row: int) -> PackedBlob:
        return self._location(kind, BlobId(table.id(row)), table.place(row)).blob

    def _location(self, kind: BlobKind, blob_id: BlobId, place: Place) -> BlobLocation:
        blob = PackedBlob(
            kind=kind,
            id=blob_id,
            offset=place.offset,
            length=place.length,
            uncompressed_length=place.plain or None,
        )
        return BlobLocation(pack=self._packs[place.pack], blob=blob)


def load_index(repository: OpenRepository) -> Index:
    """Everything that the repository's index objects say.

    Raises:
        RepositoryDamaged: an index object cannot be read.
    """
    ids = list_unpacked(repository, ObjectKind.INDEX)
    index, superseded = _merge(repository, ids)
    # A crash between writing a new index object and removing the old ones leaves both.
    if not superseded.isdisjoint(ids):
        index, _ = _merge(repository, tuple(id_ for id_ in ids if id_ not in superseded))
    return index


def load_index_object(repository: OpenRepository, object_id: str) -> IndexObject:
    """One index object.

    Raises:
        ObjectMissing, RepositoryDamaged: it is gone or cannot be read.
    """
    return decode_index(load_unpacked(repository, ObjectKind.INDEX, object_id))


def save_index(repository: OpenRepository, packs: Iterable[IndexedPack]) -> str:
    """Store an index object over `packs`, all of which must be stored already; returns its id."""
    return save_unpacked(repository, ObjectKind.INDEX, encode_index(packs))


def encode_index(packs: Iterable[IndexedPack]) -> bytes:
    """The JSON of an index object."""
    return join_index(map(encode_pack, packs))


def encode_pack(pack: IndexedPack) -> bytes:
    """The JSON of one pack's part in an index object: a fraction of what the values take."""
    blobs = [_encode_blob(blob) for blob in pack.blobs]
    return orjson.dumps({"id": pack.pack.hex(), "blobs": blobs})


def join_index(packs: Iterable[bytes]) -> bytes:
    """The JSON of an index object over packs that are encoded already."""
    return b'{"packs":[' + b",".join(packs) + b"]}"


def decode_index(document: bytes) -> IndexObject:
    """Read it back, strictly.

    Raises:
        RepositoryDamaged: malformed.
    """
    try:
        fields = orjson.loads(document)
        # Go writes an empty list that was never made as null.
        packs = tuple(_decode_pack(pack) for pack in fields["packs"] or ())
        supersedes = tuple(str(id_) for id_ in fields.get("supersedes") or ())
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RepositoryDamaged("An index object is malformed.") from error
    return IndexObject(supersedes=supersedes, packs=packs)


def _merge(repository: OpenRepository, ids: tuple[str, ...]) -> tuple[Index, set[str]]:
    index, superseded = Index(), set[str]()
    with ThreadPoolExecutor(_FETCHES, thread_name_prefix="index") as threads:
        for start in range(0, len(ids), _FETCHES):
            batch = ids[start : start + _FETCHES]
            for sealed in threads.map(partial(fetch_unpacked, repository, ObjectKind.INDEX), batch):
                superseded.update(_add_document(index, open_unpacked(repository, sealed)))
    return_free_memory()
    return index, superseded


def _add_document(index: Index, document: bytes) -> set[str]:
    """Take in an index object; returns the ids of those that it replaces."""
    try:
        return _add_parts(index, split_index(document))
    except RepositoryDamaged:
        # Perhaps it only cannot be split. What was added is in it, and counts once.
        return _add_parts(index, (document,))


def _add_parts(index: Index, documents: Iterable[bytes]) -> set[str]:
    superseded = set[str]()
    for document in documents:
        found = decode_index(document)
        superseded.update(found.supersedes)
        for pack in found.packs:
            index.add_pack(pack.pack, pack.blobs)
    return superseded


def _encode_blob(blob: PackedBlob) -> dict[str, object]:
    fields: dict[str, object] = {
        "id": blob.id.hex(),
        "type": blob.kind.value,
        "offset": blob.offset,
        "length": blob.length,
    }
    if blob.uncompressed_length is not None:
        fields["uncompressed_length"] = blob.uncompressed_length
    return fields


def _decode_pack(fields: dict[str, Any]) -> IndexedPack:
    blobs = tuple(_decode_blob(blob) for blob in fields["blobs"] or ())
    return IndexedPack(pack=_decode_id(fields["id"]), blobs=blobs)


def _decode_blob(fields: dict[str, Any]) -> PackedBlob:
    return PackedBlob(
        kind=_KINDS[fields["type"]],
        id=BlobId(_decode_id(fields["id"])),
        offset=_decode_count(fields["offset"]),
        length=_decode_count(fields["length"]),
        uncompressed_length=_decode_count(fields.get("uncompressed_length", 0)) or None,
    )


_KINDS: Final = {kind.value: kind for kind in BlobKind}


def _decode_id(text: str) -> bytes:
    raw = bytes.fromhex(text)
    if len(raw) != 32:  # noqa: PLR2004 - SHA-256
        raise ValueError(text)
    return raw


def _decode_count(value: object) -> int:
    if type(value) is not int or not 0 <= value <= _LARGEST:
        raise ValueError(value)
    return value
