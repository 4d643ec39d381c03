"""One daemon for each state folder, and for each SQLite database."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from daemon.errors import DaemonActive, StateFolderUnusable

LOCK_NAME: Final = "daemon.lock"


@contextmanager
def occupy(folder: Path, owner: str) -> Iterator[None]:
    """Be the only daemon that works with `folder`, for the length of a `with` block.

    The kernel holds the lock and gives it back whatever becomes of the process, so that none is
    ever stale. What the file says is for people.

    Args:
        folder: The state folder, or the one that has an SQLite database.
        owner: Us; see `name_owner`.

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
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{owner}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, path: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.pread(descriptor, 512, 0).decode(errors="replace").strip()
        raise DaemonActive(
            f"Another daemon ({holder or 'which has not said its name yet'}) works with "
            f"{path.parent}."
        ) from error
