"""The file that says which restore a folder is being filled by, until it is done.

It lets an interrupted restore be told from a folder that holds something else: only the former is
written into once more. What is there by then is never believed: every byte of it is hashed.
"""

import fcntl
import os
from typing import Final

from backends.errors import LocalPathUnusable, TargetNotEmpty
from backends.types import BlobId

_PREFIX: Final = b".lapseguard-restore-"
_SHOWN: Final = 16


def marker_name(tree: BlobId) -> bytes:
    """The name for a restore of this tree; no tree can hold its own, which has its hash."""
    return _PREFIX + tree.hex()[:_SHOWN].encode()


def is_marker(name: bytes) -> bool:
    """Whether a file marks an unfinished restore of any tree."""
    return name.startswith(_PREFIX)


def claim_target(folder: int, tree: BlobId, path: str) -> tuple[int, bool]:
    """Take an open folder for a restore: the marker's descriptor, and whether one goes on here.

    The descriptor holds a lock for as long as it is open.

    Raises:
        TargetNotEmpty: something is in it that is not of an unfinished restore of this tree.
        LocalPathUnusable: another process restores into it.
        OSError: it cannot be written.
    """
    with os.scandir(folder) as entries:
        names = [os.fsencode(entry.name) for entry in entries]
    name = marker_name(tree)
    resumed = name in names
    if names and not resumed:
        raise _not_empty(names, path)
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(name, flags, 0o600, dir_fd=folder)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise LocalPathUnusable(f"Another restore into {path} is under way.") from error
    return descriptor, resumed


def _not_empty(names: list[bytes], path: str) -> TargetNotEmpty:
    if any(map(is_marker, names)):
        return TargetNotEmpty(
            f"In {path} a restore of another snapshot was interrupted.",
            hint="Restore that one again to finish it, or name an empty folder.",
        )
    return TargetNotEmpty(f"The target {path} is not empty.")
