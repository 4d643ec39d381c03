"""The folder that a restore fills, touched only through descriptors.

No path is ever resolved by the kernel across more than one component, and no component may be a
symbolic link: whatever the snapshot holds and whoever else writes there, nothing lands outside.
"""

import ctypes
import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from backends.errors import LocalDiskFull, LocalError, LocalPathUnusable
from backends.repository.beneath import LONGEST, BeneathOpener, can_open_beneath
from backends.repository.descriptors import Descriptors
from backends.repository.marker import claim_target, marker_name
from backends.types import BlobId

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_LEFT: Final = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC
_AGAIN: Final = os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC
_create: Final = BeneathOpener(_NEW, 0o600)
_OPEN_FOLDERS: Final = 128
_OPEN_FILES: Final = 64
#: What no other file of the target would be spared either.
_HOPELESS: Final = {errno.EROFS, errno.EIO, errno.ENODEV, errno.ENXIO, errno.EMFILE, errno.ENFILE}
_FULL: Final = {errno.ENOSPC, errno.EDQUOT}


def hopeless(error: OSError, target: Path) -> LocalError | None:
    """The error to give up with, or None where only one entry is concerned."""
    if error.errno in _FULL:
        return LocalDiskFull(
            f"There is no room left for the restore in {target}: {error.strerror}.",
            hint="Free space or name a --target on a larger disk, then restore again.",
        )
    if error.errno in _HOPELESS:
        return LocalPathUnusable(f"The restore cannot go on in {target}: {error.strerror}.")
    return None


class TargetFolder:
    """The entries of a target; usable from several threads.

    Args:
        path: Of the folder, for messages.
        root: Its descriptor, which is closed with it.
        resumed: Whether an interrupted restore goes on, so that entries may be there already.
    """

    def __init__(self, path: Path, root: int, *, resumed: bool) -> None:
        self.path = path
        self.resumed = resumed
        self._root = root
        self._quick = can_open_beneath(root)
        self._folders = Descriptors(_OPEN_FOLDERS)
        self._files = Descriptors(_OPEN_FILES)

    @classmethod
    def join(cls, path: Path, identity: tuple[int, int]) -> "TargetFolder":
        """What another process of ours has taken for a restore, to fill it with that one.

        Raises:
            OSError: it is not to be opened, or not the folder with this device and inode.
        """
        root = os.open(path, _FOLDER)
        joined = cls(path, root, resumed=False)
        if joined.identity != identity:
            joined.close()
            raise NotADirectoryError(errno.ENOTDIR, "Another folder is in its place")
        return joined

    @property
    def identity(self) -> tuple[int, int]:
        """Its device and inode."""
        found = os.fstat(self._root)
        return found.st_dev, found.st_ino

    def make_folder(self, folder: bytes, name: bytes) -> None:
        """Make a folder for us alone; its mode comes later. Raises OSError.

        Where a restore goes on, the folder may be there.
        """
        with self.hold_folder(folder) as parent:
            try:
                os.mkdir(name, 0o700, dir_fd=parent)
            except FileExistsError:
                if not self.resumed:
                    raise
                allow_owner(parent, name, os.O_DIRECTORY, 0o700)

    @contextmanager
    def hold_folder(self, folder: bytes) -> Iterator[int]:
        """The descriptor of a folder that was made here; empty for the target itself."""
        if not folder:
            yield self._root
            return
        with self._folders.hold(folder, self._open_folder) as descriptor:
            yield descriptor

    def release_folder(self, folder: bytes) -> None:
        """Nothing more will be done in this folder."""
        self._folders.drop(folder)

    def create_file(self, folder: bytes, name: bytes) -> int:
        """The descriptor of a new file, for the caller to close. Raises OSError."""
        if not folder:
            return os.open(name, _NEW, 0o600, dir_fd=self._root)
        if self._quick and len(folder) + len(name) < LONGEST:
            return _create.open(self._root, folder + b"/" + name)
        parent = self._folders.take(folder, self._open_folder)
        try:
            return os.open(name, _NEW, 0o600, dir_fd=parent)
        finally:
            self._folders.give_back(folder)

    def find_file(self, folder: bytes, name: bytes) -> int | None:
        """The descriptor of a regular file left by an interrupted restore, or None; to be closed.

        Raises:
            OSError: something else has its place, or it cannot be opened.
        """
        with self.hold_folder(folder) as parent:
            try:
                allow_owner(parent, name, 0, 0o600)
                return os.open(name, _LEFT, dir_fd=parent)
            except FileNotFoundError:
                return None

    def clear(self, folder: bytes, name: bytes) -> None:
        """Make room for an entry that an interrupted restore may have made. Raises OSError."""
        if self.resumed:
            with self.hold_folder(folder) as parent, suppress(FileNotFoundError):
                os.unlink(name, dir_fd=parent)

    @contextmanager
    def hold_file(self, folder: bytes, name: bytes) -> Iterator[int]:
        """The descriptor of a file that was created here, to go on writing. Raises OSError."""

        def opener(_: bytes) -> int:
            with self.hold_folder(folder) as parent:
                return os.open(name, _AGAIN, dir_fd=parent)

        with self._files.hold(folder + b"/" + name, opener) as descriptor:
            yield descriptor

    def release_file(self, folder: bytes, name: bytes) -> None:
        """Nothing more will be written to this file."""
        self._files.drop(folder + b"/" + name)

    def remove_file(self, folder: bytes, name: bytes) -> None:
        """Take away what was written of a file. Raises OSError."""
        with self.hold_folder(folder) as parent:
            os.unlink(name, dir_fd=parent)

    def link(self, source: tuple[bytes, bytes], folder: bytes, name: bytes) -> None:
        """Give a file made here, by its folder and name, one more name. Raises OSError."""
        source_folder, source_name = source
        with self.hold_folder(source_folder) as there, self.hold_folder(folder) as here:
            os.link(source_name, name, src_dir_fd=there, dst_dir_fd=here, follow_symlinks=False)

    def close(self) -> None:
        """Give all descriptors back."""
        self._files.close()
        self._folders.close()
        os.close(self._root)

    def _open_folder(self, folder: bytes) -> int:
        parent, _, name = folder.rpartition(b"/")
        missing = [name]
        while parent and not self._folders.is_open(parent):
            parent, _, name = parent.rpartition(b"/")
            missing.append(name)
        with self.hold_folder(parent) as start:
            return _descend(start, reversed(missing))


class Target(TargetFolder):
    """A folder taken for one restore, empty or left by the same one.

    Args:
        path: Of the folder; made for us alone (0700) where it is not there.
        tree: What is restored into it.

    Raises:
        TargetNotEmpty: something else is in it.
        LocalPathUnusable: it cannot be made or opened, or another process restores into it.
    """

    def __init__(self, path: Path, tree: BlobId) -> None:
        root = _open_root(path)
        self._marker = marker_name(tree)
        self._claim, resumed = _take(root, tree, path)
        super().__init__(path, root, resumed=resumed)

    def sync(self) -> None:
        """Wait until everything is on the disk.

        Raises:
            LocalError: the disk says that some of it is lost.
        """
        if ctypes.CDLL(None, use_errno=True).syncfs(self._root) != 0:
            code = ctypes.get_errno()
            error = OSError(code, os.strerror(code))
            raise hopeless(error, self.path) or LocalPathUnusable(
                f"What was restored to {self.path} did not reach the disk: {error.strerror}."
            )

    def finish(self) -> None:
        """The restore has run to its end: nothing is left to go on with.

        Raises:
            OSError: the folder cannot be written any more.
        """
        with suppress(FileNotFoundError):
            os.unlink(self._marker, dir_fd=self._root)

    def close(self) -> None:
        """Give all descriptors back, and the claim."""
        super().close()
        os.close(self._claim)


def _take(root: int, tree: BlobId, path: Path) -> tuple[int, bool]:
    try:
        return claim_target(root, tree, str(path))
    except BaseException as error:
        os.close(root)
        if not isinstance(error, OSError):
            raise
        raise hopeless(error, path) or LocalPathUnusable(
            f"Nothing can be written to {path}: {error.strerror}."
        ) from error


def _descend(start: int, names: Iterator[bytes]) -> int:
    """Open a folder step by step; `start` stays open, what lies between does not."""
    current = os.dup(start)
    try:
        for name in names:
            below = os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=current)
            os.close(current)
            current = below
    except OSError:
        os.close(current)
        raise
    return current


def allow_owner(folder: int, name: bytes, flags: int, rights: int) -> None:
    """Give the owner rights to an entry, a folder or a regular file, never to what a link shows.

    Raises:
        OSError: it is of another type, or not there.
    """
    path = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(name, path | flags, dir_fd=folder)
    try:
        mode = os.fstat(descriptor).st_mode
        if not (stat.S_ISDIR(mode) if flags & os.O_DIRECTORY else stat.S_ISREG(mode)):
            raise FileExistsError(errno.EEXIST, "Something else is in its place")
        if mode & rights != rights:
            # A descriptor of this kind takes no chmod itself; its entry in /proc does.
            os.chmod(f"/proc/thread-self/fd/{descriptor}", stat.S_IMODE(mode) | rights)  # noqa: PTH101 - no path of a file
    finally:
        os.close(descriptor)


def _open_root(path: Path) -> int:
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.open(path, _FOLDER)
    except OSError as error:
        raise hopeless(error, path) or LocalPathUnusable(
            f"The target {path} cannot be used: {error.strerror}."
        ) from error
