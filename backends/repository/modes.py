"""File modes: POSIX `st_mode` and Go's `fs.FileMode`, which puts the same facts at other bits."""

import stat
from functools import lru_cache

_GO_DIR = 1 << 31
_GO_SYMLINK = 1 << 27
_GO_DEVICE = 1 << 26
_GO_NAMED_PIPE = 1 << 25
_GO_SOCKET = 1 << 24
_GO_SETUID = 1 << 23
_GO_SETGID = 1 << 22
_GO_CHAR_DEVICE = 1 << 21
_GO_STICKY = 1 << 20
_GO_IRREGULAR = 1 << 19

#: Go's type bits; append-only, exclusive and temporary are no types.
_GO_TYPE = (
    _GO_DIR
    | _GO_SYMLINK
    | _GO_DEVICE
    | _GO_NAMED_PIPE
    | _GO_SOCKET
    | _GO_CHAR_DEVICE
    | _GO_IRREGULAR
)
_PERMISSIONS = 0o777

_TYPES = {
    stat.S_IFREG: 0,
    stat.S_IFDIR: _GO_DIR,
    stat.S_IFLNK: _GO_SYMLINK,
    stat.S_IFBLK: _GO_DEVICE,
    stat.S_IFCHR: _GO_DEVICE | _GO_CHAR_DEVICE,
    stat.S_IFIFO: _GO_NAMED_PIPE,
    stat.S_IFSOCK: _GO_SOCKET,
}
_TYPES_BACK = {go: posix for posix, go in _TYPES.items()}
_SPECIAL = (
    (stat.S_ISUID, _GO_SETUID),
    (stat.S_ISGID, _GO_SETGID),
    (stat.S_ISVTX, _GO_STICKY),
)


@lru_cache(maxsize=4096)
def go_mode(st_mode: int) -> int:
    """Turn `st_mode` into Go's `fs.FileMode`; an unknown file type counts as a regular file."""
    mode = (st_mode & _PERMISSIONS) | _TYPES.get(stat.S_IFMT(st_mode), 0)
    for posix, go in _SPECIAL:
        if st_mode & posix:
            mode |= go
    return mode


@lru_cache(maxsize=4096)
def posix_mode(mode: int) -> int:
    """Turn Go's `fs.FileMode` into `st_mode`; type bits POSIX does not know leave no type."""
    st_mode = (mode & _PERMISSIONS) | _TYPES_BACK.get(mode & _GO_TYPE, 0)
    for posix, go in _SPECIAL:
        if mode & go:
            st_mode |= posix
    return st_mode


def permissions(mode: int) -> int:
    """The bits that `chmod` takes: permissions, setuid, setgid and sticky."""
    return stat.S_IMODE(posix_mode(mode))
