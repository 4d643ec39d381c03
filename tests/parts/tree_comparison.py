"""Describes a folder's entries as a user would notice them, and names every difference."""
# Names are raw bytes here, which pathlib cannot hold.
# ruff: noqa: PTH115, PTH118, PTH123

import hashlib
import os
import stat
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path

_KINDS = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "folder",
    stat.S_IFLNK: "symlink",
    stat.S_IFIFO: "fifo",
    stat.S_IFSOCK: "socket",
    stat.S_IFCHR: "character device",
    stat.S_IFBLK: "block device",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry of a tree.

    Attributes:
        kind: What it is, in words.
        mode: Permission bits with setuid, setgid and sticky.
        size: Bytes of a file; None for everything else.
        sha256: Of a file's content.
        rdev: (major, minor) of a device.
        xattrs: (name, value) sorted, ACLs in the kernel's form among them.
        linked: All paths of the tree that are this very inode, sorted; empty if it is alone.
        allocated: Bytes on disk of a file; compared only when asked for.
    """

    kind: str
    mode: int
    uid: int
    gid: int
    mtime_ns: int
    size: int | None
    sha256: str | None
    link_target: bytes | None
    rdev: tuple[int, int] | None
    xattrs: tuple[tuple[bytes, bytes], ...]
    linked: tuple[bytes, ...]
    allocated: int | None


def describe_tree(root: Path) -> dict[bytes, Entry]:
    """Every entry below `root` (not `root` itself) by its relative path, in sorted order."""
    top = os.fsencode(root)
    found = {path: os.lstat(os.path.join(top, path)) for path in walk(top)}
    names = defaultdict(list)
    for path, status in sorted(found.items()):
        if not stat.S_ISDIR(status.st_mode) and status.st_nlink > 1:
            names[status.st_dev, status.st_ino].append(path)
    return {
        path: _describe(os.path.join(top, path), status, names[status.st_dev, status.st_ino])
        for path, status in sorted(found.items())
    }


def compare_trees(
    a: Path | Mapping[bytes, Entry],
    b: Path | Mapping[bytes, Entry],
    *,
    owners: bool = True,
    sparse: bool = False,
    ignoring: Collection[str] = (),
    skip: Collection[bytes] = (),
) -> list[str]:
    """What differs between two trees, one sentence a difference; empty when they are equal.

    Args:
        a: The folder that is right, or its description.
        b: The folder that is looked at, or its description.
        owners: Whether owner and group count.
        sparse: Whether a file in `b` may not take more than 64 KiB more disk than in `a`.
        ignoring: Names of `Entry` fields that do not count.
        skip: Paths that do not count.
    """
    left = describe_tree(a) if isinstance(a, Path) else a
    right = describe_tree(b) if isinstance(b, Path) else b
    ignored = {*ignoring, "allocated", *(() if owners else ("uid", "gid"))}
    differences = []
    for path in sorted((left.keys() | right.keys()) - set(skip)):
        if path not in right:
            differences.append(f"{path!r} is missing")
        elif path not in left:
            differences.append(f"{path!r} should not be there")
        else:
            differences += _compare_entries(path, left[path], right[path], ignored)
            if sparse and _swollen(left[path], right[path]):
                differences.append(f"{path!r}: its holes are filled")
    return differences


def walk(top: bytes) -> Iterator[bytes]:
    """Every path below `top`, relative, folders before what is in them; follows nothing."""
    pending = [b""]
    while pending:
        folder = pending.pop()
        with os.scandir(os.path.join(top, folder)) as entries:
            for entry in entries:
                path = os.path.join(folder, entry.name)
                yield path
                if entry.is_dir(follow_symlinks=False):
                    pending.append(path)


def _compare_entries(path: bytes, a: Entry, b: Entry, ignored: Collection[str]) -> list[str]:
    if a.kind != b.kind:
        return [f"{path!r} is a {b.kind} and should be a {a.kind}"]
    return [
        f"{path!r}: {field.name} is {_show(field.name, getattr(b, field.name))}"
        f" and should be {_show(field.name, getattr(a, field.name))}"
        for field in fields(Entry)
        if field.name not in ignored and getattr(a, field.name) != getattr(b, field.name)
    ]


def _show(field: str, value: object) -> str:
    return f"{value:o}" if field == "mode" else repr(value)


def _swollen(a: Entry, b: Entry) -> bool:
    return (b.allocated or 0) > (a.allocated or 0) + 65536


def _describe(path: bytes, status: os.stat_result, names: list[bytes]) -> Entry:
    file = stat.S_ISREG(status.st_mode)
    device = stat.S_ISCHR(status.st_mode) or stat.S_ISBLK(status.st_mode)
    rdev = status.st_rdev
    return Entry(
        kind=_KINDS[stat.S_IFMT(status.st_mode)],
        mode=stat.S_IMODE(status.st_mode),
        uid=status.st_uid,
        gid=status.st_gid,
        mtime_ns=status.st_mtime_ns,
        size=status.st_size if file else None,
        sha256=_sha256(path) if file else None,
        link_target=os.readlink(path) if stat.S_ISLNK(status.st_mode) else None,
        rdev=(os.major(rdev), os.minor(rdev)) if device else None,
        xattrs=_xattrs(path),
        linked=tuple(names) if len(names) > 1 else (),
        allocated=status.st_blocks * 512 if file else None,
    )


def _sha256(path: bytes) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _xattrs(path: bytes) -> tuple[tuple[bytes, bytes], ...]:
    names = os.listxattr(path, follow_symlinks=False)
    pairs = ((os.fsencode(name), os.getxattr(path, name, follow_symlinks=False)) for name in names)
    return tuple(sorted(pairs))
