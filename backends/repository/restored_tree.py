"""Walks a tree and makes its entries in a target: one batch after the other, memory bounded."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from backends.errors import RepositoryDamaged
from backends.repository.names import name_fault
from backends.repository.parts import Wanted
from backends.repository.reader import BlobReader, join, subtree_of
from backends.repository.restore_report import RestoreLog
from backends.repository.restored_files import FileFiller, Filling
from backends.repository.restored_links import FirstName, HardLinks
from backends.repository.restored_metadata import EntryCompletion
from backends.repository.restored_pieces import RestoredFile
from backends.repository.target import Target, hopeless
from backends.repository.tree import Node, NodeType
from backends.types import BlobId

#: Entries planned before they are made, about a kilobyte each; as many again are being made.
_MOST_ENTRIES: Final = 10_000
#: How many the first time, so that there is soon something to be made.
_FIRST_ENTRIES: Final = 1_000
_DEVICES: Final = (NodeType.DEV, NodeType.CHARDEV)
_UNKNOWN: Final = (NodeType.INVALID, NodeType.IRREGULAR)


@dataclass(slots=True)
class _Folder:
    path: bytes
    node: Node | None
    wanted: Wanted
    entries: Iterator[Node]
    parent: "_Folder | None" = None
    #: None until something in it is wanted; False where it could not be made.
    made: bool | None = None
    names: set[bytes] = field(default_factory=set)


@dataclass(slots=True)
class _Batch:
    """Entries that are made together: files first, since nothing is ever written through a link."""

    others: list[tuple[bytes, Node]] = field(default_factory=list)
    further: list[tuple[FirstName, bytes, Node]] = field(default_factory=list)
    #: Folders whose entries are all planned, children before parents.
    left: list[tuple[bytes, Node]] = field(default_factory=list)
    entries: int = 0
    #: Folders that stay open to us, because an inode in them may get another name.
    awaited: frozenset[bytes] = frozenset()
    filling: Filling = field(default_factory=Filling)


class TreeRestore:
    """One restore; `run` may be called once.

    Args:
        reader: Of the repository.
        target: Where entries are made.
        metadata: Completes them.
        filler: Makes regular files and fills them.
        log: Told what happened.
        devices: Whether device files are made.
        on_pack: Called in this thread after each pack.
    """

    def __init__(
        self,
        reader: BlobReader,
        target: Target,
        metadata: EntryCompletion,
        filler: FileFiller,
        log: RestoreLog,
        *,
        devices: bool,
        on_pack: Callable[[], None],
    ) -> None:
        self._reader = reader
        self._target = target
        self._metadata = metadata
        self._filler = filler
        self._log = log
        self._devices = devices
        self._on_pack = on_pack
        self._links = HardLinks()
        self._planned, self._under_way = _Batch(), _Batch()
        self._most = _FIRST_ENTRIES

    def run(self, tree: BlobId, wanted: Wanted) -> None:
        """Make everything that is wanted of a tree.

        Raises:
            LocalError, StoreError: it cannot go on.
            RepositoryDamaged: the tree itself cannot be read.
        """
        root = _Folder(b"", None, wanted, iter(self._reader.load_tree(tree)), made=True)
        stack = [root]
        while stack:
            folder = stack[-1]
            node = next(folder.entries, None)
            if node is None:
                self._leave(stack.pop())
            elif (below := self._visit(folder, node)) is not None:
                stack.append(below)
            if self._planned.entries >= min(self._most, _MOST_ENTRIES):
                self._hand_over()
        self._hand_over()
        # Whoever still awaits a name by now has it outside of what was saved.
        last, self._under_way = self._under_way, _Batch()
        last.awaited = frozenset()
        self._complete(last)
        for path in wanted.unmet():
            self._log.fail(path, "the snapshot has no such path")

    def _visit(self, folder: _Folder, node: Node) -> _Folder | None:
        wanted = folder.wanted.below(node.name)
        if wanted is None:
            return None
        fault = name_fault(node.name) or (
            "its folder has another entry of this name" if node.name in folder.names else ""
        )
        folder.names.add(node.name)
        if fault:
            self._log.fail(join(folder.path, node.name), fault)
            return None
        if node.type is NodeType.DIR:
            return self._enter(folder, node, wanted)
        if wanted.whole and self._make(folder):
            self._plan(folder.path, node)
        return None

    def _enter(self, parent: _Folder, node: Node, wanted: Wanted) -> _Folder | None:
        path = join(parent.path, node.name)
        folder = _Folder(path, node, wanted, iter(()), parent)
        if wanted.whole and not self._make(folder):
            return None
        try:
            folder.entries = iter(self._reader.load_tree(subtree_of(node)))
        except RepositoryDamaged as error:
            self._log.fail(path, f"what is in this folder is lost: {error}")
        return folder

    def _make(self, folder: _Folder) -> bool:
        """Make a folder, and those above it, once something in it is wanted."""
        missing = []
        above: _Folder | None = folder
        while above is not None and above.made is None:
            missing.append(above)
            above = above.parent
        made = above is None or above.made is True
        for each in reversed(missing):
            made = each.made = made and self._make_one(each)
        return made

    def _make_one(self, folder: _Folder) -> bool:
        parent, _, name = folder.path.rpartition(b"/")
        made = self._attempt(folder.path, lambda: self._target.make_folder(parent, name))
        self._log.folders += made
        return made

    def _leave(self, folder: _Folder) -> None:
        if folder.node is not None and folder.made:
            self._planned.left.append((folder.path, folder.node))
            self._planned.entries += 1

    def _plan(self, folder: bytes, node: Node) -> None:
        path = join(folder, node.name)
        if node.type is NodeType.SOCKET:
            self._log.skip(path, "a socket is made by the program that listens on it")
        elif node.type in _DEVICES and not self._devices:
            self._log.skip(path, "devices are restored only together with owners")
        elif node.type in _UNKNOWN:
            self._log.fail(path, "it is of a type that does not exist here")
        else:
            self._planned.entries += 1
            self._plan_known(folder, node)

    def _plan_known(self, folder: bytes, node: Node) -> None:
        first = self._links.meet(folder, node)
        if first is not None:
            self._planned.further.append((first, folder, node))
        elif node.type is NodeType.FILE:
            file = RestoredFile(folder, node)
            if self._filler.plan_one(file):
                return
            for _ in self._filler.plan(file):
                self._hand_over()
            if self._target.resumed:
                self._on_pack()
        else:
            self._planned.others.append((folder, node))

    def _hand_over(self) -> None:
        """Have made what is planned, and see to the end of what was handed over before."""
        batch, before = self._planned, self._under_way
        batch.filling, batch.awaited = self._filler.begin(), frozenset(self._links.awaited())
        self._planned, self._under_way, self._most = _Batch(), batch, 2 * self._most
        self._complete(before)

    def _complete(self, batch: _Batch) -> None:
        """Make the rest of a batch, and complete its folders; one that is awaited stays open."""
        batch.filling.wait(self._on_pack)
        for folder, node in batch.others:
            made = self._attempt(join(folder, node.name), partial(self._make_other, folder, node))
            self._log.others += made
        for first, folder, node in batch.further:
            self._log.links += self._link(first, folder, node)
        for path, node in batch.left:
            if path not in batch.awaited:
                self._attempt(path, partial(self._complete_folder, path, node))
        self._under_way.left[:0] = [left for left in batch.left if left[0] in batch.awaited]

    def _make_other(self, folder: bytes, node: Node) -> None:
        self._target.clear(folder, node.name)
        with self._target.hold_folder(folder) as place:
            self._metadata.make_other(place, node, join(folder, node.name))

    def _link(self, first: FirstName, folder: bytes, node: Node) -> bool:
        def link() -> None:
            self._target.clear(folder, node.name)
            self._target.link((first.folder, first.name), folder, node.name)

        original = join(first.folder, first.name)
        prefix = f"it is a hard link of {original!r}: "
        return self._attempt(join(folder, node.name), link, prefix)

    def _complete_folder(self, path: bytes, node: Node) -> None:
        with self._target.hold_folder(path) as descriptor:
            self._metadata.apply_to_open(descriptor, node, path)
        self._target.release_folder(path)

    def _attempt(self, path: bytes, step: Callable[[], None], prefix: str = "") -> bool:
        try:
            step()
        except OSError as error:
            if (fatal := hopeless(error, self._target.path)) is not None:
                raise fatal from error
            self._log.fail(path, prefix + (error.strerror or str(error)))
            return False
        return True
