"""Restores a run to scratch and compares what comes out with the listing and the metadata."""

import hashlib
import os
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from backends.repository.modes import posix_mode
from backends.repository.reader import BlobReader, WalkedNode
from backends.repository.restore import restore_tree
from backends.repository.tree import NodeType
from backends.types import BlobId
from daemon.domain.pathtext import RawPath, write_path
from daemon.domain.sums import FileSum

#: Bits that only restoring owners makes harmless, and only root restores.
_OWNER_BITS = stat.S_ISUID | stat.S_ISGID


def rehearse_restore(
    reader: BlobReader,
    tree: BlobId,
    listing: Iterable[FileSum],
    scratch: Path,
    go_on: Callable[[], None] = lambda: None,
) -> Iterator[str]:
    """Restore everything below `scratch`, compare, remove it again.

    Compared are each regular file's SHA-256 with the listing, and type, permissions, size, mtime
    and link target of each entry with its node; owners where we are root.

    Args:
        reader: Of the repository.
        tree: Of the snapshot.
        listing: Its SHA256SUMS.
        scratch: An existing folder.
        go_on: Called now and then; what it raises ends the rehearsal.

    Yields:
        A sentence for each difference.

    Raises:
        LocalDiskFull, LocalPathUnusable, StoreError; what `listing` raises.
    """
    with tempfile.TemporaryDirectory(dir=scratch, prefix="rehearsal-") as folder:
        target = Path(folder) / "tree"
        report = restore_tree(reader, tree, target, durable=False, progress=lambda _: go_on())
        for failure in report.failures:
            yield f"{write_path(failure.path)} is not restored: {failure.reason}"
        comparison = _Comparison(
            target=os.fsencode(target),
            sums={entry.path: entry.sha256 for entry in listing},
            absent={omission.path for omission in (*report.failures, *report.skipped)},
            owners=os.geteuid() == 0,
        )
        for walked in reader.walk(tree):
            go_on()
            yield from comparison.differences(walked)
        for path in comparison.sums:
            yield f"{write_path(path)} is listed, but not in the snapshot."


@dataclass(frozen=True, slots=True, kw_only=True)
class _Comparison:
    target: bytes
    sums: dict[RawPath, bytes]
    absent: set[RawPath]
    owners: bool

    def differences(self, walked: WalkedNode) -> Iterator[str]:
        """What is wrong with one restored entry; folders come before what they hold."""
        if not walked.path or walked.path in self.absent:
            return
        place, name = self.target + b"/" + walked.path, write_path(walked.path)
        try:
            found = os.lstat(place)
        except OSError as error:
            yield f"{name} is not there after a restore: {error.strerror}."
            return
        for fact in self._wrong_facts(walked, found, place):
            yield f"{name} has another {fact} after a restore."
        if walked.node.type is NodeType.DIR:
            # Restored as it was at the source, which may keep even its owner out.
            place_mode = stat.S_IMODE(found.st_mode) | stat.S_IRWXU
            os.chmod(place, place_mode)  # noqa: PTH101 - raw bytes
        elif walked.node.type is NodeType.FILE and self._hash(place) != self.sums.pop(
            walked.path, None
        ):
            yield f"{name} has another SHA-256 after a restore than in the listing."

    def _wrong_facts(
        self, walked: WalkedNode, found: os.stat_result, place: bytes
    ) -> Iterator[str]:
        node = walked.node
        wanted = posix_mode(node.mode)
        if stat.S_IFMT(found.st_mode) != stat.S_IFMT(wanted):
            yield "type"
            return
        mask = 0o7777 if self.owners else 0o7777 & ~_OWNER_BITS
        if node.type is not NodeType.SYMLINK and (found.st_mode ^ wanted) & mask:
            yield "mode"
        if found.st_mtime_ns != node.mtime_ns:
            yield "modification time"
        if self.owners and (found.st_uid, found.st_gid) != (node.uid, node.gid):
            yield "owner"
        if node.type is NodeType.FILE and found.st_size != node.size:
            yield "size"
        if node.type is NodeType.SYMLINK and os.readlink(place) != node.link_target:  # noqa: PTH115 - raw bytes
            yield "link target"

    def _hash(self, place: bytes) -> bytes:
        try:
            descriptor = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except PermissionError:
            # Ours, but restored without the right to read it; the mode has been compared.
            os.chmod(place, stat.S_IRUSR)  # noqa: PTH101 - raw bytes
            descriptor = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
