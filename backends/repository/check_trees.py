"""Checks snapshots and everything they refer to, visiting each different tree once."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from backends.errors import RepositoryDamaged
from backends.repository.findings import Findings, Problem, ProblemKind, Victim
from backends.repository.names import name_fault
from backends.repository.pack import pack_key
from backends.repository.reader import BlobReader, join
from backends.repository.tree import NodeType
from backends.repository.treeoutline import TreeEntry
from backends.types import BlobId, BlobKind

_NULL = bytes(32)
_NO_NAMES = (b"", b".", b"..")
_UNKNOWN = (NodeType.INVALID, NodeType.IRREGULAR)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Folder:
    tree: BlobId
    place: Victim


class TreeCheck:
    """Walks the trees of snapshots; remembers the trees it has seen, 32 bytes each."""

    def __init__(self, reader: BlobReader, findings: Findings) -> None:
        self._reader = reader
        self._findings = findings
        self._seen: set[BlobId] = set()

    @property
    def trees(self) -> int:
        """How many different trees it met."""
        return len(self._seen)

    def check(self, snapshot: str, tree: BlobId) -> None:
        """Look at everything below a snapshot's tree that was not looked at before.

        Raises:
            StoreError: the store does not answer.
        """
        pending = [_Folder(tree=tree, place=Victim(snapshot=snapshot, path=b""))]
        while pending:
            folder = pending.pop()
            if folder.tree not in self._seen:
                self._seen.add(folder.tree)
                pending.extend(self._visit(folder))

    def _visit(self, folder: _Folder) -> list[_Folder]:
        try:
            nodes = self._reader.outline_tree(folder.tree)
        except RepositoryDamaged as error:
            self._report_tree(folder, error)
            return []
        if _are_names_fine([node.name for node in nodes]) and self._are_files_whole(nodes):
            nodes = [node for node in nodes if node.type is not NodeType.FILE]
        else:
            self._check_names(folder, nodes)
        return list(self._check_nodes(folder, nodes))

    def _are_files_whole(self, nodes: Iterable[TreeEntry]) -> bool:
        """Whether nothing is to be told of any file; asked of all at once, and nearly always so."""
        contents = [node.content for node in nodes if node.type is NodeType.FILE]
        if self._findings.costs_blobs or None in contents:
            return False
        blobs = [blob_id for content in contents for blob_id in content or ()]
        return _NULL not in blobs and self._reader.index.has_all(BlobKind.DATA, blobs)

    def _report_tree(self, folder: _Folder, error: RepositoryDamaged) -> None:
        if self._findings.hurts(BlobKind.TREE, folder.tree, folder.place):
            return  # the pack that it was in has been reported
        places = self._reader.index.lookup(BlobKind.TREE, folder.tree)
        problem = Problem(
            kind=ProblemKind.TREE_DAMAGED if places else ProblemKind.BLOB_MISSING,
            object=pack_key(places[0].pack) if places else f"tree blob {folder.tree.hex()}",
            detail=str(error),
            blob=folder.tree,
        )
        self._findings.add(problem, victim=folder.place)

    def _check_names(self, folder: _Folder, nodes: Iterable[TreeEntry]) -> None:
        names = set[bytes]()
        for node in nodes:
            fault = name_fault(node.name) or ("it is there twice" if node.name in names else "")
            names.add(node.name)
            if node.name and fault:
                self._report_node(folder, node, ProblemKind.NAME_UNSAFE, fault)

    def _check_nodes(self, folder: _Folder, nodes: Iterable[TreeEntry]) -> Iterator[_Folder]:
        for node in nodes:
            if not node.name:
                self._malformed(folder, node, "it has no name")
            if node.type is NodeType.FILE:
                self._check_file(folder, node)
            elif node.type in _UNKNOWN:
                self._malformed(folder, node, "it is of an unknown type")
            elif node.type is not NodeType.DIR:
                continue
            elif node.subtree is None or node.subtree == _NULL:
                self._malformed(folder, node, "it is a folder without a tree")
            else:
                yield _Folder(tree=node.subtree, place=_place(folder, node))

    def _check_file(self, folder: _Folder, node: TreeEntry) -> None:
        if node.content is None:
            self._malformed(folder, node, "it is a file without a list of blobs")
        for blob_id in node.content or ():
            if blob_id == _NULL:
                self._malformed(folder, node, "one of its blobs has no id")
            elif not self._reader.index.has(BlobKind.DATA, blob_id):
                self._report_missing(folder, node, blob_id)
            elif self._findings.is_lost(BlobKind.DATA, blob_id):
                self._findings.hurts(BlobKind.DATA, blob_id, _place(folder, node))

    def _report_missing(self, folder: _Folder, node: TreeEntry, blob_id: BlobId) -> None:
        victim = _place(folder, node)
        if self._findings.hurts(BlobKind.DATA, blob_id, victim):
            return
        problem = Problem(
            kind=ProblemKind.BLOB_MISSING,
            object=f"data blob {blob_id.hex()}",
            detail=f"The data blob {blob_id.hex()} is in no index.",
            blob=blob_id,
        )
        self._findings.add(problem, lost=[(BlobKind.DATA, blob_id)], victim=victim)

    def _malformed(self, folder: _Folder, node: TreeEntry, fault: str) -> None:
        self._report_node(folder, node, ProblemKind.NODE_MALFORMED, fault)

    def _report_node(self, folder: _Folder, node: TreeEntry, kind: ProblemKind, fault: str) -> None:
        problem = Problem(
            kind=kind,
            object=f"tree blob {folder.tree.hex()}",
            detail=f"The entry {node.name!r} is not sound: {fault}.",
            blob=folder.tree,
        )
        self._findings.add(problem, victim=_place(folder, node))


def _are_names_fine(names: list[bytes]) -> bool:
    """Whether none has a fault or is there twice; all at once, since nearly always none has."""
    joined = b"\0".join(names)
    return (
        b"/" not in joined
        and joined.count(b"\0") == max(0, len(names) - 1)
        and len({*names, *_NO_NAMES}) == len(names) + len(_NO_NAMES)
    )


def _place(folder: _Folder, node: TreeEntry) -> Victim:
    return Victim(snapshot=folder.place.snapshot, path=join(folder.place.path, node.name))
