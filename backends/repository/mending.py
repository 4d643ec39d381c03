"""Examines and mends the index: it shall list every pack that is there, and no lost one.

A pack that is gone or damaged stays in the index of everybody who reads the repository, stock
restic included, and is looked for in vain even where all that it held has been stored anew. A
pack that a crash left without an index is sound and only has to be listed.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from backends.errors import ObjectCorrupt, ObjectMissing, RepositoryDamaged
from backends.repository.blob import open_blob
from backends.repository.check_packs import survey_packs
from backends.repository.findings import Findings
from backends.repository.index import (
    Index,
    IndexedPack,
    IndexObject,
    decode_index,
    save_index,
)
from backends.repository.pack import PACKS, PackedBlob, load_header, pack_key
from backends.repository.parallel import map_in_threads
from backends.repository.repository import Repository
from backends.repository.unpacked import (
    ObjectKind,
    OpenRepository,
    fetch_unpacked,
    list_unpacked,
    open_unpacked,
)
from backends.repository.uploads import INDEX_BLOBS
from backends.repository.writer import RepositoryWriter
from backends.types import BlobKind

#: Objects fetched at the same time.
_FETCHES: Final = 4
_KEY: Final = re.compile(r"data/[0-9a-f]{2}/([0-9a-f]{64})", re.ASCII)
#: No object is ever called so.
_NOBODY: Final = "0" * 64


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexState:
    """What the index objects and the store's listing say together.

    Attributes:
        index: Of the packs that are there, whole and not distrusted; a writer may add to it.
        gone: Packs that are listed and not in the store.
        damaged: What is listed of packs that are there, but cut short or distrusted.
        unlisted: Packs that are there and that no readable index object lists, with their sizes.
        unreadable: Ids of index objects that are damaged.
    """

    index: Index
    gone: frozenset[bytes]
    damaged: Mapping[bytes, tuple[PackedBlob, ...]]
    unlisted: Mapping[bytes, int]
    unreadable: frozenset[str]

    @property
    def calls_for_mending(self) -> bool:
        """Whether the index objects mislead their readers."""
        return bool(self.unreadable or self.gone or self.damaged)

    def is_lost(self, pack: bytes) -> bool:
        """Whether nothing may rely on a pack that is listed."""
        return pack in self.gone or pack in self.damaged


def examine_index(
    repository: OpenRepository, distrusted: frozenset[bytes] = frozenset()
) -> IndexState:
    """Hold the index against the store's listing.

    Args:
        repository: Opened.
        distrusted: Packs that were read and found damaged.

    Raises:
        StoreError: nothing may be concluded then.
    """
    index, unreadable = _load_readable(repository)
    present = dict(_present_packs(repository))
    expected = survey_packs(index, Findings()).sizes
    present.update(_asked_by_name(repository, expected.keys() - present.keys()))
    gone = {pack for pack in expected if pack not in present}
    # A longer one has been tampered with, but what the index names in it is still at its place.
    short = {pack for pack, size in expected.items() if present.get(pack, size) < size}
    lost = gone | short | (distrusted & expected.keys())
    damaged: dict[bytes, tuple[PackedBlob, ...]] = {}
    sound = Index() if lost else index
    for listed in index.packs() if lost else ():
        if listed.pack not in lost:
            sound.add_pack(listed.pack, listed.blobs)
        elif listed.pack not in gone:
            damaged[listed.pack] = damaged.get(listed.pack, ()) + listed.blobs
    return IndexState(
        index=sound,
        gone=frozenset(gone),
        damaged=damaged,
        unlisted={pack: size for pack, size in present.items() if pack not in expected},
        unreadable=unreadable,
    )


def recover_index(repository: OpenRepository) -> Index:
    """The index, if need be without its damaged objects: their packs say themselves what they are.

    Raises:
        StoreError.
    """
    index, unreadable = _load_readable(repository)
    if not unreadable:
        return index
    present = dict(_present_packs(repository))
    for pack in _read_headers(repository, present, present.keys() - index.pack_ids()):
        index.add_pack(pack.pack, pack.blobs)
    return index


def adopt_packs(
    repository: OpenRepository, state: IndexState, distrusted: frozenset[bytes] = frozenset()
) -> int:
    """List the packs that nobody lists, by their own headers; returns how many.

    A run that was killed leaves such packs, and a damaged index object does. What has no sound
    header is passed over: it is not a finished pack.

    Raises:
        StoreError.
    """
    wanted = state.unlisted.keys() - distrusted
    adopted = list(_read_headers(repository, state.unlisted, wanted))
    for pack in adopted:
        state.index.add_pack(pack.pack, pack.blobs)
    _save(repository, adopted)
    return len(adopted)


def mend_index(repository: Repository, distrusted: frozenset[bytes] = frozenset()) -> None:
    """Replace every index object that is damaged or names lost packs.

    Blobs that only a damaged pack has, and that are sound in it, are stored once more. New index
    objects are there before the old ones are removed: a crash between leaves both, which is what
    was there before. Packs stay. Call it under an exclusive lock.

    Raises:
        StoreRefused: index objects may not be removed here; nothing was changed.
        StoreError.
    """
    # Refused where removing is: better now than with the same pack listed once more each time.
    repository.store.delete(ObjectKind.INDEX.key(_NOBODY))
    state = examine_index(repository, distrusted)
    adopt_packs(repository, state, distrusted)
    _salvage(repository, state)
    old, kept = list(state.unreadable), list[IndexedPack]()
    for object_id, listed in _readable_objects(repository, state.unreadable):
        sound = [pack for pack in listed.packs if not state.is_lost(pack.pack)]
        if len(sound) < len(listed.packs):
            old.append(object_id)
            kept += sound
    _save(repository, kept)
    for object_id in old:
        repository.store.delete(ObjectKind.INDEX.key(object_id))


def _salvage(repository: Repository, state: IndexState) -> None:
    """Store what only damaged packs have and still can be read, which each blob itself proves."""
    with RepositoryWriter(repository, state.index) as writer:
        for pack, blobs in state.damaged.items():
            wanted = [blob for blob in blobs if not state.index.has(blob.kind, blob.id)]
            for kind, plain in _readable_blobs(repository, pack, wanted):
                writer.save_blob(kind, plain)


def _readable_blobs(
    repository: OpenRepository, pack: bytes, wanted: Collection[PackedBlob]
) -> Iterator[tuple[BlobKind, bytes]]:
    if not wanted:
        return
    try:
        content = memoryview(repository.store.get(pack_key(pack)))
    except (ObjectMissing, ObjectCorrupt):
        return  # nothing of it can be read, then
    for blob in wanted:
        sealed = content[blob.offset : blob.offset + blob.length]
        try:
            plain = open_blob(repository.master, sealed, blob.uncompressed_length, blob.id)
        except RepositoryDamaged:
            continue  # a blob that does not prove itself is as lost as it was before
        yield blob.kind, plain


def _load_readable(repository: OpenRepository) -> tuple[Index, frozenset[str]]:
    ids = list_unpacked(repository, ObjectKind.INDEX)
    index, unreadable, superseded = Index(), set[str](), set[str]()
    for object_id, listed in _load_objects(repository, ids):
        if listed is None:
            unreadable.add(object_id)
            continue
        superseded.update(listed.supersedes)
        for pack in listed.packs:
            index.add_pack(pack.pack, pack.blobs)
    if not superseded.isdisjoint(ids):
        # A crash between writing a new index object and removing the old ones leaves both.
        index = Index()
        rest = tuple(id_ for id_ in ids if id_ not in superseded | unreadable)
        for _, listed in _load_objects(repository, rest):
            for pack in listed.packs if listed else ():
                index.add_pack(pack.pack, pack.blobs)
    return index, frozenset(unreadable)


def _readable_objects(
    repository: OpenRepository, unreadable: frozenset[str]
) -> Iterator[tuple[str, IndexObject]]:
    ids = (id_ for id_ in list_unpacked(repository, ObjectKind.INDEX) if id_ not in unreadable)
    for object_id, listed in _load_objects(repository, ids):
        if listed is not None:
            yield object_id, listed


def _load_objects(
    repository: OpenRepository, ids: Iterable[str]
) -> Iterator[tuple[str, IndexObject | None]]:
    # Decoded one after the other: as values, one takes ten times what is stored.
    def fetch(object_id: str) -> tuple[str, bytes | None]:
        try:
            return object_id, fetch_unpacked(repository, ObjectKind.INDEX, object_id)
        except RepositoryDamaged:
            return object_id, None

    for object_id, sealed in map_in_threads(fetch, ids, threads=_FETCHES):
        yield object_id, None if sealed is None else _decode(repository, sealed)


def _decode(repository: OpenRepository, sealed: bytes) -> IndexObject | None:
    try:
        return decode_index(open_unpacked(repository, sealed))
    except RepositoryDamaged:
        return None


def _present_packs(repository: OpenRepository) -> Iterator[tuple[bytes, int]]:
    for info in repository.store.list(PACKS):
        # Anything else is an unfinished upload of some program; stock restic passes it over too.
        if found := _KEY.fullmatch(info.key):
            yield bytes.fromhex(found[1]), info.size


def _asked_by_name(
    repository: OpenRepository, packs: Iterable[bytes]
) -> Iterator[tuple[bytes, int]]:
    """Those that are there all the same: a listing alone is no proof of absence."""

    def ask(pack: bytes) -> tuple[bytes, int] | None:
        try:
            return pack, repository.store.stat(pack_key(pack)).size
        except ObjectMissing:
            return None

    found = map_in_threads(ask, packs, threads=_FETCHES)
    return (pack for pack in found if pack is not None)


def _read_headers(
    repository: OpenRepository, sizes: Mapping[bytes, int], packs: Iterable[bytes]
) -> Iterator[IndexedPack]:
    def read(pack: bytes) -> IndexedPack | None:
        try:
            blobs = load_header(repository.store, repository.master, pack, sizes[pack])
        except (RepositoryDamaged, ObjectMissing):
            return None
        return IndexedPack(pack=pack, blobs=tuple(blobs))

    found = map_in_threads(read, packs, threads=_FETCHES)
    return (pack for pack in found if pack is not None)


def _save(repository: OpenRepository, packs: Iterable[IndexedPack]) -> None:
    """Store index objects over `packs`, none with more blobs than one may have."""
    waiting: list[IndexedPack] = []
    blobs = 0
    for pack in packs:
        waiting.append(pack)
        blobs += len(pack.blobs)
        if blobs >= INDEX_BLOBS:
            save_index(repository, waiting)
            waiting, blobs = [], 0
    if waiting:
        save_index(repository, waiting)
