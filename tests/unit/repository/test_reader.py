"""Reading blobs and trees from a repository in memory."""

import os
from dataclasses import replace

import pytest

from backends.errors import RepositoryDamaged, StoreUnreachable
from backends.objectstore.memory import MemoryStore
from backends.objectstore.metered import MeteredStore, Operation
from backends.repository.index import Index
from backends.repository.pack import PACKS, pack_key
from backends.repository.reader import BlobReader
from backends.repository.repository import Repository
from backends.repository.tree import Node, NodeType, encode_tree
from backends.repository.writer import RepositoryWriter
from backends.types import BlobId, BlobKind
from tests.parts.repository import make_repository

SMALL_PACKS = 100_000


def folder(name: bytes, tree: BlobId) -> Node:
    return replace(file(name), type=NodeType.DIR, content=None, subtree=tree)


def file(name: bytes, *blobs: BlobId) -> Node:
    times = {"mtime_ns": 0, "atime_ns": 0, "ctime_ns": 0}
    return Node(name=name, type=NodeType.FILE, mode=0o644, content=blobs, **times)


def save_tree(writer: RepositoryWriter, *nodes: Node) -> BlobId:
    return writer.save_blob(BlobKind.TREE, encode_tree(nodes))


def requests(repository: Repository) -> int:
    return repository.store.usage_of(Operation.GET).calls


@pytest.fixture
def metered() -> Repository:
    """A repository whose requests are counted."""
    plain = make_repository()
    return replace(plain, store=MeteredStore(plain.store))


def store_folders(repository: Repository, count: int) -> BlobId:
    """A tree of folders, each with a tree too noisy to be compressed, spread over many packs."""
    with RepositoryWriter(repository, Index(), pack_target=SMALL_PACKS) as writer:
        nodes = []
        for number in range(count):
            noise = file(os.urandom(20).hex().encode(), *[BlobId(os.urandom(32))] * 100)
            others = [file(b"%d" % n, BlobId(os.urandom(32))) for n in range(100)]
            nodes.append(folder(b"%04d" % number, save_tree(writer, noise, *others)))
        return save_tree(writer, *nodes)


def test_trees_of_one_pack_come_with_one_request(metered):
    root = store_folders(metered, 40)
    reader = BlobReader(metered, metered.load_index())
    packs = len(
        [pack for pack in metered.load_index().packs() if pack.blobs[0].kind is BlobKind.TREE]
    )
    before = requests(metered)

    assert sum(1 for _ in reader.walk(root)) == 40 * 102
    assert requests(metered) - before == packs > 1


def test_trees_are_read_right_even_where_hardly_any_fit_into_memory(metered):
    root = store_folders(metered, 40)
    roomy = BlobReader(metered, metered.load_index())
    cramped = BlobReader(metered, metered.load_index(), tree_cache=1)

    once = list(cramped.walk(root))
    again = list(cramped.walk(root))

    assert once == again == list(roomy.walk(root))


def test_a_pack_that_had_to_be_dropped_is_not_fetched_whole_again(metered):
    root = store_folders(metered, 40)
    cramped = BlobReader(metered, metered.load_index(), tree_cache=1)
    list(cramped.walk(root))
    before = metered.store.usage_of(Operation.GET).received

    list(cramped.walk(root))

    packs = sum(info.size for info in metered.store.list(PACKS))
    assert metered.store.usage_of(Operation.GET).received - before <= packs


def test_a_walk_names_folders_before_what_is_in_them(repository):
    with RepositoryWriter(repository, Index()) as writer:
        inner = save_tree(writer, file(b"z"))
        root = save_tree(writer, folder(b"b", inner), file(b"a"), file(b"c"))
    reader = BlobReader(repository, repository.load_index())

    assert [walked.path for walked in reader.walk(root)] == [b"a", b"b", b"b/z", b"c"]


def test_a_walk_goes_on_beside_a_folder_that_is_lost(repository):
    with RepositoryWriter(repository, Index()) as writer:
        root = save_tree(writer, folder(b"lost", BlobId(bytes(32))), file(b"z"))
    reader = BlobReader(repository, repository.load_index())
    told = []

    walked = list(reader.walk(root, on_damaged=lambda path, error: told.append((path, error))))

    assert [each.path for each in walked] == [b"lost", b"z"]
    ((path, error),) = told
    assert path == b"lost"
    assert "in no index" in str(error)
    with pytest.raises(RepositoryDamaged):
        list(reader.walk(root))


def test_a_blob_that_is_no_tree_is_named(repository):
    with RepositoryWriter(repository, Index()) as writer:
        blob = writer.save_blob(BlobKind.TREE, b"not a tree")
    reader = BlobReader(repository, repository.load_index())

    with pytest.raises(RepositoryDamaged, match=blob.hex()):
        reader.load_tree(blob)


def store_pieces(repository: Repository, count: int) -> list[BlobId]:
    with RepositoryWriter(repository, Index(), pack_target=SMALL_PACKS) as writer:
        return [writer.save_blob(BlobKind.DATA, b"%d" % n + os.urandom(9000)) for n in range(count)]


def test_pieces_come_in_the_order_wanted_whatever_their_order_in_packs(metered):
    wanted = store_pieces(metered, 40)
    reader = BlobReader(metered, metered.load_index())
    backwards = wanted[::-1] + wanted[:3] * 2

    plain = list(reader.contents(backwards))

    assert plain == [reader.load(blob, BlobKind.DATA) for blob in backwards]


def test_a_truncated_pack_costs_only_what_lay_behind_the_cut(repository):
    wanted = store_pieces(repository, 10)
    reader = BlobReader(repository, repository.load_index())
    pack = next(iter(repository.load_index().packs()))
    half = len(pack.blobs) // 2
    end = pack.blobs[half].offset
    key = pack_key(pack.pack)
    repository.store.put(key, repository.store.get(key)[: end + 10])

    opened = {blob.id: data for blob, data in reader.read_pack(pack.pack, pack.blobs)}

    assert [isinstance(opened[blob.id], bytes) for blob in pack.blobs] == [
        number < half for number in range(len(pack.blobs))
    ]
    assert set(opened) <= set(wanted)


def test_the_size_of_a_blob_is_known_without_reading_it(repository):
    (blob,) = store_pieces(repository, 1)
    reader = BlobReader(repository, repository.load_index())

    assert reader.size(blob) == 9001
    assert reader.size(BlobId(bytes(32))) is None


class Silent(MemoryStore):
    """A store that does not answer."""

    def get(self, key: str, **_: object) -> bytes:
        raise StoreUnreachable(key)


def test_a_store_that_does_not_answer_is_no_damage(repository):
    (blob,) = store_pieces(repository, 1)
    reader = BlobReader(replace(repository, store=Silent()), repository.load_index())

    with pytest.raises(StoreUnreachable):
        reader.load(blob, BlobKind.DATA)
    with pytest.raises(StoreUnreachable):
        list(reader.contents([blob]))
