"""Gives a run's data back."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from backends.errors import TargetNotEmpty
from backends.repository.mending import recover_index
from backends.repository.reader import BlobReader
from backends.repository.restore import restore_tree
from backends.repository.restore_report import RestoreProgress, RestoreReport
from backends.types import BlobId
from daemon.domain.manifest_document import SignedManifest
from daemon.domain.pathtext import RawPath
from daemon.services.destination import Destination, hold_reading_lock, open_repository


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreOrder:
    """What is to be restored, and where to.

    Attributes:
        target: An empty folder, or one that does not exist.
        include: Paths on the server; each means itself and everything below. None: everything.
        owners: Restore owners, setuid bits and devices; None: exactly where we are root.
    """

    target: Path
    include: tuple[RawPath, ...] = ()
    owners: bool | None = None


def restore_run(
    destination: Destination,
    signed: SignedManifest,
    order: RestoreOrder,
    progress: Callable[[RestoreProgress], None],
) -> RestoreReport:
    """Restore what a manifest describes.

    The tree is the manifest's, not the newest: what is given back is what was signed for.

    Raises:
        TargetNotEmpty, LocalDiskFull, LocalPathUnusable: the target.
        StoreError, RepositoryError, SecretError: the repository.
    """
    check_target(order.target)
    with closing(destination.store):
        repository = open_repository(destination)
        with hold_reading_lock(repository):
            reader = BlobReader(repository, recover_index(repository))
            return restore_tree(
                reader,
                BlobId(bytes.fromhex(signed.manifest.repository.tree)),
                order.target,
                include=tuple(path.lstrip(b"/") for path in order.include),
                owners=order.owners,
                progress=progress,
            )


def check_target(target: Path) -> None:
    """Refuse a folder with something in it before anything is fetched. Raises TargetNotEmpty."""
    if target.is_dir() and any(target.iterdir()):
        raise TargetNotEmpty(f"The folder {target} is not empty.")
