"""Adds up what a restore would bring, and what would stand in its way, without doing anything."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

from backends.errors import RepositoryDamaged
from backends.repository.included import Included, include_paths
from backends.repository.marker import marker_name
from backends.repository.names import name_fault
from backends.repository.reader import BlobReader, subtree_of
from backends.repository.tree import NodeType
from backends.repository.treeoutline import TreeEntry
from backends.types import BlobId
from daemon.domain.pathtext import RawPath

#: Names of entries in the way that are told.
_SHOWN: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class RestorePreview:
    """What a restore would bring back.

    Attributes:
        files: Names of regular files; of hard links every one.
        bytes: Their content, of hard links each time.
        folders: Folders.
        others: Everything else.
        missing: Wanted patterns that nothing in the snapshot fits.
        damaged: Folders that cannot be read.
        unsafe: Entries whose names could lead elsewhere; they would not be restored.
    """

    files: int
    bytes: int
    folders: int
    others: int
    missing: tuple[RawPath, ...]
    damaged: int
    unsafe: int = 0

    @property
    def complete(self) -> bool:
        """Whether everything wanted seems to be there; contents are not looked at."""
        return not self.missing and not self.damaged and not self.unsafe


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetPreview:
    """What a restore would meet in a folder.

    Attributes:
        in_the_way: Some names of what is in it; a restore refuses a folder with anything in it.
        resumed: It holds an interrupted restore of the same tree, which would go on.
        free_bytes: Room on its file system for whoever asks.
    """

    in_the_way: tuple[str, ...]
    resumed: bool
    free_bytes: int


class LateTotal:
    """Files and bytes of a restore, added up once somebody asks, since that reads all folders.

    Args:
        add_up: Gives them; raises StoreError.
    """

    def __init__(self, add_up: Callable[[], RestorePreview]) -> None:
        self._found = cache(add_up)

    @property
    def files(self) -> int:
        """Names of regular files."""
        return self._found().files

    @property
    def bytes(self) -> int:
        """Their content."""
        return self._found().bytes


def preview_restore(
    reader: BlobReader,
    tree: BlobId,
    include: tuple[RawPath, ...] = (),
    exclude: tuple[RawPath, ...] = (),
) -> RestorePreview:
    """Add up what a restore would make, by reading all folders and no file.

    Raises:
        StoreError: the store does not answer.
    """
    walk = _WantedWalk(reader, include_paths(include, exclude))
    files = size = others = 0
    for node in walk.nodes(tree):
        if node.type is NodeType.FILE:
            files, size = files + 1, size + node.size
        else:
            others += 1
    return RestorePreview(
        files=files,
        bytes=size,
        folders=walk.folders,
        others=others,
        missing=tuple(walk.wanted.unmet()),
        damaged=walk.damaged,
        unsafe=walk.unsafe,
    )


def preview_target(target: Path, tree: BlobId) -> TargetPreview:
    """Look at where a restore would go. Raises OSError."""
    there = next(place for place in (target, *target.absolute().parents) if place.exists())
    names = sorted(os.listdir(target)) if target.is_dir() else []  # noqa: PTH208 - names only
    room = os.statvfs(there)
    resumed = os.fsdecode(marker_name(tree)) in names
    return TargetPreview(
        in_the_way=() if resumed else tuple(names[:_SHOWN]),
        resumed=resumed,
        free_bytes=room.f_bavail * room.f_frsize,
    )


@dataclass(slots=True)
class _Folder:
    """One folder on the walk; `counted` once something in it is wanted."""

    tree: BlobId
    wanted: Included
    above: "_Folder | None"
    counted: bool = False


@dataclass(slots=True)
class _WantedWalk:
    """Meets the same entries as a restore does."""

    reader: BlobReader
    wanted: Included
    folders: int = 0
    damaged: int = 0
    unsafe: int = 0
    _pending: list[_Folder] = field(default_factory=list)

    def nodes(self, root: BlobId) -> Iterator[TreeEntry]:
        """Every entry that is wanted and no folder, in no promised order."""
        self._pending.append(_Folder(root, self.wanted, None, counted=True))
        while self._pending:
            folder = self._pending.pop()
            for node in self._load(folder.tree):
                below = folder.wanted.below(node.name)
                if below is None:
                    continue
                if name_fault(node.name):
                    self.unsafe += 1
                elif node.type is NodeType.DIR:
                    self._enter(folder, node, below)
                elif below.whole:
                    self._count(folder)
                    yield node

    def _enter(self, above: _Folder, node: TreeEntry, wanted: Included) -> None:
        try:
            folder = _Folder(subtree_of(node), wanted, above)
        except RepositoryDamaged:
            self.damaged += 1
            return
        if wanted.whole:
            self._count(folder)
        self._pending.append(folder)

    def _count(self, folder: _Folder) -> None:
        each: _Folder | None = folder
        while each is not None and not each.counted:
            each.counted = True
            self.folders += 1
            each = each.above

    def _load(self, tree: BlobId) -> list[TreeEntry]:
        try:
            return self.reader.outline_tree(tree)
        except RepositoryDamaged:
            # Counted and shown; the restore itself names it.
            self.damaged += 1
            return []
