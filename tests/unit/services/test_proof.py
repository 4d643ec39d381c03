"""How deep a proof goes, and what it says on the way."""

import stat
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import pytest

from backends.objectstore.memory import MemoryStore
from backends.repository.judging_beside import BesideJudge
from backends.repository.pack import pack_key
from backends.repository.reader import BlobReader
from backends.repository.tree import Node, NodeType, encode_tree, go_mode
from backends.repository.writer import RepositoryWriter
from backends.twin import Twin
from backends.types import BlobId, BlobKind
from daemon.domain.sums import FileSum
from daemon.domain.verification import Depth, Outcome
from daemon.services.earlier_sums import EarlierSums, empty_listing
from daemon.services.proof import Evidence, prove
from tests.parts.repository import make_repository

CONTENT = b"welcome"


@dataclass
class Watcher:
    """Remembers which depths were looked at, and how many packs were reported done."""

    depths: list[Depth] = field(default_factory=list)
    steps: int = 0

    @contextmanager
    def proving(self, depth: Depth, _: int) -> Iterator[Callable[[int], None]]:
        self.depths.append(depth)
        yield self._step

    def _step(self, count: int) -> None:
        self.steps += count


def node(name: bytes, **changes: object) -> Node:
    given = {
        "name": name,
        "type": NodeType.FILE,
        "mode": go_mode(stat.S_IFREG | 0o644),
        "mtime_ns": 10**18,
        "atime_ns": 10**18,
        "ctime_ns": 10**18,
        "uid": 0,
        "gid": 0,
        "inode": 1,
        "size": len(CONTENT),
    }
    return Node(**(given | changes))  # type: ignore[arg-type]  # as given by the test


def evidence_in(store: MemoryStore, scratch: Path) -> Evidence:
    """One file in one folder, in two packs, and its listing."""
    repository = make_repository(store)
    index = repository.load_index()
    with RepositoryWriter(repository, index) as writer:
        stored = writer.save_blob(BlobKind.DATA, CONTENT)
        tree = writer.save_blob(BlobKind.TREE, encode_tree([node(b"page", content=(stored,))]))
        writer.flush()
        packs = frozenset(receipt.pack for receipt in writer.receipts)
    return Evidence(
        repository=repository,
        index=index,
        reader=BlobReader(repository, index),
        snapshot="0" * 64,
        tree=tree,
        packs=packs,
        sums=lambda: [FileSum(path=b"page", sha256=stored)],
        scratch=scratch,
    )


def spoil(store: MemoryStore, pack: bytes) -> None:
    content = bytearray(store.get(pack_key(pack)))
    content[5] ^= 1
    store.put(pack_key(pack), bytes(content))


@pytest.fixture
def watcher() -> Watcher:
    return Watcher()


@pytest.mark.parametrize(
    ("asked", "looked"),
    [
        (Depth.STORED, [Depth.STORED]),
        (Depth.HASHED, [Depth.STORED, Depth.HASHED]),
        (Depth.RESTORED, [Depth.STORED, Depth.HASHED, Depth.RESTORED]),
    ],
)
def test_each_depth_stands_on_the_shallower_ones(
    tmp_path: Path, watcher: Watcher, asked: Depth, looked: list[Depth]
) -> None:
    proof = prove(evidence_in(MemoryStore(), tmp_path), asked, watcher)
    assert (proof.depth, proof.outcome, proof.problems) == (asked, Outcome.PASSED, ())
    assert watcher.depths == looked
    assert watcher.steps == 2 * len(looked)
    assert list(tmp_path.iterdir()) == []


def test_a_store_that_attests_nothing_is_read_where_that_is_asked_for(
    tmp_path: Path, watcher: Watcher
) -> None:
    evidence = evidence_in(MemoryStore(attests_sha256=False), tmp_path)
    assert prove(evidence, Depth.STORED, watcher).depth is Depth.STORED
    assert prove(evidence, Depth.STORED, watcher, read_unattested=True).depth is Depth.HASHED


def test_one_pack_without_attestation_is_enough_to_read_them_all(
    tmp_path: Path, watcher: Watcher
) -> None:
    """A bucket that was filled before checksums were switched on."""
    store = MemoryStore()
    evidence = evidence_in(store, tmp_path)
    odd = min(evidence.packs)
    store.stat = lambda key: replace(  # type: ignore[method-assign]  # as such a bucket answers
        MemoryStore.stat(store, key), **({"sha256": None} if key == pack_key(odd) else {})
    )
    assert prove(evidence, Depth.STORED, watcher, read_unattested=True).depth is Depth.HASHED


def test_a_missing_pack_ends_the_proof_where_it_shows(tmp_path: Path, watcher: Watcher) -> None:
    store = MemoryStore()
    evidence = evidence_in(store, tmp_path)
    gone = min(evidence.packs)
    store.delete(pack_key(gone))
    proof = prove(evidence, Depth.RESTORED, watcher)
    assert (proof.depth, proof.outcome) == (Depth.STORED, Outcome.FAILED)
    assert proof.problems == (f"The pack {gone.hex()[:16]}… is not in the store.",)
    assert (proof.lost, proof.damaged) == ({gone}, frozenset())
    assert watcher.depths == [Depth.STORED]


def test_other_bytes_are_damage_by_the_stores_word_or_by_reading(
    tmp_path: Path, watcher: Watcher
) -> None:
    for attests, depth in ((True, Depth.STORED), (False, Depth.HASHED)):
        store = MemoryStore(attests_sha256=attests)
        evidence = evidence_in(store, tmp_path)
        harmed = max(evidence.packs)
        spoil(store, harmed)
        proof = prove(evidence, Depth.RESTORED, watcher)
        assert (proof.depth, proof.outcome) == (depth, Outcome.FAILED)
        assert proof.lost == proof.damaged == {harmed}


def test_packs_of_other_snapshots_prove_nothing_here(tmp_path: Path, watcher: Watcher) -> None:
    store = MemoryStore(attests_sha256=False)
    evidence = evidence_in(store, tmp_path)
    with RepositoryWriter(evidence.repository, evidence.index) as writer:
        writer.save_blob(BlobKind.DATA, b"of another snapshot")
        writer.flush()
        (stranger,) = (receipt.pack for receipt in writer.receipts)
    spoil(store, stranger)
    assert prove(evidence, Depth.RESTORED, watcher).outcome is Outcome.PASSED


def test_a_listing_that_says_otherwise_fails_the_rehearsal(
    tmp_path: Path, watcher: Watcher
) -> None:
    evidence = evidence_in(MemoryStore(), tmp_path)
    other = [FileSum(path=b"more", sha256=bytes(32)), FileSum(path=b"page", sha256=bytes(32))]
    wrong = replace(evidence, sums=lambda: other)
    proof = prove(wrong, Depth.RESTORED, watcher)
    assert (proof.depth, proof.outcome) == (Depth.RESTORED, Outcome.FAILED)
    assert proof.problems == (
        "page has another SHA-256 after a restore than in the listing.",
        "more is listed, but not in the snapshot.",
    )
    assert proof.lost == frozenset()


def test_trees_that_do_not_give_the_recorded_listing_fail_the_rehearsal(
    tmp_path: Path, watcher: Watcher
) -> None:
    """The manifest names the digest of the text that was written of what arrived."""
    evidence = evidence_in(MemoryStore(), tmp_path)
    recorded = EarlierSums(empty_listing, sha256="0" * 64)
    sums = partial(recorded.read, partial(evidence.reader.walk, evidence.tree))
    proof = prove(replace(evidence, sums=sums), Depth.RESTORED, watcher)
    assert (proof.depth, proof.outcome) == (Depth.RESTORED, Outcome.FAILED)
    assert proof.problems == ("The listing of checksums is not the one that was recorded.",)


@pytest.fixture
def beside() -> Iterator[BesideJudge]:
    """Stands for a second process that is always busy."""
    with subprocess.Popen(["sleep", "60"]) as process:
        judge = BesideJudge(Twin(process.pid, []))
        yield judge
        judge.abandon()


@pytest.mark.parametrize("spoilt", [0, 1])
def test_damage_is_told_alike_where_the_trees_are_walked_first(
    tmp_path: Path, watcher: Watcher, beside: BesideJudge, spoilt: int
) -> None:
    store = MemoryStore(attests_sha256=False)
    evidence = evidence_in(store, tmp_path)
    spoil(store, sorted(evidence.packs)[spoilt])
    again = replace(evidence, reader=BlobReader(evidence.repository, evidence.index))

    found = prove(replace(again, beside=beside), Depth.HASHED, watcher)

    assert found.outcome is Outcome.FAILED
    assert found == prove(evidence, Depth.HASHED, watcher)


def test_a_blob_that_no_pack_has_is_told_where_the_trees_are_walked_first(
    tmp_path: Path, watcher: Watcher, beside: BesideJudge
) -> None:
    evidence = evidence_in(MemoryStore(), tmp_path)
    gone = node(b"page", content=(BlobId(bytes([7]) * 32),))
    with RepositoryWriter(evidence.repository, evidence.index) as writer:
        tree = writer.save_blob(BlobKind.TREE, encode_tree([gone]))
        writer.flush()
        packs = frozenset(receipt.pack for receipt in writer.receipts)
    evidence = replace(evidence, tree=tree, packs=packs)

    found = prove(replace(evidence, beside=beside), Depth.HASHED, watcher)

    assert found.outcome is Outcome.FAILED
    assert found == prove(evidence, Depth.HASHED, watcher)


def test_a_folder_that_a_bad_line_spoils_once_is_read_once_more(
    tmp_path: Path, watcher: Watcher, beside: BesideJudge
) -> None:
    store = MemoryStore(attests_sha256=False)
    evidence = evidence_in(store, tmp_path)
    tree = evidence.index.pack_of(BlobKind.TREE, evidence.tree)
    assert tree is not None
    sound = store.get(pack_key(tree))
    spoil(store, tree)
    get = store.get

    def get_once(key: str, **span: int) -> bytes:
        found = get(key, **span)
        if key == pack_key(tree):
            store.put(key, sound)
        return found

    store.get = get_once  # type: ignore[method-assign, assignment]  # as over such a line
    found = prove(replace(evidence, beside=beside), Depth.HASHED, watcher)

    assert found.outcome is Outcome.PASSED
