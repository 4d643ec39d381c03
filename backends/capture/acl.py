"""POSIX ACLs as rsync keeps them under --fake-super, turned into what the kernel keeps.

rsync stores an access ACL in `user.rsync.%aacl` and a default ACL in `user.rsync.%dacl`: four
little-endian u32 (owner, group, mask, other; 0x80 stands for "no entry"), then for each named
user or group an id and its permissions, whose bit 31 marks a user. What the file's mode already
says is left out. The kernel's form is the value of `system.posix_acl_access` and
`system.posix_acl_default`: a u32 version, 2, then per entry u16 tag, u16 permissions, u32 id.
"""

import struct
from dataclasses import dataclass

ACCESS_NAME = b"system.posix_acl_access"
DEFAULT_NAME = b"system.posix_acl_default"

_NO_ENTRY = 0x80
_IS_USER = 1 << 31
_PERMISSIONS = 0o7
_HEAD = struct.Struct("<4I")
_NAMED = struct.Struct("<2I")
_VERSION = struct.pack("<I", 2)
_ENTRY = struct.Struct("<HHI")
_NO_ID = 0xFFFF_FFFF

_TAG_OWNER, _TAG_USER, _TAG_GROUP_OWNER, _TAG_GROUP, _TAG_MASK, _TAG_OTHER = 1, 2, 4, 8, 16, 32


class MalformedAcl(ValueError):
    """A stored ACL that rsync could not have written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAcl:
    """An ACL as rsync stores it; None is "no entry", permissions are 0-7.

    Attributes:
        owner: What the file's owner may do.
        group: What the file's group may do.
        mask: Upper limit of everybody but owner and other.
        other: What the rest may do.
        users: Named users as (id, permissions), in the source's order.
        groups: Named groups likewise.
    """

    owner: int | None
    group: int | None
    mask: int | None
    other: int | None
    users: tuple[tuple[int, int], ...] = ()
    groups: tuple[tuple[int, int], ...] = ()

    @property
    def named(self) -> bool:
        """Whether any user or group is named; such an ACL must have a mask."""
        return bool(self.users or self.groups)


def parse_acl(stored: bytes) -> StoredAcl:
    """Read the value of `user.rsync.%aacl` or `%dacl`.

    Raises:
        MalformedAcl: the length is impossible, or a permission is none.
    """
    if len(stored) < _HEAD.size or (len(stored) - _HEAD.size) % _NAMED.size:
        raise MalformedAcl(f"an ACL cannot be {len(stored)} bytes long")
    owner, group, mask, other = (_plain_permission(word) for word in _HEAD.unpack_from(stored))
    named = list(_NAMED.iter_unpack(stored[_HEAD.size :]))
    return StoredAcl(
        owner=owner,
        group=group,
        mask=mask,
        other=other,
        users=tuple((who, _named_permission(word)) for who, word in named if word & _IS_USER),
        groups=tuple((who, _named_permission(word)) for who, word in named if not word & _IS_USER),
    )


def access_acl(stored: bytes, mode: int) -> bytes | None:
    """The `system.posix_acl_access` of a file with this mode; None where the mode says it all.

    Owner, mask and other are the mode's bits by the kernel's own rule. The record is not asked
    for them: rsync sends equal lists once without their mask, and then stores the mask of the
    first file that had the list with all of them.

    Raises:
        MalformedAcl: see `parse_acl`.
    """
    acl = parse_acl(stored)
    if acl.mask is None and not acl.named:
        return None
    group_bits = mode >> 3 & _PERMISSIONS
    return _kernel_acl(
        acl,
        owner=mode >> 6 & _PERMISSIONS,
        group=group_bits if acl.group is None else acl.group,
        mask=group_bits,
        other=mode & _PERMISSIONS,
    )


def default_acl(stored: bytes) -> bytes | None:
    """The `system.posix_acl_default` of a folder; None where rsync recorded that it has none.

    Raises:
        MalformedAcl: see `parse_acl`; or one of owner, group and other is missing.
    """
    acl = parse_acl(stored)
    if acl.owner is None:
        return None
    if acl.group is None or acl.other is None:
        raise MalformedAcl("a default ACL without an entry for the group or for others")
    mask = acl.mask
    if mask is None and acl.named:
        mask = _union(acl.group, *(may for _, may in acl.users + acl.groups))
    return _kernel_acl(acl, owner=acl.owner, group=acl.group, mask=mask, other=acl.other)


def _kernel_acl(acl: StoredAcl, *, owner: int, group: int, mask: int | None, other: int) -> bytes:
    entries = [(_TAG_OWNER, owner, _NO_ID)]
    entries += [(_TAG_USER, may, who) for who, may in acl.users]
    entries.append((_TAG_GROUP_OWNER, group, _NO_ID))
    entries += [(_TAG_GROUP, may, who) for who, may in acl.groups]
    if mask is not None:
        entries.append((_TAG_MASK, mask, _NO_ID))
    entries.append((_TAG_OTHER, other, _NO_ID))
    return _VERSION + b"".join(_ENTRY.pack(*entry) for entry in entries)


def _plain_permission(word: int) -> int | None:
    return None if word == _NO_ENTRY else _checked(word)


def _named_permission(word: int) -> int:
    return _checked(word & ~_IS_USER)


def _checked(word: int) -> int:
    if word > _PERMISSIONS:
        raise MalformedAcl(f"{word:#x} is no permission")
    return word


def _union(*permissions: int) -> int:
    result = 0
    for permission in permissions:
        result |= permission
    return result
