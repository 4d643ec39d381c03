"""Records the staging image as restic trees, from the leaves up.

Every folder becomes one tree blob. File content comes from the ledger (stored in this run), from
the parent snapshot (the staged file has not been touched since: same size, mtime, ctime, inode;
restic's own rule), or, failing both, is read now.
"""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRecord:
    """One regular file as the snapshot holds it.

    Attributes:
        path: Relative to the image, raw bytes.
        size: Bytes.
        blobs: Content.
        sha256: Of the whole file, or None where an unchanged file's is not known from its blobs.
        compared: The source's checksum was compared in this run.
        unchanged: The content was taken over from the parent snapshot.
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


@dataclass(slots=True)
class _Folder:
    path: bytes
    node: Node | None
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
        stack = [self._open(b"", None, selection, parent)]
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
            assert folder.node is not None  # noqa: S101 - only the root has none
            stack[-1].nodes.append(folder.node.with_subtree(tree))

    def _open(
        self, path: bytes, node: Node | None, selection: Selection, parent: BlobId | None
    ) -> _Folder:
        try:
            with os.scandir(self._image + b"/" + path) as found:
                entries = [entry for entry in found if selection.names(entry.name)]
        except OSError as error:
            raise LocalPathUnusable(
                f"Cannot read the staged folder {os.fsdecode(path)!r}: {error.strerror}."
            ) from error
        entries.sort(key=_name)
        known = {child.name: child for child in self._load_tree(parent)} if parent else {}
        return _Folder(path, node, selection, known, iter(entries))

    def _visit(self, stack: list[_Folder], folder: _Folder, entry: os.DirEntry[bytes]) -> None:
        path = folder.path + b"/" + entry.name if folder.path else entry.name
        stat = entry.stat(follow_symlinks=False)
        attributes = read_attributes(entry.path, stat)
        known = folder.known.get(entry.name)
        if entry.is_dir(follow_symlinks=False):
            self.totals.folders += 1
            subtree = known.subtree if known else None
            node = _describe(entry.name, stat, attributes, NodeType.DIR)
            selection = folder.selection.below(entry.name)
            stack.append(self._open(path, node, selection, subtree))
        else:
            node = _describe(entry.name, stat, attributes, NodeType.of(attributes.mode))
            if node.type is NodeType.FILE:
                node = self._fill(path, entry.path, stat, node, known)
            else:
                self.totals.others += 1
            folder.nodes.append(node)

    def _fill(
        self, path: bytes, place: bytes, stat: os.stat_result, node: Node, known: Node | None
    ) -> Node:
        record = self._take_over(path, stat, known) or self._take_stored(path, place, stat)
        self.totals.files += 1
        self.totals.bytes += record.size
        self._on_file(record)
        return node.with_content(record.blobs, record.size)

    def _take_over(
        self, path: bytes, stat: os.stat_result, known: Node | None
    ) -> FileRecord | None:
        """The parent's content, if the staged file is the very one that the parent recorded."""
        if known is None or known.content is None or not _is_same(stat, known):
            return None
        if not all(self._index.has(BlobKind.DATA, blob) for blob in known.content):
            return None
        return FileRecord(
            path=path,
            size=stat.st_size,
            blobs=known.content,
            sha256=known.content[0] if len(known.content) == 1 else None,
            compared=False,
            unchanged=True,
        )

    def _take_stored(self, path: bytes, place: bytes, stat: os.stat_result) -> FileRecord:
        content = self._ledger.find(stat) or self._packing.pack(place, None)
        return FileRecord(
            path=path,
            size=content.size,
            blobs=content.blobs,
            sha256=content.sha256,
            compared=content.compared,
            unchanged=False,
        )

    def _save(self, folder: _Folder) -> BlobId:
        tree = self._writer.save_blob(BlobKind.TREE, encode_tree(folder.nodes))
        self.trees.add(tree)
        return tree


def _name(entry: os.DirEntry[bytes]) -> bytes:
    return entry.name


def _is_same(stat: os.stat_result, known: Node) -> bool:
    return (
        stat.st_size == known.size
        and stat.st_mtime_ns == known.mtime_ns
        and stat.st_ctime_ns == known.ctime_ns
        and stat.st_ino == known.inode
    )


def _describe(
    name: bytes, stat: os.stat_result, attributes: SourceAttributes, kind: NodeType
) -> Node:
    """A node with the source's attributes and the staged file's inode, ctime and link count."""
    return Node(
        name=name,
        type=kind,
        mode=go_mode(attributes.mode),
        mtime_ns=stat.st_mtime_ns,
        atime_ns=stat.st_mtime_ns,
        ctime_ns=stat.st_ctime_ns,
        uid=attributes.uid,
        gid=attributes.gid,
        inode=stat.st_ino,
        device_id=stat.st_dev,
        links=stat.st_nlink,
        link_target=attributes.link_target or b"",
        device=os.makedev(*attributes.rdev) if attributes.rdev else 0,
        xattrs=attributes.xattrs,
    )
