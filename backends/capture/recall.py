"""What vacated files held, from what is known of them; and what has to be sent once more.

A file whose data is gone stands for content by its inode, size and time: that of the run's own
ledger (and the list beside the image), or of the parent snapshot. Where the repository has that
content no longer, the file's time is moved, so that rsync sends it again.
"""

import os
import stat as file_type
from collections.abc import Callable, Iterable, Iterator

from backends.capture.cut import may_be_kept
from backends.capture.doubt import move_time
from backends.capture.ledger import Ledger, StoredContent
from backends.capture.vacancy import is_vacated, vacate
from backends.errors import LocalPathUnusable
from backends.repository.index import Index
from backends.repository.tree import Node
from backends.types import BlobId, BlobKind

LoadTree = Callable[[BlobId], Iterable[Node]]


def remember(ledger: Ledger, contents: Iterable[StoredContent], index: Index) -> None:
    """Enter what the list beside the image says, as far as the repository still has it."""
    for content in contents:
        if _is_stored(content.blobs, index):
            ledger.enter(content)


def recall(
    image: bytes,
    *,
    parent: BlobId | None,
    load_tree: LoadTree,
    index: Index,
    ledger: Ledger,
    free: bool,
) -> int:
    """Before a pull: have rsync send again what is gone and unknown.

    Returns:
        How many files there are in the image.

    Args:
        image: While no rsync runs.
        parent: Root tree of the parent snapshot.
        load_tree: Reads a tree of it.
        index: What the repository has.
        ledger: What is known beside the parent.
        free: Free also what an earlier run left in staging and the parent knows.

    Raises:
        LocalPathUnusable: the image cannot be read or written.
        StoreError: the parent cannot be read.
    """
    files = 0
    try:
        for place, stat, node in _files(image, parent, load_tree):
            files += 1
            known = may_be_kept(stat, node) and _is_stored(node.content if node else None, index)
            if is_vacated(place):
                if not known and ledger.find(stat) is None:
                    move_time(place)
            elif free and known:
                vacate(place, inode=stat.st_ino, size=stat.st_size, mtime_ns=stat.st_mtime_ns)
    except OSError as error:
        raise LocalPathUnusable(
            f"Cannot look through the staged folder {os.fsdecode(image)!r}: {error.strerror}."
        ) from error
    return files


def content_before(
    stat: os.stat_result,
    known: Node | None,
    *,
    parent: BlobId | None,
    load_tree: LoadTree,
    index: Index,
) -> tuple[BlobId, ...] | None:
    """What a vacated file holds; None where nobody knows, or the repository has it no longer.

    The parent is searched by inode only where the path does not tell, as for a new name of an
    old file.
    """
    node = known if may_be_kept(stat, known) else _find_inode(stat, parent, load_tree)
    return node.content if node is not None and _is_stored(node.content, index) else None


def _find_inode(stat: os.stat_result, parent: BlobId | None, load_tree: LoadTree) -> Node | None:
    pending = [parent] if parent else []
    while pending:
        for node in load_tree(pending.pop()):
            if may_be_kept(stat, node):
                return node
            if node.subtree is not None:
                pending.append(node.subtree)
    return None


def _files(
    image: bytes, parent: BlobId | None, load_tree: LoadTree
) -> Iterator[tuple[bytes, os.stat_result, Node | None]]:
    pending: list[tuple[bytes, BlobId | None]] = [(image, parent)]
    while pending:
        place, tree = pending.pop()
        known = {node.name: node for node in load_tree(tree)} if tree else {}
        with os.scandir(place) as entries:
            for entry in entries:
                node = known.get(entry.name)
                stat = entry.stat(follow_symlinks=False)
                if file_type.S_ISDIR(stat.st_mode):
                    pending.append((entry.path, node.subtree if node else None))
                elif file_type.S_ISREG(stat.st_mode):
                    yield entry.path, stat, node


def _is_stored(content: tuple[BlobId, ...] | None, index: Index) -> bool:
    return content is not None and all(index.has(BlobKind.DATA, blob) for blob in content)
