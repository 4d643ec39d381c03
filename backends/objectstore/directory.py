"""Objects as files below a folder: a disk, a mounted NAS, an air-gapped drive."""

import errno
import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from backends.errors import BucketMissing
from backends.objectstore.directory_errors import ABSENT, mapped, mapped_absence, store_error
from backends.objectstore.keys import UNFINISHED, check_key, check_listed_key, check_prefix
from backends.objectstore.span import check_reach, check_received, check_span
from backends.types import Content, ObjectInfo

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class DirectoryStore:
    """An object store in a folder. Implements `ObjectStore`; vouches for no checksum.

    Folders are made 0700 and files 0600. A put is on the disk when it returns: the file is
    written beside its final name, synced, renamed, and the folder synced. What a crash leaves
    unfinished is never listed, and removed by the next `list` that comes past.

    Args:
        root: The folder; symbolic links in and below it are followed.
        create: Make `root` (not its parents) if it is not there. Without this a missing root is
            `BucketMissing`, so that an unmounted disk is noticed.

    Raises:
        StoreError: `root` could not be made.
    """

    def __init__(self, root: Path, *, create: bool = False) -> None:
        self._root = root.absolute()
        if create:
            self._make_root()

    def _make_root(self) -> None:
        with mapped(f"making {self._root}"):
            try:
                self._root.mkdir(mode=0o700, exist_ok=True)
            except FileNotFoundError as error:
                # Not made with its parents: a disk that is not mounted must not be hidden.
                raise BucketMissing(f"the folder {self._root.parent} does not exist") from error

    @property
    def url(self) -> str:
        """See `ObjectStore.url`."""
        return f"file://{self._root}"

    @property
    def attests_sha256(self) -> bool:
        """False: a file system computes no checksum for us."""
        return False

    def put(self, key: str, data: Content) -> ObjectInfo:
        """See `ObjectStore.put`."""
        path = self._path(key)
        with self._needing_root(), mapped(f"writing {path}"):
            self._make_folder(path.parent)
            with _unfinished(path.parent) as (descriptor, unfinished):
                _write_durably(descriptor, data)
                unfinished.replace(path)
                _sync_folder(path.parent)
            return _describe(key, path.stat())

    def get(self, key: str, *, offset: int = 0, length: int | None = None) -> bytes:
        """See `ObjectStore.get`."""
        check_span(offset, length)
        path = self._path(key)
        with self._needing_root(), mapped_absence(f"reading {path}"), path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            check_reach(key, size, offset, length)
            file.seek(offset)
            data = file.read(-1 if length is None else length)
        check_received(key, len(data), size - offset if length is None else length)
        return data

    def stat(self, key: str) -> ObjectInfo:
        """See `ObjectStore.stat`."""
        path = self._path(key)
        with self._needing_root(), mapped_absence(f"looking at {path}"):
            if path.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
            return _describe(key, path.stat())

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """See `ObjectStore.list`; one folder is in memory at a time for each level."""
        folder = check_prefix(prefix).rpartition("/")[0]
        self._check_root()
        return self._walk(f"{folder}/" if folder else "", prefix)

    def delete(self, key: str) -> None:
        """See `ObjectStore.delete`; durable when it returns, empty folders stay."""
        path = self._path(key)
        with self._needing_root(), mapped(f"deleting {path}"):
            try:
                path.unlink()
                _sync_folder(path.parent)
            except OSError as error:
                if error.errno not in ABSENT:
                    raise
                self._check_root()

    def close(self) -> None:
        """See `ObjectStore.close`; nothing stays open between calls."""

    def _path(self, key: str) -> Path:
        return self._root / check_key(key)

    def _check_root(self) -> None:
        with mapped(f"looking for {self._root}"):
            if not self._root.is_dir():
                raise BucketMissing(f"the folder {self._root} does not exist")

    @contextmanager
    def _needing_root(self) -> Iterator[None]:
        """Tells an object that is not there from a whole store that is not there."""
        try:
            yield
        except Exception:
            self._check_root()
            raise

    def _make_folder(self, folder: Path) -> None:
        """Make `folder` and what is missing above it, but never the root."""
        if folder.is_dir():
            return
        if folder != self._root:
            self._make_folder(folder.parent)
        else:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(folder))
        folder.mkdir(mode=0o700, exist_ok=True)  # another thread may have been faster
        _sync_folder(folder.parent)

    def _walk(self, folder: str, prefix: str) -> Iterator[ObjectInfo]:
        """Objects below `folder` (empty, or ending in `/`) that start with `prefix`."""
        for name, is_folder in _read_folder(self._root / folder):
            key = f"{folder}{name}"
            if is_folder and f"{key}/".startswith(prefix):
                yield from self._walk(f"{key}/", prefix)
            elif not is_folder and key.startswith(prefix):
                yield from self._list_file(key)

    def _list_file(self, key: str) -> Iterator[ObjectInfo]:
        path = self._root / key
        if key.endswith(UNFINISHED):
            _sweep(path)
            return
        with mapped(f"looking at {path}"):
            try:
                found = path.stat()
            except FileNotFoundError:
                return  # deleted since the folder was read
        yield _describe(check_listed_key(key, self.url), found)


def _read_folder(folder: Path) -> list[tuple[str, bool]]:
    """Names in a folder and whether each is a folder, in the order of their keys."""
    try:
        with os.scandir(folder) as entries:
            found = [(entry.name, entry.is_dir()) for entry in entries]
    except (FileNotFoundError, NotADirectoryError):
        return []  # nothing has this prefix, or its last object went meanwhile
    except OSError as error:
        raise store_error(error, f"listing {folder}") from error
    # A folder's keys continue with a slash, which sorts after `-` and `.`.
    return sorted(found, key=lambda entry: f"{entry[0]}/" if entry[1] else entry[0])


def _describe(key: str, found: os.stat_result) -> ObjectInfo:
    modified = datetime.fromtimestamp(found.st_mtime, UTC)
    return ObjectInfo(key=key, size=found.st_size, modified=modified)


@contextmanager
def _unfinished(folder: Path) -> Iterator[tuple[int, Path]]:
    """A new file in `folder`, locked as being written; removed unless it was renamed."""
    descriptor, path = _create_locked(folder)
    try:
        yield descriptor, path
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)


def _create_locked(folder: Path) -> tuple[int, Path]:
    while True:
        path = folder / f".{secrets.token_hex(8)}{UNFINISHED}"
        descriptor = os.open(path, _NEW, 0o600)
        with suppress(OSError):  # no locks on this file system: then no sweep can get one either
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            return descriptor, path
        os.close(descriptor)  # a sweep came between creating and locking: once more


def _sweep(path: Path) -> None:
    """Remove an unfinished file whose writer is gone.

    A live writer holds a lock on it, so no clock is needed to tell. Every failure leaves the
    file for another day, which is safe: it is never listed.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink(missing_ok=True)
    except OSError:
        return
    finally:
        os.close(descriptor)


def _write_durably(descriptor: int, data: Content) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
    os.fsync(descriptor)


def _sync_folder(folder: Path) -> None:
    """Make a new or vanished name in `folder` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in {errno.EINVAL, errno.ENOTSUP}:
            raise
        # CIFS and some FUSE file systems cannot sync folders; their server decides anyway.
    finally:
        os.close(descriptor)
