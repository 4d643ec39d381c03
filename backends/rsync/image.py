"""The image of a server in staging, as far as rsync itself does not keep it."""

import os
import posixpath
import re
import shutil
from collections.abc import Iterable

from backends.errors import LocalPathUnusable
from backends.rsync.command import normal_path
from backends.rsync.scratch import WITHIN
from backends.types import Omission, PullSpec

#: Where `--fake-super` keeps the true mode, in octal; 12xxxx is a symbolic link.
_STAT = "user.rsync.%stat"
_LINK = re.compile(rb"12\d{4} ")


def forget_unasked(staging: str, paths: Iterable[str]) -> None:
    """Remove from staging what earlier pulls of other paths left there.

    `--delete` looks only below the paths of its own call, so a path that is no longer asked for
    would stay for ever.

    Raises:
        LocalPathUnusable: something cannot be removed.
    """
    wanted = [_parts(os.fsencode(normal_path(path))) for path in paths]
    wanted.append((os.fsencode(WITHIN),))
    try:
        _prune(os.fsencode(staging), wanted)
    except OSError as error:
        raise LocalPathUnusable(f"Cannot tidy staging {staging}: {error}") from error


def uncovered_links(spec: PullSpec) -> tuple[Omission, ...]:
    """Paths asked for that are symbolic links to something nobody asked for.

    Such a path delivers one link and no data, without a complaint of rsync.
    """
    paths = [normal_path(path) for path in spec.paths]
    found = []
    for path in paths:
        target = _link_target(os.fsencode(spec.staging) + os.fsencode(path))
        if target is None:
            continue
        place = posixpath.normpath(posixpath.join(posixpath.dirname(path), os.fsdecode(target)))
        if not any(_is_below(place, other) for other in paths if other != path):
            reason = f"it is a symbolic link to {place}, which is not among the paths"
            found.append(Omission(path=os.fsencode(path).lstrip(b"/"), reason=reason))
    return tuple(found)


def _prune(folder: bytes, wanted: list[tuple[bytes, ...]]) -> None:
    if () in wanted:
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            below = [parts[1:] for parts in wanted if parts[0] == entry.name]
            if not below:
                _remove(entry)
            elif entry.is_dir(follow_symlinks=False):
                _prune(entry.path, below)


def _remove(entry: os.DirEntry[bytes]) -> None:
    if entry.is_dir(follow_symlinks=False):
        shutil.rmtree(entry.path)
    else:
        os.unlink(entry.path)  # noqa: PTH108 - raw bytes


def _parts(path: bytes) -> tuple[bytes, ...]:
    return tuple(part for part in path.split(b"/") if part)


def _is_below(path: str, ancestor: str) -> bool:
    return path == ancestor or path.startswith(f"{ancestor.rstrip('/')}/")


def _link_target(place: bytes) -> bytes | None:
    try:
        if not _LINK.match(os.getxattr(place, _STAT, follow_symlinks=False)):
            return None
        with open(place, "rb") as stream:  # noqa: PTH123 - raw bytes
            return stream.read(4096)
    except OSError:
        # Not there, or an ordinary file that has no such attribute: no link in either case.
        return None
