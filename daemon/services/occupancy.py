"""One daemon for each state folder, and for each SQLite database."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from daemon.errors import DaemonActive, StateFolderUnusable

LOCK_NAME: Final = "daemon.lock"
#: Where Linux says which of its starts this is; the same in all containers of one kernel.
_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")


@contextmanager
def occupy(folder: Path, owner: str, *, boot: Path = _BOOT) -> Iterator[str | None]:
    """Be the only daemon that works with `folder`, for the length of a `with` block.

    The kernel holds the lock and gives it back whatever becomes of the process, so that none is
    ever stale. Gives the owner that had the lock before us, if this very kernel has taken it from
    that one: then it is gone, whatever container it lived in.

    Args:
        folder: The state folder, or the one that has an SQLite database.
        owner: Us; see `name_owner`.
        boot: Tells kernels apart.

    Raises:
        DaemonActive: another daemon does; it says which.
        StateFolderUnusable: the lock file cannot be made.
    """
    path = folder / LOCK_NAME
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise StateFolderUnusable(f"Cannot open {path}: {error.strerror}.") from error
    try:
        _lock(descriptor, path)
        kernel = _read_boot(boot)
        before, where, *_ = (*_read(descriptor), "", "")
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{owner}\n{kernel}\n".encode(), 0)
        yield before if before and kernel and where == kernel else None
    finally:
        os.close(descriptor)


def _lock(descriptor: int, path: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder, *_ = (*_read(descriptor), "which has not said its name yet")
        raise DaemonActive(f"Another daemon ({holder}) works with {path.parent}.") from error


def _read(descriptor: int) -> list[str]:
    """What the file says: the owner, and the kernel that it ran on."""
    return os.pread(descriptor, 512, 0).decode(errors="replace").split()


def _read_boot(boot: Path) -> str:
    """The kernel's present start; empty where that is hidden, so that nothing can be proved."""
    try:
        return boot.read_text().strip()
    except OSError:
        return ""
