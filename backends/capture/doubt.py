"""Finds staged files of which nobody knows whether they are what the source sent.

When a run is killed, the last lines of rsync may be lost with it; an image that outlives its
repository has no lines at all. rsync finds size and time of such a file as they should be and
would never send it again, so its checksum would never be learnt. Its time is therefore moved:
rsync then compares it with the source block by block, which costs next to nothing on the line,
and announces it with its checksum.
"""

import os
import stat as file_type
from collections.abc import Callable, Collection, Iterable

from backends.capture.fake_super import read_attributes
from backends.errors import LocalPathUnusable
from backends.repository.tree import Node, NodeType
from backends.types import Arrival, BlobId

_DAY_NS = 86_400 * 10**9


def vouched_inodes(image: bytes, arrivals: Iterable[Arrival]) -> frozenset[int]:
    """Inodes of the staged files that are announced with the source's own checksum.

    One that was replaced since by another of the same size is among them; its checksum then
    turns out to be of something else.
    """
    found = (_inode(image, arrival) for arrival in arrivals if arrival.checksum)
    return frozenset(inode for inode in found if inode is not None)


def stands_for_file(place: bytes) -> bool:
    """Whether a staged file is a regular file at the source, too, and not a link or a pipe.

    Raises:
        LocalPathUnusable: it is gone or its attributes cannot be read.
    """
    return file_type.S_ISREG(read_attributes(place, os.lstat(place)).mode)


def move_time(place: bytes) -> int:
    """Let rsync compare a staged file with the source, as if it were an older version.

    Returns:
        Its new time, in nanoseconds.
    """
    stat = os.lstat(place)
    # Towards the present, since file systems cut times short at both ends.
    moved = stat.st_mtime_ns + (_DAY_NS if stat.st_mtime_ns < 0 else -_DAY_NS)
    os.utime(place, ns=(stat.st_atime_ns, moved), follow_symlinks=False)
    # File systems round.
    return os.lstat(place).st_mtime_ns


def question(
    image: bytes,
    vouched: Collection[int],
    parent: BlobId | None,
    load_tree: Callable[[BlobId], Iterable[Node]],
) -> dict[int, int]:
    """Move the time of every staged file that neither `vouched` nor the parent snapshot knows.

    Args:
        image: The staging image, while no rsync runs.
        vouched: Inodes whose checksums are at hand.
        parent: Root tree of the parent snapshot; what it recorded was looked at then.
        load_tree: Reads a tree of it.

    Returns:
        By inode, the time that each of them was given, in nanoseconds.

    Raises:
        LocalPathUnusable: the image cannot be read.
        StoreError: the parent snapshot cannot be read.
    """
    asked = dict[int, int]()
    pending: list[tuple[bytes, BlobId | None]] = [(image, parent)]
    while pending:
        place, tree = pending.pop()
        known = {node.name: node for node in load_tree(tree)} if tree else {}
        try:
            with os.scandir(place) as entries:
                for entry in entries:
                    node = known.get(entry.name)
                    if entry.is_dir(follow_symlinks=False):
                        pending.append((entry.path, node.subtree if node else None))
                    else:
                        _ask(entry, node, vouched, asked)
        except OSError as error:
            raise LocalPathUnusable(
                f"Cannot look through the staged folder {os.fsdecode(place)!r}: {error.strerror}."
            ) from error
    return asked


def _ask(
    entry: os.DirEntry[bytes], known: Node | None, vouched: Collection[int], asked: dict[int, int]
) -> None:
    stat = entry.stat(follow_symlinks=False)
    if not file_type.S_ISREG(stat.st_mode) or stat.st_ino in vouched or stat.st_ino in asked:
        return
    if known is not None and is_untouched(stat, known):
        return
    asked[stat.st_ino] = move_time(entry.path)


def is_untouched(stat: os.stat_result, known: Node) -> bool:
    """Whether nobody wrote to a staged entry or its attributes since the parent recorded it.

    Every change of content, mode, owner or extended attribute moves the ctime, also that which
    rsync makes when it records a source's attributes. This is restic's own rule.
    """
    return (
        stat.st_ctime_ns == known.ctime_ns
        and stat.st_mtime_ns == known.mtime_ns
        and stat.st_ino == known.inode
        and (known.type is not NodeType.FILE or stat.st_size == known.size)
    )


def _inode(image: bytes, arrival: Arrival) -> int | None:
    try:
        stat = os.lstat(image + b"/" + arrival.path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return stat.st_ino if stat.st_size == arrival.size else None
