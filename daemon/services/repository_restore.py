"""Restores a snapshot of any restic repository, also of one that is damaged."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from backends.errors import ObjectMissing, RepositoryDamaged, SnapshotMissing
from backends.repository.included import Included, include_paths
from backends.repository.index import Index, load_index_object
from backends.repository.reader import BlobReader, subtree_of
from backends.repository.repository import Repository
from backends.repository.restore import restore_tree
from backends.repository.restore_report import RestoreProgress, RestoreReport
from backends.repository.snapshot import LATEST, Snapshot, find_snapshot, list_snapshots
from backends.repository.tree import Node, NodeType
from backends.repository.unpacked import ObjectKind, list_unpacked
from backends.types import BlobId
from daemon.domain.pathtext import RawPath
from daemon.services.repository_access import Warn
from daemon.services.restoration import RestoreOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class RestorePreview:
    """What a restore would bring back.

    Attributes:
        files: Names of regular files; of hard links every one.
        bytes: Their content, of hard links each time.
        folders: Folders.
        others: Everything else.
        missing: Wanted paths that the snapshot has not.
        damaged: Folders that cannot be read.
    """

    files: int
    bytes: int
    folders: int
    others: int
    missing: tuple[RawPath, ...]
    damaged: int

    @property
    def complete(self) -> bool:
        """Whether everything wanted seems to be there; contents are not looked at."""
        return not self.missing and not self.damaged


def choose_snapshot(
    repository: Repository, wanted: str, *, hostname: str | None, warn: Warn
) -> Snapshot:
    """The snapshot that a person means; damaged ones do not hide the latest that is sound.

    Args:
        repository: Where to look.
        wanted: `latest`, or the beginning of an id.
        hostname: With `latest`: only of this host.
        warn: Told of each snapshot that cannot be read.

    Raises:
        SnapshotMissing: none fits, or the beginning fits several.
        RepositoryDamaged: the one that is named cannot be read.
    """
    if wanted != LATEST:
        return find_snapshot(repository, wanted)
    found = list_snapshots(repository, on_damaged=lambda _, error: warn(str(error)))
    fitting = [each for each in found if hostname in (None, each.hostname)]
    if not fitting:
        raise SnapshotMissing(
            f"The repository has no snapshot{f' of {hostname}' if hostname else ''}."
        )
    return fitting[-1]


def open_reader(repository: Repository, warn: Warn) -> BlobReader:
    """Reads everything that any readable index object lists.

    A damaged one costs what it alone lists; after a disaster the rest is worth having.

    Raises:
        StoreError: the store does not answer.
    """
    try:
        index = repository.load_index()
    except (RepositoryDamaged, ObjectMissing):
        index = _load_readable(repository, warn)
    return BlobReader(repository, index)


def preview_restore(
    reader: BlobReader, snapshot: Snapshot, include: tuple[RawPath, ...] = ()
) -> RestorePreview:
    """Add up what a restore would make, by reading all folders and no file.

    Raises:
        StoreError: the store does not answer.
    """
    walk = _WantedWalk(reader, include_paths(include))
    files = size = folders = others = 0
    for node in walk.nodes(snapshot.tree):
        if node.type is NodeType.FILE:
            files, size = files + 1, size + node.size
        elif node.type is NodeType.DIR:
            folders += 1
        else:
            others += 1
    return RestorePreview(
        files=files,
        bytes=size,
        folders=folders,
        others=others,
        missing=tuple(walk.wanted.unmet()),
        damaged=walk.damaged,
    )


def restore_snapshot(
    reader: BlobReader,
    snapshot: Snapshot,
    order: RestoreOrder,
    progress: Callable[[RestoreProgress], None],
) -> RestoreReport:
    """Restore a snapshot as ordered; see `restore_tree`, also for what it raises."""
    return restore_tree(
        reader,
        snapshot.tree,
        order.target,
        include=order.include,
        owners=order.owners,
        progress=progress,
    )


def _load_readable(repository: Repository, warn: Warn) -> Index:
    index = Index()
    for name in list_unpacked(repository, ObjectKind.INDEX):
        try:
            found = load_index_object(repository, name)
        except (RepositoryDamaged, ObjectMissing) as error:
            warn(f"{ObjectKind.INDEX.key(name)} cannot be read: {error}")
            continue
        for pack in found.packs:
            index.add_pack(pack.pack, pack.blobs)
    return index


class _WantedWalk:
    """Meets the same entries as a restore does."""

    def __init__(self, reader: BlobReader, wanted: Included) -> None:
        self._reader = reader
        self.wanted = wanted
        self.damaged = 0

    def nodes(self, root: BlobId) -> Iterator[Node]:
        """Every entry that is wanted, in no promised order."""
        pending = [(root, self.wanted)]
        while pending:
            tree, folder = pending.pop()
            for node in self._load(tree):
                below = folder.below(node.name)
                if below is None or not (below.whole or node.type is NodeType.DIR):
                    continue
                below.met = True
                yield node
                if node.type is NodeType.DIR:
                    pending.extend(self._inside(node, below))

    def _inside(self, folder: Node, wanted: Included) -> Iterator[tuple[BlobId, Included]]:
        try:
            yield subtree_of(folder), wanted
        except RepositoryDamaged:
            self.damaged += 1

    def _load(self, tree: BlobId) -> list[Node]:
        try:
            return self._reader.load_tree(tree)
        except RepositoryDamaged:
            # Counted and shown; the restore itself names it.
            self.damaged += 1
            return []
