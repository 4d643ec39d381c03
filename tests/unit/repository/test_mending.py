"""The index is held against the store, and mended without losing anything that can be read."""

import hashlib
import os
from collections.abc import Iterator

import pytest

from backends.errors import StoreRefused
from backends.objectstore.memory import MemoryStore
from backends.repository.index import load_index
from backends.repository.mending import adopt_packs, examine_index, mend_index, recover_index
from backends.repository.pack import pack_key
from backends.repository.reader import BlobReader
from backends.repository.repository import Repository
from backends.repository.unpacked import ObjectKind, list_unpacked
from backends.repository.writer import RepositoryWriter
from backends.types import BlobId, BlobKind, ObjectInfo
from tests.parts.repository import make_repository


def save(repository: Repository, *contents: bytes) -> bytes:
    """Store blobs in one pack of their own; its name."""
    with RepositoryWriter(repository, repository.load_index()) as writer:
        for content in contents:
            writer.save_blob(BlobKind.DATA, content)
        writer.flush()
        (receipt,) = writer.receipts
    return receipt.pack


def change(repository: Repository, key: str, position: int) -> None:
    content = bytearray(repository.store.get(key))
    content[position] ^= 1
    repository.store.put(key, bytes(content))


def readable(repository: Repository) -> set[bytes]:
    """Every blob that the index leads to and that can be read there."""
    index = repository.load_index()
    reader = BlobReader(repository, index)
    return {reader.load(blob.id, blob.kind) for listed in index.packs() for blob in listed.blobs}


def index_objects(repository: Repository) -> tuple[str, ...]:
    return list_unpacked(repository, ObjectKind.INDEX)


def test_a_sound_repository_is_left_alone(repository: Repository) -> None:
    pack, before = save(repository, b"one"), index_objects(repository)
    state = examine_index(repository)
    assert not state.calls_for_mending
    assert state.index.pack_ids() == {pack}
    mend_index(repository)
    assert index_objects(repository) == before
    assert readable(repository) == {b"one"}


def test_a_pack_that_is_gone_is_listed_no_more(repository: Repository) -> None:
    gone, kept = save(repository, b"one"), save(repository, b"two")
    repository.store.delete(pack_key(gone))
    state = examine_index(repository)
    assert (state.gone, state.index.pack_ids()) == ({gone}, {kept})
    assert state.calls_for_mending
    mend_index(repository)
    assert readable(repository) == {b"two"}
    assert not examine_index(repository).calls_for_mending


def test_a_listing_that_leaves_a_pack_out_is_not_believed(repository: Repository) -> None:
    """Some stores are late with it, and some stop in the middle."""
    pack = save(repository, b"one")

    class Forgetful(MemoryStore):
        def list(self, prefix: str) -> Iterator[ObjectInfo]:
            return iter(()) if prefix == "data/" else super().list(prefix)

    repository.store.__class__ = Forgetful
    state = examine_index(repository)
    assert (state.gone, state.index.pack_ids()) == (frozenset(), {pack})


def test_a_pack_that_nobody_lists_is_adopted(repository: Repository) -> None:
    pack = save(repository, b"one", b"two")
    for index in index_objects(repository):
        repository.store.delete(ObjectKind.INDEX.key(index))
    state = examine_index(repository)
    assert set(state.unlisted) == {pack}
    assert not state.calls_for_mending
    assert adopt_packs(repository, state) == 1
    assert state.index.pack_ids() == {pack}
    assert readable(repository) == {b"one", b"two"}


def test_what_is_no_finished_pack_is_not_adopted(repository: Repository) -> None:
    repository.store.put(pack_key(bytes(32)), os.urandom(500))
    repository.store.put("data/00/unfinished", b"x")
    state = examine_index(repository)
    assert adopt_packs(repository, state) == 0
    assert index_objects(repository) == ()


def test_a_distrusted_pack_is_neither_used_nor_adopted(repository: Repository) -> None:
    pack = save(repository, b"one")
    state = examine_index(repository, frozenset({pack}))
    assert not state.index.has(BlobKind.DATA, BlobId(pack))
    assert state.index.pack_ids() == frozenset()
    assert set(state.damaged) == {pack}
    for index in index_objects(repository):
        repository.store.delete(ObjectKind.INDEX.key(index))
    unlisted = examine_index(repository, frozenset({pack}))
    assert adopt_packs(repository, unlisted, frozenset({pack})) == 0


def test_what_a_damaged_pack_alone_has_is_saved_from_it(repository: Repository) -> None:
    """Its first blob is spoilt, its second is elsewhere too, its third is nowhere else."""
    contents = [os.urandom(100), os.urandom(100), os.urandom(100)]
    harmed = save(repository, *contents)
    change(repository, pack_key(harmed), 3)
    spoilt = spoilt_content(repository, contents)
    save_again = next(content for content in contents if content != spoilt)
    index = examine_index(repository, frozenset({harmed})).index
    with RepositoryWriter(repository, index) as writer:
        writer.save_blob(BlobKind.DATA, save_again)
    mend_index(repository, frozenset({harmed}))
    assert readable(repository) == set(contents) - {spoilt}
    assert harmed not in repository.load_index().pack_ids()
    assert repository.store.stat(pack_key(harmed)).size > 0


def spoilt_content(repository: Repository, contents: list[bytes]) -> bytes:
    """The content of the blob at the very beginning of the only pack."""
    (listed,) = repository.load_index().packs()
    first = min(listed.blobs, key=lambda blob: blob.offset)
    return next(content for content in contents if hashlib.sha256(content).digest() == first.id)


def test_a_pack_that_is_cut_short_gives_what_is_left_of_it(repository: Repository) -> None:
    contents = {os.urandom(100), os.urandom(100)}
    short = save(repository, *contents)
    key = pack_key(short)
    repository.store.put(key, repository.store.get(key)[:150])
    mend_index(repository)
    assert len(readable(repository)) == 1
    assert readable(repository) < contents


def test_a_damaged_index_object_is_replaced_by_what_packs_say(repository: Repository) -> None:
    save(repository, b"one")
    (harmed,) = index_objects(repository)
    save(repository, b"two")
    change(repository, ObjectKind.INDEX.key(harmed), 40)
    assert recover_index(repository).pack_ids() == {
        bytes.fromhex(info.key.split("/")[-1]) for info in repository.store.list("data/")
    }
    assert examine_index(repository).unreadable == {harmed}
    mend_index(repository)
    assert harmed not in index_objects(repository)
    assert readable(repository) == {b"one", b"two"}


def test_where_nothing_may_be_removed_nothing_is_changed(repository: Repository) -> None:
    gone = save(repository, b"one")
    repository.store.delete(pack_key(gone))
    before = index_objects(repository)

    class Keeping(MemoryStore):
        def delete(self, key: str) -> None:
            raise StoreRefused(key)

    repository.store.__class__ = Keeping
    with pytest.raises(StoreRefused):
        mend_index(repository)
    assert index_objects(repository) == before


def test_a_crash_in_the_middle_leaves_what_was_there(repository: Repository) -> None:
    """New index objects are stored first, so both are there; the next mending ends it."""
    gone, kept = save(repository, b"one"), save(repository, b"two")
    repository.store.delete(pack_key(gone))

    class Crashing(MemoryStore):
        def delete(self, key: str) -> None:
            if not key.endswith("0" * 64):
                raise KeyboardInterrupt

    repository.store.__class__ = Crashing
    with pytest.raises(KeyboardInterrupt):
        mend_index(repository)
    repository.store.__class__ = MemoryStore
    assert load_index(repository).pack_ids() == {gone, kept}
    mend_index(repository)
    assert readable(repository) == {b"two"}


def test_an_index_of_many_blobs_is_written_in_several_objects(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backends.repository.mending.INDEX_BLOBS", 2)
    for number in range(5):
        save(repository, b"%d" % number)
    for index in index_objects(repository):
        repository.store.delete(ObjectKind.INDEX.key(index))
    adopt_packs(repository, examine_index(repository))
    assert len(index_objects(repository)) == 3
    assert len(readable(repository)) == 5


def test_a_repository_of_nothing_needs_nothing() -> None:
    repository = make_repository()
    assert not examine_index(repository).calls_for_mending
    mend_index(repository)
    assert index_objects(repository) == ()
