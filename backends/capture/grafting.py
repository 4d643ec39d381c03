"""What is stored beside a pull and hung onto the root of its tree: dumps, and the passport.

    /.lapseguard/dumps/<name>      streamed from the server, never on a disk here
    /.lapseguard/passport.txt
    /.lapseguard/unfinished/<name> in checkpoints, see `unfinished`

None of it touches staging, so rsync, the window and the mark know nothing of it. Each tree has what
its own run brought: what an earlier run hung onto the parent's root is not taken over.
"""

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Protocol

from backends.capture.entries import FileRecord, Folder, Found
from backends.capture.places import PASSPORT, PLACE
from backends.repository.chunker import Readable
from backends.repository.modes import go_mode
from backends.repository.tree import Node, NodeType, encode_tree
from backends.repository.treetext import decode_entry
from backends.repository.writer import RepositoryWriter, StoredFile
from backends.types import BlobId, BlobKind

#: Databases hold secrets: only root may read what was dumped, as restored.
_FOLDER_MODE: Final = go_mode(0o040700)
_FILE_MODE: Final = go_mode(0o100600)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class GraftedFile:
    """One file beside the pull; all of it is with the writer.

    Attributes:
        path: Below `PLACE`, `/`-separated.
        taken_at: When it was taken on the server (UTC); its modification time.
        stored: What it held.
    """

    path: str
    taken_at: datetime
    stored: StoredFile

    @property
    def record(self) -> FileRecord:
        """As the walk reports it."""
        return FileRecord(
            path=PLACE + b"/" + self.path.encode(),
            size=self.stored.size,
            blobs=self.stored.blobs,
            sha256=self.stored.sha256,
            compared=False,
            unchanged=False,
            beside=True,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Graft:
    """What hangs onto one root.

    Attributes:
        node: The entry `PLACE`.
        trees: Of it and of the folders below it; all are with the writer.
        files: In the order of the trees.
    """

    node: Node
    trees: tuple[BlobId, ...]
    files: tuple[GraftedFile, ...]


class Grafting:
    """Stores what comes beside a pull; safe between threads."""

    def __init__(self, writer: RepositoryWriter) -> None:
        self._writer = writer
        self._files: dict[str, GraftedFile] = {}
        self._lock = threading.Lock()
        self._on_file: Callable[[GraftedFile], None] = lambda _: None

    @property
    def has_dumps(self) -> bool:
        """Whether there is more than the passport."""
        return any(path != PASSPORT for path in self._files)

    def watch(self, on_file: Callable[[GraftedFile], None]) -> None:
        """Tell of each file that comes from now on."""
        self._on_file = on_file

    def take(self, path: str, stream: Readable, taken_at: datetime) -> GraftedFile:
        """Store what a stream holds; waits while too much is on its way to the store.

        Args:
            path: Where, below `PLACE`: a name, or a folder's and a name.
            stream: What it raises means that there is no such file.
            taken_at: When it was taken (UTC).

        Raises:
            BackendError: from the stream, or the first failure of the writer.
        """
        stored = self._writer.save_file(stream)
        file = GraftedFile(path=path, taken_at=taken_at, stored=stored)
        with self._lock:
            self._files[path] = file
        self._on_file(file)
        return file

    def graft(self, also: Iterable[GraftedFile] = ()) -> Graft | None:
        """All that has been taken by now, and `also`; None if there is nothing.

        Raises:
            BackendError: the first failure of the writer.
        """
        with self._lock:
            found = {**self._files, **{file.path: file for file in also}}
        files = tuple(found[path] for path in sorted(found, key=_names))
        if not files:
            return None
        folders = defaultdict[str, list[Node]](list)
        for file in files:
            above, _, name = file.path.rpartition("/")
            folders[above].append(_file_node(name, file))
        top = folders.pop("", [])
        below = [self._save(name, nodes) for name, nodes in folders.items()]
        node = self._save(PLACE.decode(), [*top, *below])
        trees = (each.subtree for each in (node, *below) if each.subtree)
        return Graft(node=node, trees=tuple(trees), files=files)

    def _save(self, name: str, nodes: list[Node]) -> Node:
        tree = self._writer.save_blob(BlobKind.TREE, encode_tree(nodes))
        newest = max(node.mtime_ns for node in nodes)
        return _node(name, NodeType.DIR, _FOLDER_MODE, newest, subtree=tree)


class Additions(Protocol):
    """Brings what is stored beside a pull."""

    def bring(self, grafting: Grafting) -> None:
        """Before the pull; what it raises is the pull's own end. Raises BackendError."""

    def settle(self) -> None:
        """The pull is over: wait for what is still under way, but not for long."""


class NoAdditions:
    """Nothing is stored beside the pull."""

    def bring(self, grafting: Grafting) -> None:
        """See `Additions.bring`."""

    def settle(self) -> None:
        """See `Additions.settle`."""


def uproot(root: Folder) -> Node | None:
    """Let go of whatever is at `PLACE` in the parent's root, and give it back."""
    root.entries = iter([entry for entry in root.entries if entry.name != PLACE])
    text = root.kept.pop(PLACE, None)
    if text is None:
        return root.known.get(PLACE)
    root.touched = True
    return decode_entry(text)


def is_due(following: Found | None) -> bool:
    """Whether it is the graft's turn before the entry that follows in a root."""
    return following is None or following.name > PLACE


def _names(path: str) -> list[bytes]:
    return path.encode().split(b"/")


def _file_node(name: str, file: GraftedFile) -> Node:
    stored, mtime_ns = file.stored, _nanoseconds(file.taken_at)
    return _node(name, NodeType.FILE, _FILE_MODE, mtime_ns, content=stored.blobs, size=stored.size)


def _node(
    name: str,
    kind: NodeType,
    mode: int,
    mtime_ns: int,
    *,
    content: tuple[BlobId, ...] | None = None,
    size: int = 0,
    subtree: BlobId | None = None,
) -> Node:
    """A node of root's. It has no inode, so that no staged file is ever taken for it."""
    return Node(
        name=name.encode(),
        type=kind,
        mode=mode,
        mtime_ns=mtime_ns,
        atime_ns=mtime_ns,
        ctime_ns=mtime_ns,
        links=1 if kind is NodeType.FILE else 0,
        content=content,
        size=size,
        subtree=subtree,
    )


def _nanoseconds(at: datetime) -> int:
    since = at - _EPOCH
    return ((since.days * 86_400 + since.seconds) * 10**6 + since.microseconds) * 1000
