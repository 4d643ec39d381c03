"""What staging holds and the server has no more, where rsync was not asked to delete it.

With `--delete` rsync looks at each file once more, one after the other, and with `--fake-super`
each look walks all folders above it anew. Here names are compared, and no file is looked at.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from backends.errors import LocalPathUnusable
from backends.rsync.command import normal_path
from backends.rsync.pathset import PathSet

#: A folder relative to staging, and what is left over in it.
_Found = tuple[bytes, list[os.DirEntry[bytes]]]


def has_leftovers(staging: str, paths: Iterable[str], named: PathSet) -> bool:
    """Whether there is anything below `paths` that the server has not named.

    Raises:
        LocalPathUnusable: staging cannot be read.
    """
    with _telling(staging):
        return any(_unnamed(os.fsencode(staging), paths, named))


def remove_leftovers(
    staging: str, paths: Iterable[str], named: PathSet, on_removed: Callable[[bytes], None]
) -> bool:
    """Remove what the server has not named; the times of the folders around it stay.

    Args:
        staging: The image.
        paths: The server's paths that were pulled, absolute.
        named: All that it has below them.
        on_removed: Told each path that is gone, relative to staging.

    Returns:
        Whether all of it could be removed. A folder stays as it is where the server has named
        something in it, or where another file system begins.

    Raises:
        LocalPathUnusable: something cannot be removed.
    """
    image = os.fsencode(staging)
    clear = True
    with _telling(staging):
        for folder, entries in _unnamed(image, paths, named):
            with _keeping_times(os.path.join(image, folder)):  # noqa: PTH118 - raw bytes
                for entry in entries:
                    clear &= _remove(entry, _join(folder, entry.name), named, on_removed)
    return clear


def outermost(paths: Iterable[str]) -> list[bytes]:
    """The paths relative to staging, without those that lie below others of them."""
    found: list[bytes] = []
    for path in sorted(os.fsencode(normal_path(path))[1:] for path in paths):
        if not any(not above or path.startswith(above + b"/") for above in found):
            found.append(path)
    return found


def _unnamed(image: bytes, paths: Iterable[str], named: PathSet) -> Iterator[_Found]:
    pending = outermost(paths)
    while pending:
        folder = pending.pop()
        left: list[os.DirEntry[bytes]] = []
        for entry in _entries(os.path.join(image, folder)):  # noqa: PTH118 - raw bytes
            path = _join(folder, entry.name)
            if path not in named:
                left.append(entry)
            elif entry.is_dir(follow_symlinks=False):
                pending.append(path)
        if left:
            yield folder, left


def _entries(place: bytes) -> list[os.DirEntry[bytes]]:
    """What is in a folder; nothing in what is none."""
    try:
        with os.scandir(place) as entries:
            return list(entries)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _remove(
    entry: os.DirEntry[bytes], path: bytes, named: PathSet, on_removed: Callable[[bytes], None]
) -> bool:
    if not entry.is_dir(follow_symlinks=False):
        os.unlink(entry.path)  # noqa: PTH108 - raw bytes
        on_removed(path)
        return True
    if not _is_all_gone(entry, path, named):
        return False
    folders = [(entry.path, path)]
    for place, below, is_folder in _below(entry.path, path):
        if is_folder:
            folders.append((place, below))
        else:
            os.unlink(place)  # noqa: PTH108 - raw bytes
            on_removed(below)
    for place, below in reversed(folders):
        os.rmdir(place)  # noqa: PTH106 - raw bytes
        on_removed(below)
    return True


def _is_all_gone(entry: os.DirEntry[bytes], path: bytes, named: PathSet) -> bool:
    """Whether nothing in a folder was named, and all of it is on the disk of the image."""
    device = os.lstat(os.path.dirname(entry.path)).st_dev  # noqa: PTH120 - raw bytes
    if os.lstat(entry.path).st_dev != device:
        return False
    return not any(
        below in named or (is_folder and os.lstat(place).st_dev != device)
        for place, below, is_folder in _below(entry.path, path)
    )


def _below(place: bytes, path: bytes) -> Iterator[tuple[bytes, bytes, bool]]:
    """All that is in a folder, each folder before what is in it: place, path, is it a folder."""
    pending = [(place, path)]
    while pending:
        place, path = pending.pop()
        for entry in _entries(place):
            below = _join(path, entry.name)
            is_folder = entry.is_dir(follow_symlinks=False)
            if is_folder:
                pending.append((entry.path, below))
            yield entry.path, below, is_folder


@contextmanager
def _keeping_times(folder: bytes) -> Iterator[None]:
    """Leave them as rsync has set them, which is as the server has them."""
    stat = os.lstat(folder)
    try:
        yield
    finally:
        os.utime(folder, ns=(stat.st_atime_ns, stat.st_mtime_ns))


@contextmanager
def _telling(staging: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise LocalPathUnusable(f"Cannot tidy staging {staging}: {error}") from error


def _join(folder: bytes, name: bytes) -> bytes:
    return folder + b"/" + name if folder else name
