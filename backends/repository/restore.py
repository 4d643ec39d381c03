"""Restores a tree of a repository into an empty folder.

Names that could lead out of their folder, and a second entry of one name, are reported as failures
and the rest is restored: after a disaster a copy without one file is worth having. Nothing is
dropped silently: what is not in the target, or not as it was, is in the report.
"""

import os
from collections.abc import Callable
from pathlib import Path

from backends.repository.collecting import rare_collections
from backends.repository.disguise import DisguisedMetadata
from backends.repository.filling_beside import BesideFiller, FillBounds
from backends.repository.included import include_paths
from backends.repository.parts import Wanted
from backends.repository.piece_writing import PieceWriter
from backends.repository.reader import BlobReader
from backends.repository.restore_report import Kept, RestoreLog, RestoreProgress, RestoreReport
from backends.repository.restored_files import FileFiller
from backends.repository.restored_metadata import EntryCompletion, Metadata
from backends.repository.restored_outcomes import FileOutcomes
from backends.repository.restored_pieces import RestoredFile
from backends.repository.restored_tree import TreeRestore
from backends.repository.target import Target
from backends.types import BlobId

__all__ = ["RestoreProgress", "RestoreReport", "restore_tree"]


def restore_tree(
    reader: BlobReader,
    tree: BlobId,
    target: Path,
    *,
    include: tuple[bytes, ...] = (),
    exclude: tuple[bytes, ...] = (),
    part: Wanted | None = None,
    owners: bool | None = None,
    keep_damaged: bool = False,
    disguised: bool = False,
    durable: bool = True,
    beside: BesideFiller | None = None,
    progress: Callable[[RestoreProgress], None] = lambda _: None,
) -> RestoreReport:
    """Restore everything below a tree, or the parts of it that are asked for.

    Every blob is authenticated and compared with its SHA-256 before it is written. Memory: four
    packs, 50,000 pieces of files, 20,000 entries; both processes together.

    Args:
        reader: Of the repository.
        tree: A snapshot's tree.
        target: A folder that is empty or does not exist, and is then made for us alone (0700);
            or one in which a restore of this tree was interrupted, which then goes on: what is
            there is hashed, and only what is not right is written.
        include: Patterns of paths in the snapshot, see `included`; each means what fits it, what
            is below that, and the folders above. None means everything.
        exclude: Likewise, of what to leave out.
        part: In place of both: one of several parts, see `parts`.
        owners: Restore owners and all that only they make harmless: setuid and setgid bits,
            devices, capabilities. By default exactly where we are root.
        keep_damaged: Keep a file of which some bytes cannot be read, with zeros in their place;
            it is reported as a failure either way.
        disguised: Everything as `rsync --fake-super` keeps it, see `disguise`; `owners` means
            nothing then. The target stays marked as one to go on with: the caller ends it.
        durable: Wait at the end until all is on the disk.
        beside: Another process that writes files as well; it ends with this restore.
        progress: Told from this thread after each pack.

    Raises:
        TargetNotEmpty: something else is in the target.
        LocalDiskFull, LocalPathUnusable: the target cannot be written at all.
        StoreError: the store does not answer.
        RepositoryDamaged: the tree itself cannot be read.
    """
    privileged = os.geteuid() == 0 if owners is None else owners
    place, log = Target(target, tree), RestoreLog()
    metadata: EntryCompletion = (
        DisguisedMetadata(log.shortfalls)
        if disguised
        else Metadata(owners=privileged, shortfalls=log.shortfalls)
    )
    writer = PieceWriter(place, metadata)
    outcomes = FileOutcomes(
        place,
        writer,
        keep_damaged=keep_damaged,
        on_failure=lambda file: _log_failure(log, file),
    )
    bounds = FillBounds(
        master=reader.master,
        target=place,
        shortfalls=log.shortfalls,
        owners=privileged,
        disguised=disguised,
    )
    both = None if beside is None else (beside, bounds)
    filler = FileFiller(reader, place, writer, outcomes, both)

    def on_pack() -> None:
        progress(outcomes.progress())

    run = TreeRestore(
        reader, place, metadata, filler, log, devices=privileged or disguised, on_pack=on_pack
    )
    try:
        with rare_collections():
            run.run(tree, part or include_paths(include, exclude))
        filler.stop()
        if durable:
            place.sync()
        if not disguised:
            place.finish()
    finally:
        filler.stop()
        place.close()
    on_pack()
    kept = Kept(files=outcomes.kept_files, bytes=outcomes.kept_bytes)
    return log.report(files=outcomes.files, size=outcomes.bytes, kept=kept)


def _log_failure(log: RestoreLog, file: RestoredFile) -> None:
    kept = "; it was kept, with zeros in place of what is lost" if file.exists else ""
    log.fail(file.path, file.fault + kept)
