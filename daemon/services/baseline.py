"""What a repository has before a run: its index, and the snapshot to take files over from."""

from collections.abc import Callable
from dataclasses import dataclass

from backends.errors import ObjectMissing, RepositoryDamaged, SnapshotMissing
from backends.protocols import ObjectStore
from backends.repository.index import Index
from backends.repository.mending import IndexState, adopt_packs, examine_index
from backends.repository.reader import BlobReader
from backends.repository.repository import Repository
from backends.repository.snapshot import load_snapshot
from backends.repository.tree import Node
from backends.types import BlobId, BlobKind
from daemon.domain.manifest_document import SignedManifest, digest_document
from daemon.services.distrust import list_distrusted
from daemon.services.earlier_sums import EarlierSums

Warn = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """The repository as a run finds it.

    Attributes:
        repository: Opened and locked.
        state: The index and the packs, as they really are.
        reader: Reads through that index.
        head: The newest manifest; the next one follows it.
        snapshot: The parent snapshot's id, or None where files cannot be taken over.
        tree: Its root tree.
        compared: Every file of the parent was held against the source's checksum and equal.
        sums: What is known of the checksums of the newest manifest's files.
    """

    repository: Repository
    state: IndexState
    reader: BlobReader
    head: SignedManifest | None
    snapshot: str | None
    tree: BlobId | None
    compared: bool
    sums: EarlierSums

    @property
    def index(self) -> Index:
        """Blobs in sound packs; those that the run stores join them."""
        return self.state.index

    def load_tree(self, tree: BlobId) -> list[Node]:
        """A folder of the parent; empty where it is damaged, so that its files are read afresh."""
        try:
            return self.reader.load_tree(tree)
        except (RepositoryDamaged, ObjectMissing):
            # Safe: nothing is taken over from it, and the run stores the folder again.
            return []

    def load_blob(self, tree: BlobId) -> bytes:
        """A folder as it is stored. Raises RepositoryDamaged, ObjectMissing."""
        return self.reader.load(tree, BlobKind.TREE)


def survey(repository: Repository, head: SignedManifest | None, warn: Warn) -> Baseline:
    """Look at what is there.

    The parent is the snapshot of the newest manifest and no other: only of that one it is known
    which files were compared with the source.

    Nothing is written: it may be called while a lock waits to count. See `adopt_unlisted`.

    Raises:
        StoreError, RepositoryDamaged.
    """
    state = _examine(repository, warn)
    tree = _parent_tree(repository, head, warn)
    known = head is not None and tree is not None
    return Baseline(
        repository=repository,
        state=state,
        reader=BlobReader(repository, state.index),
        head=head,
        snapshot=head.manifest.repository.snapshot if head and known else None,
        tree=tree,
        compared=head is not None and head.manifest.comparison.uncompared == 0,
        sums=_parent_sums(repository.store, head, warn) if head else EarlierSums(None),
    )


def adopt_unlisted(baseline: Baseline) -> None:
    """List the packs that a run which was killed has left. Raises StoreError."""
    if baseline.state.unlisted:
        repository = baseline.repository
        adopt_packs(repository, baseline.state, list_distrusted(repository.store))


def _examine(repository: Repository, warn: Warn) -> IndexState:
    """The index as far as it can be relied on; what lost packs held is stored again."""
    state = examine_index(repository, list_distrusted(repository.store))
    if state.unreadable:
        warn(f"{len(state.unreadable)} index objects are damaged; packs are listed anew.")
    if lost := len(state.gone) + len(state.damaged):
        warn(f"{lost} packs of earlier runs are missing or damaged; storing their data again.")
    return state


def _parent_tree(repository: Repository, head: SignedManifest | None, warn: Warn) -> BlobId | None:
    if head is None or head.manifest.repository.id != repository.id:
        return None
    try:
        return load_snapshot(repository, head.manifest.repository.snapshot).tree
    except (SnapshotMissing, RepositoryDamaged) as error:
        warn(f"The last run's snapshot cannot be used, so every file is read afresh: {error}")
        return None


def _parent_sums(store: ObjectStore, head: SignedManifest, warn: Warn) -> EarlierSums:
    sums = head.manifest.sums

    def fetch() -> bytes | None:
        try:
            listing = store.get(sums.key)
        except ObjectMissing:
            return None  # the digests are then taken of the staged files
        if digest_document(listing) != sums.sha256:
            warn(f"{sums.key} is damaged in the store; taking every digest anew.")
            return None
        return listing

    return EarlierSums(fetch, sha256=sums.text_sha256)
