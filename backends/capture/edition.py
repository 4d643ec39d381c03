"""A tree made from the parent's and a list of what has changed: only the way there is walked.

rsync names everything that it changes in the image: content, attributes, folders' own times, what
is new and what is removed. Where the image is known to have been exactly the parent's tree, the
rest of it need not be looked at. Two things it does not name, and both are found here: the other
names of a hard-linked file, and a first second name for a file that had one.
"""

import os
import stat as file_type
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from backends.capture.entries import ImageTotals
from backends.capture.records import Records
from backends.capture.touched import Touched
from backends.errors import ObjectMissing, RepositoryDamaged
from backends.repository.tree import Node, decode_tree
from backends.repository.treetext import split_tree
from backends.types import BlobId


class EditImpossibleError(Exception):
    """What is known of the image does not suffice; it has to be walked as a whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageBase:
    """What is known of a tree that the image was equal to.

    Attributes:
        tree: Its root.
        files: Regular files in it.
        folders: Folders.
        others: Links, pipes, devices.
        total_bytes: Sum of the sizes of regular files.
        packs: Packs that hold all of it, and perhaps some that held what it had earlier.
        links: Inode of each path of which the staged file has several names.
    """

    tree: BlobId
    files: int
    folders: int
    others: int
    total_bytes: int
    packs: frozenset[bytes]
    links: Mapping[bytes, int]

    def totals(self) -> ImageTotals:
        """To be counted on from."""
        return ImageTotals(
            files=self.files, folders=self.folders, others=self.others, bytes=self.total_bytes
        )


class TreeTexts:
    """The parent's trees as they are stored.

    Args:
        load: Reads one; None where nothing can be edited.
    """

    def __init__(self, load: Callable[[BlobId], bytes] | None) -> None:
        self._load = load

    def entries(self, tree: BlobId) -> dict[bytes, bytes]:
        """The text of each entry by its name. Raises EditImpossibleError."""
        entries = split_tree(self._text(tree))
        if entries is None:
            raise EditImpossibleError
        return entries

    def nodes(self, tree: BlobId) -> list[Node]:
        """The entries themselves. Raises EditImpossibleError."""
        return decode_tree(self._text(tree))

    def _text(self, tree: BlobId) -> bytes:
        if self._load is None:
            raise EditImpossibleError
        try:
            return self._load(tree)
        except (RepositoryDamaged, ObjectMissing) as error:
            raise EditImpossibleError from error


@dataclass(slots=True, kw_only=True)
class Edition:
    """One edit of a tree: what is to be looked at, and what came of it.

    Attributes:
        base: What it starts from.
        touched: What is to be looked at.
        removed: Paths of the parent that were looked at: a folder's stands for all below it.
        records: Files that were looked at and are there.
    """

    base: ImageBase
    touched: Touched
    removed: list[bytes] = field(default_factory=list)
    records: Records = field(default_factory=Records)


def plan_edition(image: bytes, base: ImageBase, changed: Iterable[bytes]) -> Edition:
    """What is to be looked at after rsync has changed these paths.

    Raises:
        EditImpossibleError: a file has a name that nobody knows.
    """
    paths = {path for path in changed if path != b"."}
    by_inode = defaultdict[int, set[bytes]](set)
    for path, inode in base.links.items():
        by_inode[inode].add(path)
    _add_other_names(image, base, by_inode, paths)
    return Edition(base=base, touched=Touched.of(paths))


def _add_other_names(
    image: bytes, base: ImageBase, by_inode: Mapping[int, set[bytes]], paths: set[bytes]
) -> None:
    """Add all names of each file of which one is among the paths, as it was and as it is."""
    found = defaultdict[int, set[bytes]](set)
    pending = list(paths)
    while pending:
        path = pending.pop()
        stat = _linked(image + b"/" + path)
        names = set[bytes]()
        if path in base.links:
            names |= by_inode[base.links[path]]
        if stat is not None:
            found[stat.st_ino].add(path)
            names |= by_inode.get(stat.st_ino, set())
        pending += names - paths
        paths |= names
    for inode, names in found.items():
        stat = _linked(image + b"/" + next(iter(names)))
        if stat is None or stat.st_ino != inode or stat.st_nlink != len(names):
            raise EditImpossibleError


def _linked(place: bytes) -> os.stat_result | None:
    """What is there, if it is a file with several names."""
    try:
        stat = os.lstat(place)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return None if file_type.S_ISDIR(stat.st_mode) or stat.st_nlink == 1 else stat
