"""Restores entries in the disguise of rsync's `--fake-super`, for a sender that undoes it.

Everything becomes a plain file or folder of ours; type, mode, owner and device are in
`user.rsync.%stat` as `<mode, octal> <major>,<minor> <uid>:<gid>`, a link's target is the file's
content, and attributes outside `user.`, or named like rsync's own, are filed behind `user.rsync.`.
ACLs are in `user.rsync.%aacl` and `%dacl`: four little-endian u32 (owner, group, mask, other; 0x80
for no entry), then an id and its permissions for each named user (bit 31) or group. So no root is
needed here, and nothing that could do harm lies on this disk as what it is. (Tried with 3.5.0.)
"""

import os
import stat
import struct
from collections.abc import Iterator
from functools import partial
from typing import Final

from backends.repository.modes import posix_mode
from backends.repository.restored_metadata import Shortfalls, name_attribute
from backends.repository.sparse import write_all
from backends.repository.tree import Node, NodeType

_HIDDEN: Final = b"user.rsync."
_STAT: Final = b"user.rsync.%stat"
_ACLS: Final = {
    b"system.posix_acl_access": b"user.rsync.%aacl",
    b"system.posix_acl_default": b"user.rsync.%dacl",
}
_ENTRY: Final = struct.Struct("<HHI")
_VERSION: Final = 4
_NONE: Final = 0x80
_IS_USER: Final = 1 << 31
#: Where the kernel's tags of unnamed entries go in rsync's head; see acl(5) for the tags.
_HEAD: Final = {0x01: 0, 0x04: 1, 0x10: 2, 0x20: 3}
_USER, _GROUP = 0x02, 0x08
_KINDS: Final = {
    NodeType.FILE: stat.S_IFREG,
    NodeType.DIR: stat.S_IFDIR,
    NodeType.SYMLINK: stat.S_IFLNK,
    NodeType.FIFO: stat.S_IFIFO,
    NodeType.DEV: stat.S_IFBLK,
    NodeType.CHARDEV: stat.S_IFCHR,
}
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class DisguisedMetadata:
    """Stands in for `Metadata`; safe to use from several threads."""

    def __init__(self, shortfalls: Shortfalls) -> None:
        self._shortfalls = shortfalls

    def apply_to_open(self, descriptor: int, node: Node, path: bytes) -> None:
        """Complete a file or folder that is open."""
        attempt = self._shortfalls.attempt
        for name, value in (*_disguised(node), (_STAT, _stat_value(node))):
            step = partial(os.setxattr, descriptor, name, value)
            attempt(name_attribute(name), path, step)
        rights = 0o700 if node.type is NodeType.DIR else 0o600
        mode = (posix_mode(node.mode) & 0o777) | rights
        attempt("mode", path, partial(os.fchmod, descriptor, mode))
        attempt("times", path, partial(os.utime, descriptor, ns=(node.atime_ns, node.mtime_ns)))

    def make_other(self, folder: int, node: Node, path: bytes) -> None:
        """Make a link, pipe or device in an open folder. Raises OSError."""
        descriptor = os.open(node.name, _NEW, 0o600, dir_fd=folder)
        try:
            write_all(descriptor, node.link_target, 0)
            self.apply_to_open(descriptor, node, path)
        finally:
            os.close(descriptor)


def _stat_value(node: Node) -> bytes:
    mode = _KINDS[node.type] | stat.S_IMODE(posix_mode(node.mode))
    device = node.device if node.type in (NodeType.DEV, NodeType.CHARDEV) else 0
    place = (os.major(device), os.minor(device))
    return b"%o %d,%d %d:%d" % (mode, *place, node.uid, node.gid)


def _disguised(node: Node) -> Iterator[tuple[bytes, bytes]]:
    for name, value in node.xattrs:
        if name in _ACLS:
            yield _ACLS[name], disguise_acl(value)
        elif name.startswith(b"user.") and not name.startswith(_HIDDEN):
            yield name, value
        else:
            yield _HIDDEN + name, value


def disguise_acl(kernel: bytes) -> bytes:
    """An ACL as rsync keeps it, from the value of `system.posix_acl_*`; pure.

    Owner and other, which the mode says, are left out by rsync of access lists; it takes them
    from the mode whatever is here.
    """
    head, named = [_NONE] * 4, []
    for tag, may, who in _ENTRY.iter_unpack(kernel[_VERSION:]):
        if tag in _HEAD:
            head[_HEAD[tag]] = may
        elif tag in (_USER, _GROUP):
            named.append((who, may | (_IS_USER if tag == _USER else 0)))
    return struct.pack("<4I", *head) + b"".join(struct.pack("<2I", *entry) for entry in named)
