"""Cuts what is wanted of a tree into parts that fit into a folder one after the other."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Protocol

from backends.errors import LocalDiskFull, RepositoryDamaged
from backends.repository.reader import BlobReader, join, subtree_of
from backends.repository.tree import Node, NodeType
from backends.types import BlobId

#: Room that an entry takes beyond its bytes, its attributes included.
PER_ENTRY: Final = 8192


class Wanted(Protocol):
    """Which part of a folder is wanted; see `included.Included`."""

    @property
    def whole(self) -> bool:
        """All of it, but what is left out."""

    def below(self, name: bytes) -> "Wanted | None":
        """What is wanted of the entry `name`: None where nothing is."""

    def unmet(self) -> Iterator[bytes]:
        """Patterns that nothing has fitted."""


@dataclass(slots=True)
class Part:
    """A folder of which some entries are in this part, each with what is wanted of it."""

    entries: dict[bytes, Wanted] = field(default_factory=dict)
    size: int = 0
    whole: bool = False

    def below(self, name: bytes) -> Wanted | None:
        """See `Wanted.below`."""
        return self.entries.get(name)

    def unmet(self) -> Iterator[bytes]:
        """Parts are made of what is there."""
        return iter(())

    def add(self, path: bytes, wanted: Wanted, size: int) -> None:
        """Take in what is wanted of a path."""
        *folders, name = path.split(b"/")
        place = self
        for folder in folders:
            below = place.entries.setdefault(folder, Part())
            if not isinstance(below, Part):
                return  # all of it is in this part already
            place = below
        place.entries[name] = wanted
        self.size += size


def cut_into_parts(reader: BlobReader, tree: BlobId, wanted: Wanted, limit: int) -> Iterator[Part]:
    """Parts that take no more than `limit` bytes each, neighbours together; always the same ones.

    Memory: the sizes of all folders, and one part's names where a folder has to be cut.

    Raises:
        LocalDiskFull: a single file takes more.
        StoreError: the store does not answer.
    """
    cutting = _Cutting(reader, limit)
    cutting.measure(tree, wanted)
    part = Part()
    for path, each, size in cutting.units(tree, wanted):
        if part.size and part.size + size > limit:
            yield part
            part = Part()
        part.add(path, each, size)
    if part.entries:
        yield part


class _Cutting:
    def __init__(self, reader: BlobReader, limit: int) -> None:
        self._reader = reader
        self._limit = limit
        self._sizes: dict[bytes, int] = {}

    def measure(self, tree: BlobId, wanted: Wanted) -> None:
        """Add up every folder with all that is below."""
        own: dict[bytes, int] = {}
        pending = [(b"", tree, wanted)]
        while pending:
            path, below, what = pending.pop()
            own[path] = PER_ENTRY
            for node, each in self._entries(below, what):
                if node.type is NodeType.DIR:
                    pending.extend(self._inside(join(path, node.name), node, each))
                elif each.whole:
                    own[path] += node.size + PER_ENTRY
        for path in sorted(own, key=len, reverse=True):
            self._sizes[path] = self._sizes.get(path, 0) + own[path]
            parent = path.rpartition(b"/")[0]
            if path:
                self._sizes[parent] = self._sizes.get(parent, 0) + self._sizes[path]

    def units(self, tree: BlobId, wanted: Wanted) -> Iterator[tuple[bytes, Wanted, int]]:
        """Folders and files that are not cut any further, each with what is wanted of it."""
        pending = [(b"", tree, wanted)]
        while pending:
            path, below, what = pending.pop()
            for node, each in self._entries(below, what):
                place = join(path, node.name)
                size = self._sizes.get(place, node.size + PER_ENTRY)
                if node.type is NodeType.DIR and (size > self._limit or not each.whole):
                    pending.extend(self._inside(place, node, each))
                elif each.whole:
                    yield place, each, self._checked(place, size)

    def _checked(self, path: bytes, size: int) -> int:
        if size > self._limit:
            raise LocalDiskFull(
                f"{path.decode('utf-8', 'backslashreplace')} alone takes {size >> 20:,} MiB, and "
                f"only {self._limit >> 20:,} MiB may be used.",
                hint="Name a larger folder with --staging.",
            )
        return size

    def _entries(self, tree: BlobId, wanted: Wanted) -> Iterator[tuple[Node, Wanted]]:
        try:
            nodes = self._reader.load_tree(tree)
        except RepositoryDamaged:
            return  # whoever restores the folder names it
        for node in nodes:
            below = wanted.below(node.name)
            if below is not None:
                yield node, below

    @staticmethod
    def _inside(path: bytes, node: Node, wanted: Wanted) -> Iterator[tuple[bytes, BlobId, Wanted]]:
        try:
            yield path, subtree_of(node), wanted
        except RepositoryDamaged:
            return  # likewise
