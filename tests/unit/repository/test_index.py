"""What is known of packs, in memory and as JSON."""

import json
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.errors import RepositoryDamaged
from backends.repository.blobtable import BlobTable
from backends.repository.index import (
    Index,
    IndexedPack,
    decode_index,
    encode_index,
    save_index,
)
from backends.repository.indextext import split_index
from backends.repository.pack import PackedBlob
from backends.repository.unpacked import ObjectKind, save_unpacked
from backends.types import BlobId, BlobKind

IDS = st.binary(min_size=32, max_size=32)
COUNTS = st.integers(0, (1 << 32) - 1)
BLOBS = st.builds(
    PackedBlob,
    kind=st.sampled_from(BlobKind),
    id=IDS.map(BlobId),
    offset=COUNTS,
    length=COUNTS,
    uncompressed_length=st.none() | st.integers(1, (1 << 32) - 1),
)
PACKS = st.lists(
    st.builds(IndexedPack, pack=IDS, blobs=st.lists(BLOBS, max_size=5).map(tuple)), max_size=5
)
PACK, OTHER = b"\x01" * 32, b"\x02" * 32


def blob(name: str, kind: BlobKind = BlobKind.DATA, offset: int = 0) -> PackedBlob:
    return PackedBlob(kind=kind, id=BlobId(name.encode().ljust(32)), offset=offset, length=40)


def test_a_blob_is_found_where_it_lies():
    index = Index()
    index.add_pack(PACK, [blob("a"), blob("b", offset=40)])

    (found,) = index.lookup(BlobKind.DATA, blob("b").id)

    assert (found.pack, found.blob) == (PACK, blob("b", offset=40))
    assert index.pack_of(BlobKind.DATA, blob("b").id) == PACK
    assert len(index) == 2


def test_an_unknown_blob_is_nowhere():
    index = Index()
    index.add_pack(PACK, [blob("a")])

    assert not index.has(BlobKind.DATA, blob("z").id)
    assert index.lookup(BlobKind.DATA, blob("z").id) == ()
    assert index.pack_of(BlobKind.DATA, blob("z").id) is None


def test_data_and_trees_of_the_same_name_are_two_things():
    index = Index()
    index.add_pack(PACK, [blob("a", BlobKind.TREE)])

    assert index.has(BlobKind.TREE, blob("a").id)
    assert not index.has(BlobKind.DATA, blob("a").id)


def test_a_blob_in_two_packs_is_found_in_both():
    index = Index()
    index.add_pack(PACK, [blob("a")])
    index.add_pack(OTHER, [blob("a", offset=9)])

    found = index.lookup(BlobKind.DATA, blob("a").id)

    assert {location.pack for location in found} == {PACK, OTHER}


def test_a_pack_told_twice_counts_once():
    index = Index()
    for _ in range(2):
        index.add_pack(PACK, [blob("a"), blob("b", offset=40)])

    assert list(index.packs()) == [IndexedPack(pack=PACK, blobs=(blob("a"), blob("b", offset=40)))]


def test_packs_are_given_back_with_their_blobs_by_offset():
    index = Index()
    index.add_pack(PACK, [blob("b", offset=40)])
    index.add_pack(OTHER, [blob("c", BlobKind.TREE)])
    index.add_pack(PACK, [blob("a")])

    assert {pack.pack: [found.offset for found in pack.blobs] for pack in index.packs()} == {
        PACK: [0, 40],
        OTHER: [0],
    }
    assert index.pack_ids() == {PACK, OTHER}


@given(st.lists(IDS, unique=True, max_size=50), st.data())
def test_a_table_finds_all_that_it_was_given_and_nothing_else(ids, data):
    known = set(data.draw(st.lists(st.sampled_from(ids), unique=True))) if ids else set()
    table = BlobTable()
    for number, blob_id in enumerate(sorted(known)):
        table.add(blob_id, pack=number, offset=1, length=2, plain=3)

    assert {blob_id for blob_id in ids if blob_id in table} == known
    assert [table.first_pack(blob_id) for blob_id in sorted(known)] == list(range(len(known)))


def test_a_table_grows_without_losing_anything():
    table, ids = BlobTable(), [os.urandom(32) for _ in range(5000)]
    for number, blob_id in enumerate(ids):
        table.add(blob_id, pack=number, offset=0, length=0, plain=0)

    assert [table.first_pack(blob_id) for blob_id in ids] == list(range(5000))


def test_ids_that_fall_on_the_same_slot_are_told_apart():
    table, ids = BlobTable(), [bytes(8) + bytes([number]) * 24 for number in range(100)]
    for number, blob_id in enumerate(ids):
        table.add(blob_id, pack=number, offset=0, length=0, plain=0)

    assert [table.first_pack(blob_id) for blob_id in ids] == list(range(100))


def test_threads_look_up_while_another_adds():
    index, packs = Index(), [os.urandom(32) for _ in range(200)]
    blobs = [[blob(f"{p}-{b}", offset=b) for b in range(20)] for p in range(len(packs))]

    def add(number: int) -> bool:
        index.add_pack(packs[number], blobs[number])
        return all(index.has(BlobKind.DATA, found.id) for found in blobs[number])

    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(add, range(len(packs))))
    assert len(index) == 4000


@given(PACKS)
def test_an_index_object_is_read_as_it_was_written(packs):
    assert decode_index(encode_index(packs)).packs == tuple(packs)


def told(documents: Iterable[bytes]) -> list[IndexedPack] | None:
    """What index objects say together; None where one is damaged."""
    try:
        return [pack for document in documents for pack in decode_index(document).packs]
    except RepositoryDamaged:
        return None


@given(PACKS)
def test_an_index_object_is_split_by_the_pack(packs):
    parts = list(split_index(encode_index(packs)))

    assert told(parts) == packs
    assert len(parts) == (len(packs) + 1 if packs else 1)


@given(PACKS, st.data())
def test_parts_never_say_anything_else_than_the_whole(packs, data):
    """A byte is lost, doubled or another one; what is refused is read as a whole."""
    document = encode_index(packs)
    last = len(document) - 1
    at = data.draw(st.integers(0, last) | st.integers(last - 2, last))
    put = data.draw(st.binary(max_size=2))
    damaged = document[:at] + put + document[at + 1 :]

    assert told(split_index(damaged)) in (None, told([damaged]))


@pytest.mark.parametrize("end", [b"\n", b',"more":[]}'])
def test_an_index_object_that_cannot_be_split_is_loaded_all_the_same(repository, end):
    document = encode_index([IndexedPack(pack=PACK, blobs=(blob("a"),))])
    written = document + end if end == b"\n" else document.removesuffix(b"}") + end
    save_unpacked(repository, ObjectKind.INDEX, written)

    assert repository.load_index().has(BlobKind.DATA, blob("a").id)


def test_a_damaged_index_object_is_not_loaded_in_part(repository):
    document = encode_index([IndexedPack(pack=PACK, blobs=(blob("a"),))] * 2)
    save_unpacked(repository, ObjectKind.INDEX, document.replace(b'"offset":0', b'"offset":-1'))

    with pytest.raises(RepositoryDamaged):
        repository.load_index()


def test_an_index_object_has_restic_s_fields():
    folded = PackedBlob(
        kind=BlobKind.TREE, id=BlobId(OTHER), offset=38, length=112, uncompressed_length=511
    )
    plain = PackedBlob(kind=BlobKind.DATA, id=BlobId(PACK), offset=0, length=38)

    assert json.loads(encode_index([IndexedPack(pack=PACK, blobs=(plain, folded))])) == {
        "packs": [
            {
                "id": "01" * 32,
                "blobs": [
                    {"id": "01" * 32, "type": "data", "offset": 0, "length": 38},
                    {
                        "id": "02" * 32,
                        "type": "tree",
                        "offset": 38,
                        "length": 112,
                        "uncompressed_length": 511,
                    },
                ],
            }
        ]
    }


def test_go_s_empty_lists_are_read():
    assert decode_index(b'{"packs":null}').packs == ()
    assert decode_index(b'{"packs":[{"id":"%s","blobs":null}]}' % (b"ab" * 32)).packs[0].blobs == ()


@pytest.mark.parametrize(
    "change",
    [
        {"id": "abcd"},
        {"id": None},
        {"type": "leaf"},
        {"offset": -1},
        {"length": 1 << 32},
        {"length": 1.5},
        {"offset": True},
        {"uncompressed_length": "9"},
    ],
)
def test_malformed_blobs_are_refused(change):
    listed = {"id": "ab" * 32, "type": "data", "offset": 0, "length": 40} | change
    document = {"packs": [{"id": "cd" * 32, "blobs": [listed]}]}

    with pytest.raises(RepositoryDamaged):
        decode_index(json.dumps(document).encode())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["packs", "id"]), inner),
)


@given(st.binary() | JSON.map(json.dumps).map(str.encode))
def test_no_junk_ends_in_another_error(junk):
    try:
        decode_index(junk)
    except RepositoryDamaged:
        return


def test_all_index_objects_make_one_index(repository):
    for number in range(9):
        save_index(repository, [IndexedPack(pack=bytes([number]) * 32, blobs=(blob(f"{number}"),))])

    index = repository.load_index()

    assert all(index.has(BlobKind.DATA, blob(f"{number}").id) for number in range(9))


def test_a_superseded_index_object_no_longer_counts(repository):
    """Its replacement was stored, but a crash kept the old one from being removed."""
    old = save_index(repository, [IndexedPack(pack=PACK, blobs=(blob("gone"),))])
    new = json.loads(encode_index([IndexedPack(pack=OTHER, blobs=(blob("kept"),))]))
    save_unpacked(repository, ObjectKind.INDEX, json.dumps({"supersedes": [old], **new}).encode())

    index = repository.load_index()

    assert index.has(BlobKind.DATA, blob("kept").id)
    assert not index.has(BlobKind.DATA, blob("gone").id)
