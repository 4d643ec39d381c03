"""Staged files whose data was given back to the disk once it was stored.

What remains is the file itself: name, inode, size, times, attributes and links, so that rsync
finds it as it left it, sends nothing, and goes on replacing, linking and deleting it. Its bytes
read as zeros, and must never be taken for data. So it is marked before the first byte goes, by
an attribute that rsync neither sends nor removes (see `fake_super`); whoever reads staged files
looks for the mark first. Content of a marked file comes from what was noted or from the parent
snapshot, for the same inode, size and time: rsync replaces what has changed by a new file.
"""

import ctypes
import errno
import os
from pathlib import Path

from backends.errors import LocalPathUnusable
from backends.rsync.scratch import VACATED

#: The attribute of a staged file that says so.
MARK = VACATED
#: Of `fallocate`: free the blocks of a range and keep the size.
_PUNCH_HOLE_KEEP_SIZE = 0x02 | 0x01
#: File systems free whole blocks; the last one of a file ends behind it.
_BLOCK = 64 << 10
_WRITE = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def is_vacated(file: int | bytes) -> bool:
    """Whether the data of a staged file (descriptor or path) is, or may be, gone."""
    try:
        os.getxattr(file, MARK, follow_symlinks=isinstance(file, int))
    except OSError as error:
        if error.errno in {errno.ENODATA, errno.ENOTSUP}:
            return False
        raise
    return True


def vacate(place: bytes, *, inode: int, size: int, mtime_ns: int) -> bool:
    """Give the data of a complete file back, if it still is the one that was stored.

    A crash in between leaves a wrong time behind, for which rsync sends the file again.

    Raises:
        OSError: the file system cannot do that.
    """
    try:
        descriptor = os.open(place, _WRITE)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return False
    try:
        stat = os.fstat(descriptor)
        if (stat.st_ino, stat.st_size, stat.st_mtime_ns) != (inode, size, mtime_ns):
            return False
        empty(descriptor, stat.st_size)
        os.utime(descriptor, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        return True
    finally:
        os.close(descriptor)


def empty(descriptor: int, size: int) -> None:
    """Mark a file and free its first `size` bytes; its modification time becomes the present."""
    os.setxattr(descriptor, MARK, b"")
    punch = _libc().fallocate
    if size and punch(descriptor, _PUNCH_HOLE_KEEP_SIZE, 0, -(-size // _BLOCK) * _BLOCK):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def ensure_vacating(folder: Path) -> None:
    """Check that the file system can take data out of a file.

    Raises:
        LocalPathUnusable: it cannot, or the folder is not ours to write to.
    """
    trial = folder / "vacancy.trial"
    try:
        trial.write_bytes(bytes(1))
        descriptor = os.open(trial, _WRITE)
        try:
            empty(descriptor, 1)
        finally:
            os.close(descriptor)
            trial.unlink()
    except OSError as error:
        raise LocalPathUnusable(
            f"The file system of {folder} cannot free the data of a file: {error.strerror}.",
            hint='Put the state folder on ext4, xfs or btrfs, or set `staging = "full"`.',
        ) from error


def _libc() -> ctypes.CDLL:
    library = ctypes.CDLL(None, use_errno=True)
    library.fallocate.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
    return library
