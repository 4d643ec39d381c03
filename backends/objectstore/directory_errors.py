"""What an error number of the file system means for an object store."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from backends.errors import (
    KeyInvalid,
    ObjectMissing,
    StoreError,
    StoreFull,
    StoreRefused,
    StoreUnreachable,
)

#: EISDIR and ENOTDIR: the name is there as a folder, or below a file, so it is no object.
ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EISDIR})

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_REFUSED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
# What NFS, CIFS and FUSE say while their server is away.
_AWAY = frozenset(
    {errno.ESTALE, errno.ETIMEDOUT, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENOTCONN}
)

_PERMISSIONS = "Check owner and permissions of the folder, and that it is not mounted read-only."
_MOUNT = "Check that the file system behind the folder is mounted and its server answers."
_NAME_TAKEN = "A folder has the object's name, or a file that of its folder; move it away."


def store_error(error: OSError, what: str) -> StoreError:
    """The store error for `error`, met while doing `what` (the beginning of its message)."""
    message = f"{what}: {error.strerror or error}"
    if error.errno in _FULL:
        return StoreFull(message)
    if error.errno in _REFUSED:
        return StoreRefused(message, hint=_PERMISSIONS)
    if error.errno in _AWAY:
        return StoreUnreachable(message, hint=_MOUNT)
    if error.errno == errno.ENAMETOOLONG:
        return KeyInvalid(message)
    taken = error.errno in ABSENT or error.errno == errno.EEXIST
    return StoreError(message, hint=_NAME_TAKEN if taken else None)


@contextmanager
def mapped(what: str) -> Iterator[None]:
    """Turns an OSError of the block into a store error."""
    try:
        yield
    except OSError as error:
        raise store_error(error, what) from error


@contextmanager
def mapped_absence(what: str) -> Iterator[None]:
    """Like `mapped`; a name that is not there is ObjectMissing."""
    with mapped(what):
        try:
            yield
        except OSError as error:
            if error.errno in ABSENT:
                raise ObjectMissing(f"{what}: there is no such object") from error
            raise
