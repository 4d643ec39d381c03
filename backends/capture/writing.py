"""Whether rsync still has a file open that it is writing, as the kernel tells."""

import os
from pathlib import Path

_COMM = b"rsync\n"


def is_being_written(inode: int) -> bool:
    """Whether an rsync of ours has a file with this inode open; False where nobody can tell."""
    return any(_has_open(process, inode) for process in Path("/proc").glob("[0-9]*"))


def _has_open(process: Path, inode: int) -> bool:
    try:
        if (process / "comm").read_bytes() != _COMM:
            return False
        with os.scandir(process / "fd") as descriptors:
            return any(entry.stat().st_ino == inode for entry in descriptors)
    except OSError:
        return False  # It has ended meanwhile, or is somebody else's.
