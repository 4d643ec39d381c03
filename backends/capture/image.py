"""Records the staging image as restic trees, from the leaves up.

Every folder becomes one tree blob. File content comes from the ledger (stored in this run), from
the parent snapshot (the staged file has not been touched since: same size, mtime, ctime, inode;
restic's own rule), or, failing both, is read now.
"""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from backends.capture.cut import Cut, may_be_kept
from backends.capture.doubt import is_untouched
from backends.capture.fake_super import SourceAttributes, read_attributes
from backends.capture.halt import Halt, NoHalt
from backends.capture.ledger import Ledger, StoredContent
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


@dataclass(slots=True, kw_only=True)
class _Folder:
    """One folder on the way; `entry` describes it, or `itself` where it is untouched."""

    path: bytes
    place: bytes
    entry: _Entry | None = None
    itself: Node | None = None
    selection: Selection
    parent: BlobId | None
    known: dict[bytes, Node]
    entries: Iterator[os.DirEntry[bytes]]
    nodes: list[Node] = field(default_factory=list)
    touched: bool = False

    def add(self, node: Node) -> None:
        """The next entry, which may be the parent's own."""
        self.nodes.append(node)
        if self.known.get(node.name) is not node:
            self.touched = True

    @property
    def is_untouched(self) -> bool:
        """Whether its tree is the parent's, to the byte."""
        return not self.touched and len(self.nodes) == len(self.known)

    def describe(self, tree: BlobId) -> Node:
        """Its node, now that its tree is known."""
        if self.itself is not None:
            return self.itself if self.itself.subtree == tree else self.itself.with_subtree(tree)
        assert self.entry is not None  # noqa: S101 - only the root has neither
        return _describe(self.entry, NodeType.DIR, subtree=tree)


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
        sha256_before: Callable[[bytes], bytes | None],
        cut: Cut | None = None,
        halt: Halt | None = None,
    ) -> None:
        """Prepare; `cut` says that the pull broke off, so that not all of the image counts."""
        self._cut = cut
        self._halt = halt or NoHalt()
        self._image = image
        self._writer = writer
        self._index = index
        self._ledger = ledger
        self._packing = packing
        self._load_tree = load_tree
        self._on_file = on_file
        self._sha256_before = sha256_before
        self.totals = ImageTotals()
        #: Paths of staged entries that are not in the trees, of a pull that broke off.
        self.left_out: set[bytes] = set()
        self._refused: set[int] = set()
        #: Packs that were there before and hold something of this image.
        self.packs: set[bytes] = set()

    def store(self, selection: Selection, parent: BlobId | None) -> BlobId:
        """Write the trees of everything selected; the root tree's id.

        The order is depth first with an explicit stack: a server may nest folders deeper than
        Python recurses.

        Raises:
            StoreError, RepositoryError: from the writer.
            LocalPathUnusable: the image itself cannot be read.
        """
        root = _Folder(
            path=b"",
            place=self._image,
            selection=selection,
            parent=parent,
            known=self._load_known(parent),
            entries=self._list(self._image, selection),
        )
        stack = [root]
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
            stack[-1].add(folder.describe(tree))

    def _list(self, place: bytes, selection: Selection) -> Iterator[os.DirEntry[bytes]]:
        try:
            with os.scandir(place) as found:
                entries = [child for child in found if selection.names(child.name)]
        except OSError as error:
            raise LocalPathUnusable(
                f"Cannot read the staged folder {os.fsdecode(place)!r}: {error.strerror}."
            ) from error
        entries.sort(key=_name)
        return iter(entries)

    def _load_known(self, tree: BlobId | None) -> dict[bytes, Node]:
        return {node.name: node for node in self._load_tree(tree)} if tree else {}

    def _visit(self, stack: list[_Folder], folder: _Folder, found: os.DirEntry[bytes]) -> None:
        stat = found.stat(follow_symlinks=False)
        path = folder.path + b"/" + found.name if folder.path else found.name
        known = folder.known.get(found.name)
        if known is not None and is_untouched(stat, known):
            if known.type is NodeType.DIR:
                stack.append(self._enter(folder, found, path, known=known, itself=known))
                return
            if self._keep(path, known):
                folder.add(known)
                return
        self._record(stack, folder, found, _look_at(found, path, stat), known)

    def _enter(
        self,
        folder: _Folder,
        found: os.DirEntry[bytes],
        path: bytes,
        *,
        known: Node | None,
        itself: Node | None = None,
        entry: _Entry | None = None,
    ) -> _Folder:
        self.totals.folders += 1
        selection = folder.selection.below(found.name)
        subtree = known.subtree if known else None
        return _Folder(
            path=path,
            place=found.path,
            entry=entry,
            itself=itself,
            selection=selection,
            parent=subtree,
            known=self._load_known(subtree),
            entries=self._list(found.path, selection),
        )

    def _keep(self, path: bytes, known: Node) -> bool:
        """Take an untouched entry over from the parent; False where its content is not there."""
        if known.type is not NodeType.FILE:
            self.totals.others += 1
            return True
        if known.content is None:
            return False  # only a foreign or damaged tree has such a file
        packs = [self._index.pack_of(BlobKind.DATA, blob) for blob in known.content]
        if None in packs:
            return False
        self.packs.update(pack for pack in packs if pack is not None)
        self._report(
            FileRecord(
                path=path,
                size=known.size,
                blobs=known.content,
                sha256=_sha256_of(known.content),
                compared=False,
                unchanged=True,
            )
        )
        return True

    def _record(
        self,
        stack: list[_Folder],
        folder: _Folder,
        found: os.DirEntry[bytes],
        entry: _Entry,
        known: Node | None,
    ) -> None:
        """Describe an entry that is new or was touched."""
        if self._cut is not None and self._cut.is_in_doubt(entry.stat):
            self.left_out.add(entry.path)
            return
        self.totals.omissions += (
            Omission(path=entry.path, reason=problem) for problem in entry.source.problems
        )
        kind = NodeType.of(entry.source.mode)
        if kind is NodeType.DIR:
            stack.append(self._enter(folder, found, entry.path, known=known, entry=entry))
        elif kind is NodeType.FILE:
            self._fill(folder, entry, known)
        else:
            self.totals.others += 1
            folder.add(_describe(entry, kind))

    def _fill(self, folder: _Folder, entry: _Entry, known: Node | None) -> None:
        record = self._take_stored(entry, known)
        if record is None:
            self.left_out.add(entry.path)
            return
        self._note_packs(BlobKind.DATA, record.blobs)
        self._report(record)
        folder.add(_describe(entry, NodeType.FILE, content=record.blobs, size=record.size))

    def _report(self, record: FileRecord) -> None:
        self.totals.files += 1
        self.totals.bytes += record.size
        self._on_file(record)

    def _note_packs(self, kind: BlobKind, blobs: Iterable[BlobId]) -> None:
        for blob in blobs:
            if (pack := self._index.pack_of(kind, blob)) is not None:
                self.packs.add(pack)

    def _take_stored(self, entry: _Entry, known: Node | None) -> FileRecord | None:
        """What was stored in this run, or is now; None where it is left out.

        A file of which only the attributes changed was touched, so it is read again. Where that
        gives the parent's content, it still is what the source sent and was compared with then.
        """
        stored = self._find(entry.stat)
        content = stored or self._read(entry, known)
        if content is None:
            return None
        same = not content.compared and self._is_as_before(entry.path, content, known)
        if self._cut and not same and (stored is None or stored.doubtful):
            self._refused.add(entry.stat.st_ino)
            return None
        return FileRecord(
            path=entry.path,
            size=content.size,
            blobs=content.blobs,
            sha256=content.sha256,
            compared=content.compared,
            unchanged=same,
        )

    def _find(self, stat: os.stat_result) -> StoredContent | None:
        return None if stat.st_ino in self._refused else self._ledger.find(stat)

    def _read(self, entry: _Entry, known: Node | None) -> StoredContent | None:
        if self._cut is not None and not may_be_kept(entry.stat, known):
            return None
        content = self._packing.pack(entry.place, None)
        if content is None and not self._halt.is_over():
            raise LocalPathUnusable(
                f"The staged file {os.fsdecode(entry.place)!r} was removed while it was read.",
                hint="Nobody but Lapseguard may write to the staging folder.",
            )
        return content

    def _is_as_before(self, path: bytes, content: StoredContent, known: Node | None) -> bool:
        """Whether the parent snapshot had the same content, also where its folder is damaged."""
        if known is not None and known.content == content.blobs:
            return True
        return self._sha256_before(path) == content.sha256

    def _save(self, folder: _Folder) -> BlobId:
        parent = folder.parent
        if parent is not None and folder.is_untouched and self._index.has(BlobKind.TREE, parent):
            tree = parent
        else:
            tree = self._writer.save_blob(BlobKind.TREE, encode_tree(folder.nodes))
        self._note_packs(BlobKind.TREE, (tree,))
        return tree


def _name(entry: os.DirEntry[bytes]) -> bytes:
    return entry.name


def _sha256_of(content: tuple[BlobId, ...]) -> bytes | None:
    """A file's digest where its blobs tell it: one blob is the file; none is the empty file."""
    if len(content) > 1:
        return None
    return content[0] if content else EMPTY_SHA256


def _look_at(found: os.DirEntry[bytes], path: bytes, stat: os.stat_result) -> _Entry:
    return _Entry(
        name=found.name,
        path=path,
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
