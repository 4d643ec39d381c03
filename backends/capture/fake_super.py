"""What a file was at the source, read from what `rsync --fake-super` left in staging.

Facts, each tried with rsync 3.5.0 as root and as an unprivileged receiver, with equal results:

- `user.rsync.%stat` holds `<mode, octal> <major>,<minor> <uid>:<gid>`. It is absent exactly where
  the staged file's own type, mode, owner and group are already the source's.
- Symlinks, devices, FIFOs and sockets are plain files; a symlink's content is its target.
- Attributes of the `user.` namespace keep their names. All others are filed behind `user.rsync.`:
  `security.capability` arrives as `user.rsync.security.capability`, `trusted.x` likewise.
- ACLs are in `user.rsync.%aacl` and `%dacl`, see `backends.capture.acl`.
- Attributes outside `user.` that a staged file may carry (SELinux labels, an ACL inherited from
  the state folder) belong to this machine and are not the source's.
- rsync takes its own `%aacl` and `%dacl` for attributes that the source no longer has, and
  removes them when nothing but another attribute changed. A pull therefore hides them from the
  receiver with `--filter=-xr user.rsync.%*`; the `r` is needed beside `--delete-excluded`. Such a
  filter also lifts the receiver's own blindness for `system.`, hence `--filter=-xr system.*` too.
- Without `--modify-window=-1`, times that differ only within a second count as equal: a file of
  the same size that changed within that second is not even sent.

`setxattr`, `chmod` and `chown` all move a file's ctime: whoever remembers the inode number and
ctime of a staged file together with its attributes need not ask again while both are the same.
"""

import errno
import os
import re
import stat as file_type
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache

from backends.capture.acl import (
    ACCESS_NAME,
    DEFAULT_NAME,
    MalformedAcl,
    access_acl,
    default_acl,
)
from backends.capture.vacancy import MARK
from backends.errors import LocalPathUnusable

_STAT = "user.rsync.%stat"
#: Ours alone: the source has no such attributes.
_NOT_SOURCES = {_STAT, MARK}
_STAT_ONLY = [_STAT]
_ACCESS = b"user.rsync.%aacl"
_DEFAULT = b"user.rsync.%dacl"
_USER = "user."
_HIDDEN = re.compile(rb"user\.rsync\.((?:security|trusted)\..+)", re.DOTALL)
_STAT_VALUE = re.compile(rb"([0-7]{1,7}) (\d{1,10}),(\d{1,10}) (-?\d{1,10}):(-?\d{1,10})")
_32_BITS = 0xFFFF_FFFF
#: The kernel's PATH_MAX is 4096 with the closing NUL.
_LONGEST_TARGET = 4095
_NODE_KINDS = frozenset(
    {
        file_type.S_IFREG,
        file_type.S_IFLNK,
        file_type.S_IFIFO,
        file_type.S_IFSOCK,
        file_type.S_IFCHR,
        file_type.S_IFBLK,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceAttributes:
    """One file's true attributes; its size and times are those of the staged file.

    Attributes:
        mode: As `st_mode`: file type and permissions with setuid, setgid, sticky.
        uid: Owner at the source.
        gid: Group at the source.
        rdev: (major, minor) of a device, else None.
        xattrs: (name, value) with true names, ACLs included in the kernel's form, sorted.
        link_target: Of a symbolic link, else None.
        problems: What could not be decoded and was replaced by the nearest safe reading; only a
            damaged staging or a hostile server causes any.
    """

    mode: int
    uid: int
    gid: int
    rdev: tuple[int, int] | None = None
    xattrs: tuple[tuple[bytes, bytes], ...] = ()
    link_target: bytes | None = None
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredStat:
    """The parsed value of `user.rsync.%stat`."""

    mode: int
    uid: int
    gid: int
    rdev: tuple[int, int] | None


@lru_cache(maxsize=4096)
def parse_stat(value: bytes) -> StoredStat | None:
    """Read the value of `user.rsync.%stat`; None if rsync could not have written it.

    Owners above 2**31 are also taken in the negative form that older versions print. Few values
    repeat over many files, so they are remembered.
    """
    match = _STAT_VALUE.fullmatch(value)
    if match is None:
        return None
    major, minor, uid, gid = (int(number) for number in match.group(2, 3, 4, 5))
    if max(major, minor, uid, gid) > _32_BITS or min(uid, gid) < -(1 << 31):
        return None
    mode = int(match.group(1), 8)
    device = file_type.S_IFMT(mode) in (file_type.S_IFCHR, file_type.S_IFBLK)
    return StoredStat(
        mode=mode,
        uid=uid & _32_BITS,
        gid=gid & _32_BITS,
        rdev=(major, minor) if device else None,
    )


def true_name(stored: bytes) -> bytes:
    """The name an attribute has at the source.

    Only the namespaces that rsync hides are uncovered. `system.` is not among them: ACLs come
    from rsync's own record alone, never from bytes a server chose.
    """
    match = _HIDDEN.fullmatch(stored)
    return stored if match is None else match.group(1)


def plain_attributes(stat: os.stat_result) -> SourceAttributes:
    """A staged file's own attributes, for callers that know it carries no record."""
    return _recorded_attributes(stat.st_mode, stat.st_uid, stat.st_gid, None)


def decode_attributes(
    stat: os.stat_result,
    stored_stat: bytes | None,
    stored: Iterable[tuple[bytes, bytes]] = (),
) -> SourceAttributes:
    """Put together what a staged file says of its source; a link's target is not among it.

    Args:
        stat: Of the staged file itself.
        stored_stat: The value of `user.rsync.%stat`, or None where it is absent.
        stored: The other attributes of the `user.` namespace, under their staged names.
    """
    base = _recorded_attributes(stat.st_mode, stat.st_uid, stat.st_gid, stored_stat)
    if not stored:
        return base
    problems = list(base.problems)
    xattrs = tuple(sorted(_decode_xattrs(stored, base.mode, problems)))
    return replace(base, xattrs=xattrs, problems=tuple(problems))


def read_attributes(path: bytes, stat: os.stat_result) -> SourceAttributes:
    """The true attributes of one staged file, never following a link.

    Args:
        path: The staged file.
        stat: Its `os.lstat`.

    Raises:
        LocalPathUnusable: the file is gone or its attributes cannot be read.
    """
    try:
        names = os.listxattr(path, follow_symlinks=False)
        if not names and not file_type.S_ISLNK(stat.st_mode):
            return plain_attributes(stat)
        stored_stat = _get(path, _STAT) if _STAT in names else None
        stored = _read_others(path, names) if names != _STAT_ONLY else ()
        attributes = decode_attributes(stat, stored_stat, stored)
        if file_type.S_ISLNK(attributes.mode):
            return _with_target(attributes, path, stat)
    except OSError as error:
        raise LocalPathUnusable(
            f"the attributes of {os.fsdecode(path)!r} in staging cannot be read: {error.strerror}"
        ) from error
    else:
        return attributes


def ensure_xattrs(folder: str) -> None:
    """Check that a folder's file system keeps `user.` attributes, which staging depends on.

    Raises:
        LocalPathUnusable: it does not, or the folder is not ours to write to.
    """
    name = "user.lapseguard.probe"
    try:
        os.setxattr(folder, name, b"1")
        os.removexattr(folder, name)
    except OSError as error:
        raise LocalPathUnusable(
            f"{folder} cannot keep extended attributes: {error.strerror}",
            hint="Put the state folder on ext4, xfs or btrfs; owners and modes are kept there.",
        ) from error


@lru_cache(maxsize=1024)
def _recorded_attributes(
    st_mode: int, st_uid: int, st_gid: int, stored_stat: bytes | None
) -> SourceAttributes:
    """Of a file that has no other attributes, as most have not; few of them differ."""
    own = SourceAttributes(mode=st_mode, uid=st_uid, gid=st_gid)
    if stored_stat is None:
        return own
    parsed = parse_stat(stored_stat)
    if parsed is None:
        why = f"the recorded owner and mode are unreadable: {stored_stat[:80]!r}"
        return replace(own, problems=(why,))
    if not _possible_kind(parsed.mode, st_mode):
        why = f"mode {parsed.mode:o} is recorded for what is {st_mode:o} here"
        own_kind = file_type.S_IFMT(st_mode) | file_type.S_IMODE(parsed.mode)
        return replace(own, mode=own_kind, uid=parsed.uid, gid=parsed.gid, problems=(why,))
    return replace(own, mode=parsed.mode, uid=parsed.uid, gid=parsed.gid, rdev=parsed.rdev)


def _possible_kind(recorded: int, staged: int) -> bool:
    """A staged folder is a folder; a staged plain file may stand for anything else."""
    kind = file_type.S_IFMT(recorded)
    if kind == file_type.S_IFMT(staged):
        return True
    return file_type.S_ISREG(staged) and kind in _NODE_KINDS


def _decode_xattrs(
    stored: Iterable[tuple[bytes, bytes]], mode: int, problems: list[str]
) -> Iterable[tuple[bytes, bytes]]:
    for name, value in stored:
        if name not in (_ACCESS, _DEFAULT):
            yield true_name(name), value
            continue
        try:
            acl = access_acl(value, mode) if name == _ACCESS else default_acl(value)
        except MalformedAcl as error:
            problems.append(f"the recorded ACL is unreadable: {error}")
            continue
        if acl is not None:
            yield (ACCESS_NAME if name == _ACCESS else DEFAULT_NAME), acl


def _read_others(path: bytes, names: list[str]) -> list[tuple[bytes, bytes]]:
    wanted = (name for name in names if name.startswith(_USER) and name not in _NOT_SOURCES)
    values = ((os.fsencode(name), _get(path, name)) for name in wanted)
    return [(name, value) for name, value in values if value is not None]


def _get(path: bytes, name: str) -> bytes | None:
    try:
        return os.getxattr(path, name, follow_symlinks=False)
    except OSError as error:
        # Removed since it was listed: then it no longer belongs to the file.
        if error.errno == errno.ENODATA:
            return None
        raise


def _with_target(
    attributes: SourceAttributes, path: bytes, stat: os.stat_result
) -> SourceAttributes:
    """Add a link's target; what cannot be a target stays a plain file that says why."""
    # A real link is none of rsync's doing, but it still is a link.
    staged_link = file_type.S_ISLNK(stat.st_mode)
    target = os.readlink(path) if staged_link else _read_short(path)  # noqa: PTH115 - bytes
    if 0 < len(target) <= _LONGEST_TARGET and b"\0" not in target:
        return replace(attributes, link_target=target)
    why = f"a symbolic link is recorded whose target of {stat.st_size} bytes is none"
    private = file_type.S_IFREG | 0o600
    return replace(attributes, mode=private, problems=(*attributes.problems, why))


def _read_short(path: bytes) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        return os.read(descriptor, _LONGEST_TARGET + 1)
    finally:
        os.close(descriptor)
