"""Records the staging image as restic trees, from the leaves up.

Every folder becomes one tree blob. File content comes from the ledger (stored in this run), from
the parent snapshot (the staged file has not been touched since: same size, mtime, ctime, inode;
restic's own rule), or, failing both, is read now.
"""

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from backends.capture.fake_super import SourceAttributes, read_attributes
from backends.capture.ledger import Ledger
from backends.capture.packing import Packing
from backends.capture.selection import Selection
from backends.errors import LocalPathUnusable
from backends.repository.index import Index
from backends.repository.tree import Node, NodeType, encode_tree, go_mode
from backends.repository.writer import RepositoryWriter
from backends.types import BlobId, BlobKind, Omission

EMPTY_SHA256 = hashlib.sha256(b"").digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRecord:
    """One regular file as the snapshot holds it.

    Attributes:
        path: Relative to the image, raw bytes.
        size: Bytes.
        blobs: Content.
        sha256: Of the whole file, or None where an unchanged file's is not known from its blobs.
        compared: The source's checksum was compared in this run.
        unchanged: The content is the parent snapshot's; never set beside `compared`.
    """

    path: bytes
    size: int
    blobs: tuple[BlobId, ...]
    sha256: bytes | None
    compared: bool
    unchanged: bool


@dataclass(slots=True)
class ImageTotals:
    """What the walk has met so far."""

    files: int = 0
    folders: int = 0
    others: int = 0
    bytes: int = 0
    omissions: list[Omission] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """One staged entry with what its source was."""

    name: bytes
    path: bytes
    place: bytes
    stat: os.stat_result
    source: SourceAttributes


@dataclass(slots=True)
class _Folder:
    entry: _Entry | None
    selection: Selection
    known: dict[bytes, Node]
    entries: Iterator[os.DirEntry[bytes]]
    nodes: list[Node] = field(default_factory=list)


class ImageWalk:
    """One pass over the image; `store` may be called once."""

    def __init__(
        self,
        image: bytes,
        *,
        writer: RepositoryWriter,
        index: Index,
        ledger: Ledger,
        packing: Packing,
        load_tree: Callable[[BlobId], list[Node]],
        on_file: Callable[[FileRecord], None],
    ) -> None:
        self._image = image
        self._writer = writer
        self._index = index
        self._ledger = ledger
        self._packing = packing
        self._load_tree = load_tree
        self._on_file = on_file
        self.totals = ImageTotals()
        #: Trees of the parent that this image did not change, and those it wrote.
        self.trees: set[BlobId] = set()

    def store(self, selection: Selection, parent: BlobId | None) -> BlobId:
        """Write the trees of everything selected; the root tree's id.

        The order is depth first with an explicit stack: a server may nest folders deeper than
        Python recurses.

        Raises:
            StoreError, RepositoryError: from the writer.
            LocalPathUnusable: the image itself cannot be read.
        """
        stack = [self._open(None, selection, parent)]
        while True:
            folder = stack[-1]
            entry = next(folder.entries, None)
            if entry is not None:
                self._visit(stack, folder, entry)
                continue
            tree = self._save(folder)
            stack.pop()
            if not stack:
                return tree
            assert folder.entry is not None  # noqa: S101 - only the root has none
            stack[-1].nodes.append(_describe(folder.entry, NodeType.DIR, subtree=tree))

    def _open(self, entry: _Entry | None, selection: Selection, parent: BlobId | None) -> _Folder:
        place = entry.place if entry else self._image
        try:
            with os.scandir(place) as found:
                entries = [child for child in found if selection.names(child.name)]
        except OSError as error:
            raise LocalPathUnusable(
                f"Cannot read the staged folder {os.fsdecode(place)!r}: {error.strerror}."
            ) from error
        entries.sort(key=_name)
        known = {child.name: child for child in self._load_tree(parent)} if parent else {}
        return _Folder(entry, selection, known, iter(entries))

    def _visit(self, stack: list[_Folder], folder: _Folder, found: os.DirEntry[bytes]) -> None:
        entry = _look_at(found, folder.entry)
        self.totals.omissions += (
            Omission(path=entry.path, reason=problem) for problem in entry.source.problems
        )
        known = folder.known.get(found.name)
        kind = NodeType.of(entry.source.mode)
        if kind is NodeType.DIR:
            self.totals.folders += 1
            subtree = known.subtree if known else None
            stack.append(self._open(entry, folder.selection.below(found.name), subtree))
        elif kind is NodeType.FILE:
            folder.nodes.append(self._fill(entry, known))
        else:
            self.totals.others += 1
            folder.nodes.append(_describe(entry, kind))

    def _fill(self, entry: _Entry, known: Node | None) -> Node:
        record = self._take_over(entry, known) or self._take_stored(entry, known)
        self.totals.files += 1
        self.totals.bytes += record.size
        self._on_file(record)
        return _describe(entry, NodeType.FILE, content=record.blobs, size=record.size)

    def _take_over(self, entry: _Entry, known: Node | None) -> FileRecord | None:
        """The parent's content, if the staged file is the very one that the parent recorded."""
        if known is None or known.content is None or not _is_same(entry.stat, known):
            return None
        if not all(self._index.has(BlobKind.DATA, blob) for blob in known.content):
            return None
        return FileRecord(
            path=entry.path,
            size=known.size,
            blobs=known.content,
            sha256=_sha256_of(known.content),
            compared=False,
            unchanged=True,
        )

    def _take_stored(self, entry: _Entry, known: Node | None) -> FileRecord:
        """What was stored in this run, or is now.

        A file of which only the attributes changed was touched, so it is read again. Where that
        gives the parent's content, it still is what the source sent and was compared with then.
        """
        content = self._ledger.find(entry.stat) or self._packing.pack(entry.place, None)
        same = known is not None and known.content == content.blobs
        return FileRecord(
            path=entry.path,
            size=content.size,
            blobs=content.blobs,
            sha256=content.sha256,
            compared=content.compared,
            unchanged=same and not content.compared,
        )

    def _save(self, folder: _Folder) -> BlobId:
        tree = self._writer.save_blob(BlobKind.TREE, encode_tree(folder.nodes))
        self.trees.add(tree)
        return tree


def _name(entry: os.DirEntry[bytes]) -> bytes:
    return entry.name


def _sha256_of(content: tuple[BlobId, ...]) -> bytes | None:
    """A file's digest where its blobs tell it: one blob is the file; none is the empty file."""
    if len(content) > 1:
        return None
    return content[0] if content else EMPTY_SHA256


def _is_same(stat: os.stat_result, known: Node) -> bool:
    return (
        stat.st_size == known.size
        and stat.st_mtime_ns == known.mtime_ns
        and stat.st_ctime_ns == known.ctime_ns
        and stat.st_ino == known.inode
    )


def _look_at(found: os.DirEntry[bytes], parent: _Entry | None) -> _Entry:
    stat = found.stat(follow_symlinks=False)
    return _Entry(
        name=found.name,
        path=parent.path + b"/" + found.name if parent else found.name,
        place=found.path,
        stat=stat,
        source=read_attributes(found.path, stat),
    )


def _describe(
    entry: _Entry,
    kind: NodeType,
    *,
    content: tuple[BlobId, ...] | None = None,
    size: int = 0,
    subtree: BlobId | None = None,
) -> Node:
    """A node with the source's attributes and the staged file's inode, ctime and link count."""
    stat, source = entry.stat, entry.source
    return Node(
        name=entry.name,
        type=kind,
        mode=go_mode(source.mode),
        mtime_ns=stat.st_mtime_ns,
        atime_ns=stat.st_mtime_ns,
        ctime_ns=stat.st_ctime_ns,
        uid=source.uid,
        gid=source.gid,
        inode=stat.st_ino,
        device_id=stat.st_dev,
        size=size,
        links=0 if kind is NodeType.DIR else stat.st_nlink,
        link_target=source.link_target or b"",
        device=os.makedev(*source.rdev) if source.rdev else 0,
        xattrs=source.xattrs,
        content=content,
        subtree=subtree,
    )
