"""What a walk over the staging image finds: entries, what becomes of them, and their sums."""

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Final, Protocol, TypeVar

from backends.capture.fake_super import SourceAttributes, read_attributes
from backends.capture.selection import Selection
from backends.capture.touched import Touched
from backends.errors import LocalPathUnusable
from backends.repository.tree import Node, NodeType, go_mode
from backends.types import BlobId, Omission

T = TypeVar("T")
_NAME: Final = attrgetter("name")
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
        beside: It was not pulled, so there is nothing to compare it with; see `grafting`.
    """

    path: bytes
    size: int
    blobs: tuple[BlobId, ...]
    sha256: bytes | None
    compared: bool
    unchanged: bool
    beside: bool = False


@dataclass(slots=True)
class ImageTotals:
    """What the walk has met so far."""

    files: int = 0
    folders: int = 0
    others: int = 0
    bytes: int = 0
    omissions: list[Omission] = field(default_factory=list)

    def take_off(self, node: Node) -> None:
        """Count one entry less."""
        if node.type is NodeType.FILE:
            self.files -= 1
            self.bytes -= node.size
        elif node.type is NodeType.DIR:
            self.folders -= 1
        else:
            self.others -= 1


class Found(Protocol):
    """A staged entry that was found by its name."""

    @property
    def name(self) -> bytes:
        """Its last component."""

    @property
    def path(self) -> bytes:
        """Where it is."""

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        """Raises FileNotFoundError."""


@dataclass(frozen=True, slots=True)
class Named:
    """An entry that may be there, or not any more."""

    name: bytes
    path: bytes

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        """Raises FileNotFoundError."""
        return os.stat(self.path, follow_symlinks=follow_symlinks)  # noqa: PTH116 - raw bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One staged entry with what its source was."""

    name: bytes
    path: bytes
    place: bytes
    stat: os.stat_result
    source: SourceAttributes


def look_at(found: Found, path: bytes, stat: os.stat_result) -> Entry:
    """An entry with the source's attributes.

    Raises:
        LocalPathUnusable: they cannot be read.
    """
    return Entry(
        name=found.name,
        path=path,
        place=found.path,
        stat=stat,
        source=read_attributes(found.path, stat),
    )


def list_folder(place: bytes, selection: Selection) -> list[Found]:
    """What a staged folder holds of the selection, by name.

    Raises:
        LocalPathUnusable: it cannot be read.
    """
    try:
        with os.scandir(place) as found:
            entries: list[Found] = list(found)
    except OSError as error:
        raise LocalPathUnusable(
            f"Cannot read the staged folder {os.fsdecode(place)!r}: {error.strerror}."
        ) from error
    if not selection.whole:
        entries = [child for child in entries if selection.names(child.name)]
    entries.sort(key=_NAME)
    return entries


def name_entries(place: bytes, selection: Selection, names: Iterable[bytes]) -> list[Found]:
    """Only the entries of these names, which may be gone."""
    return [Named(name, place + b"/" + name) for name in sorted(names) if selection.names(name)]


def consume(values: list[T]) -> Iterator[T]:
    """Each in its turn, and the list forgets it: a folder may have a million entries."""
    values.reverse()
    while values:
        yield values.pop()


@dataclass(slots=True, kw_only=True)
class Folder:
    """One folder on the way; `entry` describes it, or `itself` where it is untouched.

    Where `below` is given, only what it names is among the entries; the rest is in `kept`, each
    as its text in the parent's tree.
    """

    path: bytes
    place: bytes
    entry: Entry | None = None
    itself: Node | None = None
    selection: Selection
    parent: BlobId | None
    known: dict[bytes, Node]
    entries: Iterator[Found]
    below: Touched | None = None
    kept: dict[bytes, bytes] = field(default_factory=dict)
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
        return describe(self.entry, NodeType.DIR, subtree=tree)


def sha256_of(content: tuple[BlobId, ...]) -> bytes | None:
    """A file's digest where its blobs tell it: one blob is the file; none is the empty file."""
    if len(content) > 1:
        return None
    return content[0] if content else EMPTY_SHA256


def describe(
    entry: Entry,
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
