"""Records the staging image as restic trees, from the leaves up.

Every folder becomes one tree blob. File content comes from the ledger (stored in this run), from
the parent snapshot (the staged file has not been touched since: same size, mtime, ctime, inode;
restic's own rule), or, failing both, is read now. With an `Edition` only what it names is looked
at, and everything else is the parent's.
"""

import os
import stat as file_type
from collections.abc import Callable, Collection, Iterable

from backends.capture.contents import Contents
from backends.capture.cut import Cut
from backends.capture.doubt import is_untouched
from backends.capture.edition import Edition, ImageBase, TreeTexts
from backends.capture.entries import (
    Entry,
    FileRecord,
    Folder,
    Found,
    ImageTotals,
    consume,
    describe,
    list_folder,
    look_at,
    name_entries,
    sha256_of,
)
from backends.capture.grafting import Graft, is_due, uproot
from backends.capture.halt import Halt
from backends.capture.ledger import Ledger
from backends.capture.packing import Packing
from backends.capture.places import PLACE
from backends.capture.selection import Selection
from backends.capture.touched import Touched
from backends.repository.index import Index
from backends.repository.tree import Node, NodeType
from backends.repository.treetext import decode_entry, join_tree
from backends.repository.writer import RepositoryWriter
from backends.types import BlobId, BlobKind, Omission


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
        edition: Edition | None = None,
        load_blob: Callable[[BlobId], bytes] | None = None,
        halt: Halt | None = None,
        graft: Graft | None = None,
    ) -> None:
        """Prepare.

        `cut` says that the pull broke off, so that not all of the image counts; `edition`, that
        only part of it needs to be looked at; `load_blob` then gives the trees that it starts from;
        `graft`, what hangs onto the root.
        """
        self._cut = cut
        self._edition = edition
        self._texts = TreeTexts(load_blob)
        self._graft = graft
        self._image = image
        self._writer = writer
        self._index = index
        self._load_tree = load_tree
        self._on_file = on_file
        self._contents = Contents(
            index=index,
            ledger=ledger,
            packing=packing,
            load_tree=load_tree,
            sha256_before=sha256_before,
            cut=cut,
            halt=halt,
        )
        self.totals = edition.base.totals() if edition else ImageTotals()
        #: Paths of staged entries that are not in the trees, of a pull that broke off.
        self.left_out: set[bytes] = set()
        #: Packs that were there before and hold something of this image.
        self.packs: set[bytes] = set(edition.base.packs) if edition else set()
        #: Inode by path of entries with several names.
        self.links: dict[bytes, int] = dict(edition.base.links) if edition else {}

    def store(self, selection: Selection, parent: BlobId | None) -> BlobId:
        """Write the trees of everything selected; the root tree's id.

        The order is depth first with an explicit stack: a server may nest folders deeper than
        Python recurses.

        Raises:
            StoreError, RepositoryError: from the writer.
            LocalPathUnusable: the image itself cannot be read.
            EditImpossibleError: the parent cannot be edited.
        """
        self._contents.parent = parent
        touched = self._edition.touched if self._edition else None
        stack = [self._open(b"", self._image, selection, parent, touched)]
        self._uproot(stack[0])
        while True:
            folder = stack[-1]
            entry = next(folder.entries, None)
            if self._graft is not None and len(stack) == 1 and is_due(entry):
                self._hang(self._graft, folder)
            if entry is not None:
                self._visit(stack, folder, entry)
                continue
            tree = self._save(folder)
            stack.pop()
            if not stack:
                return tree
            stack[-1].add(folder.describe(tree))

    def base(self, tree: BlobId, written: Collection[bytes]) -> ImageBase:
        """What is known of the image now that its packs, `written` ones among them, are stored."""
        return ImageBase(
            tree=tree,
            files=self.totals.files,
            folders=self.totals.folders,
            others=self.totals.others,
            total_bytes=self.totals.bytes,
            packs=frozenset(self.packs).union(written),
            links=self.links,
        )

    def _open(
        self,
        path: bytes,
        place: bytes,
        selection: Selection,
        tree: BlobId | None,
        touched: Touched | None,
        *,
        itself: Node | None = None,
        entry: Entry | None = None,
    ) -> Folder:
        kept: dict[bytes, bytes] = {}
        if touched is None:
            found, known = list_folder(place, selection), self._load_known(tree)
        else:
            names = touched.names()
            found = name_entries(place, selection, names)
            kept = self._texts.entries(tree) if tree else {}
            texts = ((name, kept.pop(name, None)) for name in names)
            known = {name: decode_entry(text) for name, text in texts if text is not None}
        return Folder(
            path=path,
            place=place,
            entry=entry,
            itself=itself,
            selection=selection,
            parent=tree,
            known=known,
            entries=consume(found),
            below=touched,
            kept=kept,
        )

    def _uproot(self, root: Folder) -> None:
        old = uproot(root)
        if old is not None and self._edition is not None:
            self._take_out(self._edition, PLACE, old, None)

    def _hang(self, graft: Graft, root: Folder) -> None:
        self.totals.folders += len(graft.trees)
        self._note_packs(BlobKind.TREE, graft.trees)
        for file in graft.files:
            self._note_packs(BlobKind.DATA, file.stored.blobs)
            self._report(file.record)
        root.add(graft.node)
        self._graft = None

    def _load_known(self, tree: BlobId | None) -> dict[bytes, Node]:
        if tree is None:
            return {}
        nodes = self._texts.nodes(tree) if self._edition else self._load_tree(tree)
        return {node.name: node for node in nodes}

    def _visit(self, stack: list[Folder], folder: Folder, found: Found) -> None:
        path = folder.path + b"/" + found.name if folder.path else found.name
        known = folder.known.get(found.name)
        stat = self._stat(found)
        if self._edition is not None and known is not None:
            self._take_out(self._edition, path, known, stat)
        if stat is None:
            if self._cut is not None:
                # rsync names a file just before it moves it here: who waits for it looks again.
                self.left_out.add(path)
            return
        if known is not None and is_untouched(stat, known):
            if known.type is NodeType.DIR:
                stack.append(self._enter(folder, found, path, known=known, itself=known))
                return
            if self._keep(path, known):
                self._add(folder, path, known)
                return
        self._record(stack, folder, found, look_at(found, path, stat), known)

    def _stat(self, found: Found) -> os.stat_result | None:
        try:
            return found.stat(follow_symlinks=False)
        except FileNotFoundError:
            if self._edition is None:
                raise
            return None

    def _take_out(
        self, edition: Edition, path: bytes, known: Node, stat: os.stat_result | None
    ) -> None:
        """Count an entry of the parent off; if it is still there, it is counted again."""
        self.links.pop(path, None)
        if known.type is not NodeType.DIR:
            self.totals.take_off(known)
        elif stat is not None and file_type.S_ISDIR(stat.st_mode):
            self.totals.folders -= 1
            return
        else:
            self._take_out_below(path, known)
        edition.removed.append(path)

    def _take_out_below(self, path: bytes, known: Node) -> None:
        """Count a folder of the parent off with all that is in it."""
        pending = [(path, known)]
        while pending:
            path, node = pending.pop()
            self.links.pop(path, None)
            self.totals.take_off(node)
            below = self._load_known(node.subtree).values()
            pending += ((path + b"/" + child.name, child) for child in below)

    def _enter(
        self,
        folder: Folder,
        found: Found,
        path: bytes,
        *,
        known: Node | None,
        itself: Node | None = None,
        entry: Entry | None = None,
    ) -> Folder:
        self.totals.folders += 1
        subtree = known.subtree if known else None
        # What is new is looked at as a whole, whatever was said of it.
        touched = folder.below.below(found.name) if folder.below and subtree else None
        selection = folder.selection.below(found.name)
        return self._open(path, found.path, selection, subtree, touched, itself=itself, entry=entry)

    def _add(self, folder: Folder, path: bytes, node: Node) -> None:
        if node.links > 1:
            self.links[path] = node.inode
        folder.add(node)

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
                sha256=sha256_of(known.content),
                compared=False,
                unchanged=True,
            )
        )
        return True

    def _record(
        self,
        stack: list[Folder],
        folder: Folder,
        found: Found,
        entry: Entry,
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
            self._add(folder, entry.path, describe(entry, kind))

    def _fill(self, folder: Folder, entry: Entry, known: Node | None) -> None:
        record = self._contents.find(entry, known)
        if record is None:
            self.left_out.add(entry.path)
            return
        self._note_packs(BlobKind.DATA, record.blobs)
        self._report(record)
        node = describe(entry, NodeType.FILE, content=record.blobs, size=record.size)
        self._add(folder, entry.path, node)

    def _report(self, record: FileRecord) -> None:
        self.totals.files += 1
        self.totals.bytes += record.size
        self._on_file(record)

    def _note_packs(self, kind: BlobKind, blobs: Iterable[BlobId]) -> None:
        for blob in blobs:
            if (pack := self._index.pack_of(kind, blob)) is not None:
                self.packs.add(pack)

    def _save(self, folder: Folder) -> BlobId:
        parent = folder.parent
        if parent is not None and folder.is_untouched and self._index.has(BlobKind.TREE, parent):
            tree = parent
        else:
            text = join_tree(folder.kept, consume(folder.nodes))
            tree = self._writer.save_blob(BlobKind.TREE, text)
        self._note_packs(BlobKind.TREE, (tree,))
        return tree
