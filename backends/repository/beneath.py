"""Opens a path of several components that never leaves its folder nor follows a link, in one call.

That is Linux's `openat2` (5.6 and later; man page openat2(2)), which Python does not offer. Where
the kernel or a sandbox has none, callers go component by component.
"""

import ctypes
import errno
import os
from typing import Final

#: The same on every architecture: it is younger than their common table of calls.
_OPENAT2: Final = 437
_NO_MAGIC_LINKS: Final = 0x02
_NO_SYMLINKS: Final = 0x04
_BENEATH: Final = 0x08
#: The kernel takes paths below this many bytes.
LONGEST: Final = 4000


class _OpenHow(ctypes.Structure):
    """`struct open_how`, see the man page."""

    _fields_ = (
        ("flags", ctypes.c_uint64),
        ("mode", ctypes.c_uint64),
        ("resolve", ctypes.c_uint64),
    )


_syscall = ctypes.CDLL(None, use_errno=True).syscall
_syscall.argtypes = (
    ctypes.c_long,
    ctypes.c_int,
    ctypes.c_char_p,
    ctypes.POINTER(_OpenHow),
    ctypes.c_size_t,
)
_syscall.restype = ctypes.c_long


class BeneathOpener:
    """Opens below a folder with always the same flags; safe to use from several threads.

    Args:
        flags: As for `os.open`.
        mode: Of a file that is created.
    """

    def __init__(self, flags: int, mode: int = 0) -> None:
        resolve = _NO_MAGIC_LINKS | _NO_SYMLINKS | _BENEATH
        self._how = _OpenHow(flags | os.O_CLOEXEC, mode, resolve)
        self._size = ctypes.sizeof(_OpenHow)

    def open(self, folder: int, path: bytes) -> int:
        """A descriptor for the caller to close. Raises OSError."""
        descriptor = _syscall(_OPENAT2, folder, path, self._how, self._size)
        if descriptor < 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))
        return int(descriptor)


def can_open_beneath(folder: int) -> bool:
    """Whether this system offers it."""
    try:
        os.close(BeneathOpener(os.O_PATH | os.O_DIRECTORY).open(folder, b"."))
    except OSError as error:
        if error.errno in (errno.EMFILE, errno.ENFILE):
            raise
        return False
    return True
