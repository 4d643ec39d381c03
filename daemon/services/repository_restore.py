"""Restores a snapshot of any restic repository, also of one that is damaged."""

from collections.abc import Callable

from backends.errors import ObjectMissing, RepositoryDamaged, SnapshotMissing
from backends.repository.index import Index, load_index_object
from backends.repository.reader import BlobReader
from backends.repository.repository import Repository
from backends.repository.restore import restore_tree
from backends.repository.restore_report import RestoreProgress, RestoreReport
from backends.repository.snapshot import LATEST, Snapshot, find_snapshot, list_snapshots
from backends.repository.unpacked import ObjectKind, list_unpacked
from daemon.services.repository_access import Warn
from daemon.services.restoration import RestoreOrder


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
        exclude=order.exclude,
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
