"""Gives a run's data back."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from backends.errors import TargetNotEmpty
from backends.protocols import ObjectStore
from backends.repository.filling_beside import BesideFiller
from backends.repository.included import include_paths
from backends.repository.index import Index
from backends.repository.marker import is_marker
from backends.repository.mending import recover_index
from backends.repository.parts import Part, cut_into_parts
from backends.repository.reader import BlobReader
from backends.repository.restore import restore_tree
from backends.repository.restore_report import RestoreProgress, RestoreReport
from backends.repository.tree import Node
from backends.types import BlobId, BlobKind
from daemon.domain.manifest_document import SignedManifest
from daemon.domain.pathtext import RawPath, write_path
from daemon.errors import NotFound
from daemon.services.destination import Destination, hold_reading_lock, open_repository
from daemon.services.earlier_sums import EarlierSums
from daemon.services.loading import Loading, loadings
from daemon.services.restore_preview import RestorePreview, preview_restore


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreOrder:
    """What is to be restored, and where to.

    Attributes:
        target: An empty folder, one that does not exist, or one where a restore of the same was
            interrupted.
        include: Patterns of paths on the server, see `backends.repository.included`; each means
            what fits it and everything below. None: everything.
        exclude: Likewise, of what to leave out.
        owners: Restore owners, setuid bits and devices; None: exactly where we are root.
    """

    target: Path
    include: tuple[RawPath, ...] = ()
    exclude: tuple[RawPath, ...] = ()
    owners: bool | None = None


def alone(_: ObjectStore) -> AbstractContextManager[None]:
    """No other process. Stands in for `fill_beside`."""
    return nullcontext()


class Restoration:
    """What a manifest describes, opened for reading.

    The tree is the manifest's, not the newest: what is given back is what was signed for.
    """

    def __init__(
        self, signed: SignedManifest, reader: BlobReader, beside: BesideFiller | None = None
    ) -> None:
        self.manifest = signed.manifest
        self.tree = BlobId(bytes.fromhex(signed.manifest.repository.tree))
        self._reader = reader
        self._beside = beside

    def preview(self, order: RestoreOrder) -> RestorePreview:
        """Add up what would be restored. Raises StoreError."""
        return preview_restore(self._reader, self.tree, order.include, order.exclude)

    def read(self, path: RawPath) -> bytes:
        """One file's content.

        Raises:
            NotFound: there is no such file.
            StoreError, RepositoryDamaged.
        """
        *folders, name = path.strip(b"/").split(b"/")
        tree: BlobId | None = self.tree
        for folder in folders:
            tree = self._entry(tree, folder, path).subtree
        content = self._entry(tree, name, path).content or ()
        return b"".join(self._reader.load(blob, BlobKind.DATA) for blob in content)

    def sums(self) -> Iterator[bytes]:
        """The SHA256SUMS listing of all files, part by part.

        The iterator raises ManifestInvalid behind the last part where it is not the listing that
        the manifest names.

        Raises:
            ManifestInvalid, StoreError, RepositoryDamaged.
        """
        known = EarlierSums.stored(self._reader.store, self.manifest.sums)
        return known.text_of(lambda: self._reader.walk(self.tree))

    def _entry(self, tree: BlobId | None, name: bytes, path: RawPath) -> Node:
        entries = [] if tree is None else self._reader.load_tree(tree)
        found = [entry for entry in entries if entry.name == name]
        if not found:
            raise NotFound(f"The run {self.manifest.run} has no {write_path(path)}.")
        return found[0]

    def loadings(self, order: RestoreOrder, root: str) -> tuple[Loading, ...]:
        """How the dumps are loaded that come back with what is ordered; `root` stands for `/`."""
        return loadings(self.manifest.beside, root, include=order.include, exclude=order.exclude)

    def cut(self, order: RestoreOrder, limit: int) -> Iterator[Part]:
        """Cut what is ordered into parts of so many bytes at most; see `cut_into_parts`."""
        wanted = include_paths(order.include, order.exclude)
        return cut_into_parts(self._reader, self.tree, wanted, limit)

    def restore(
        self,
        order: RestoreOrder,
        progress: Callable[[RestoreProgress], None],
        *,
        disguised: bool = False,
        part: Part | None = None,
    ) -> RestoreReport:
        """Restore what is ordered; see `restore_tree`, also for what it raises."""
        return restore_tree(
            self._reader,
            self.tree,
            order.target,
            include=order.include,
            exclude=order.exclude,
            part=part,
            owners=order.owners,
            disguised=disguised,
            durable=not disguised,
            beside=None if part else self._beside,
            progress=progress,
        )


@contextmanager
def open_restoration(
    destination: Destination,
    signed: SignedManifest,
    filling: Callable[[ObjectStore], AbstractContextManager[BesideFiller | None]] = alone,
) -> Iterator[Restoration]:
    """Open the repository of a run, locked against pruning where the store allows it.

    Args:
        destination: Nothing has been asked of its store yet.
        signed: Of the run.
        filling: Has files written in another process as well, for one restore.

    Raises:
        StoreError, RepositoryError, SecretError.
    """
    with closing(destination.store), filling(destination.store) as beside:
        repository = open_repository(destination)
        loaded: list[Index] = []
        with hold_reading_lock(repository, lambda: loaded.append(recover_index(repository))):
            index = loaded[0] if loaded else recover_index(repository)
            yield Restoration(signed, BlobReader(repository, index), beside)


def check_target(target: Path) -> None:
    """Refuse a folder with something in it before anything is fetched.

    One with an interrupted restore passes: of what, only the restore itself can tell.

    Raises:
        TargetNotEmpty: something is in it.
    """
    if not target.is_dir():
        return
    names = [os.fsencode(entry.name) for entry in target.iterdir()]
    if names and not any(map(is_marker, names)):
        raise TargetNotEmpty(f"The folder {target} is not empty.")
