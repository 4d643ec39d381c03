"""Gives restored entries their owners, modes, times and attributes.

The order matters. Changing an owner clears setuid bits and capabilities, so owners come first;
attributes need a writable file, so modes come after them; every step changes times, so times are
last. What cannot be set is counted by its reason and never stops a restore.
"""

import os
import stat
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

from backends.repository.modes import permissions
from backends.repository.tree import Node, NodeType

_DEVICES: Final = {NodeType.DEV: stat.S_IFBLK, NodeType.CHARDEV: stat.S_IFCHR}
_SET_ID: Final = 0o6000
#: Attributes in these name spaces give power over the machine, or tell of it.
_PRIVILEGED: Final = (b"security.", b"trusted.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortfall:
    """Something about restored entries that is not as it was saved.

    Attributes:
        reason: What, and why.
        count: How many entries it concerns.
        example: The first of them, raw path.
    """

    reason: str
    count: int
    example: bytes


class Shortfalls:
    """Counts shortfalls by their reason; thread-safe."""

    def __init__(self) -> None:
        self._noting = threading.Lock()
        self._found: dict[str, tuple[int, bytes]] = {}

    def note(self, reason: str, path: bytes) -> None:
        """Count one entry."""
        with self._noting:
            count, example = self._found.get(reason, (0, path))
            self._found[reason] = (count + 1, example)

    def add(self, found: Iterable[Shortfall]) -> None:
        """Count what somebody else has noted."""
        with self._noting:
            for each in found:
                count, example = self._found.get(each.reason, (0, each.example))
                self._found[each.reason] = (count + each.count, example)

    def collect(self) -> tuple[Shortfall, ...]:
        """All of them, in the order of their first case."""
        return tuple(
            Shortfall(reason=reason, count=count, example=example)
            for reason, (count, example) in self._found.items()
        )

    def attempt(self, what: str, path: bytes, step: Callable[[], object]) -> None:
        """Do a step, and note it if the system refuses."""
        try:
            step()
        except OverflowError:
            self.note(f"{what} not restored: out of the system's range", path)
        except OSError as error:
            self.note(f"{what} not restored: {error.strerror}", path)


class EntryCompletion(Protocol):
    """Gives entries what they have beside their content; see `Metadata`."""

    def apply_to_open(self, descriptor: int, node: Node, path: bytes) -> None:
        """Complete a file or folder that is open."""

    def make_other(self, folder: int, node: Node, path: bytes) -> None:
        """Make a link, pipe or device in an open folder. Raises OSError."""


class Metadata:
    """Applies a node's metadata; safe to use from several threads.

    Args:
        owners: Restore owners, and with them what only they make harmless: setuid and setgid
            bits, capabilities and other attributes of the system's own.
        shortfalls: Where to note what could not be set.
    """

    def __init__(self, *, owners: bool, shortfalls: Shortfalls) -> None:
        self._owners = owners
        self._shortfalls = shortfalls
        self._self = (os.geteuid(), os.getegid())

    def apply_to_open(self, descriptor: int, node: Node, path: bytes) -> None:
        """Complete a file or folder that is open."""
        if not node.xattrs and self._apply_plainly(descriptor, node):
            return
        attempt = self._shortfalls.attempt
        owned = self._own(node, path)
        if self._owners:
            attempt("owner", path, partial(os.fchown, descriptor, node.uid, node.gid))
        for name, value in self._xattrs(node, path):
            attempt(name_attribute(name), path, partial(os.setxattr, descriptor, name, value))
        mode = self._mode(node, path, owned=owned)
        attempt("mode", path, partial(os.fchmod, descriptor, mode))
        attempt("times", path, partial(os.utime, descriptor, ns=(node.atime_ns, node.mtime_ns)))

    def _apply_plainly(self, descriptor: int, node: Node) -> bool:
        """The usual case, step by step; False where something has to be noted.

        Whatever was done by then may be done again.
        """
        if not self._owners and (node.uid, node.gid) != self._self:
            return False
        try:
            if self._owners:
                os.fchown(descriptor, node.uid, node.gid)
            os.fchmod(descriptor, permissions(node.mode))
            os.utime(descriptor, ns=(node.atime_ns, node.mtime_ns))
        except (OSError, OverflowError):
            return False
        return True

    def make_other(self, folder: int, node: Node, path: bytes) -> None:
        """Make a link, pipe or device in an open folder. Raises OSError."""
        if node.type is NodeType.SYMLINK:
            os.symlink(node.link_target, node.name, dir_fd=folder)
        elif node.type is NodeType.FIFO:
            os.mkfifo(node.name, 0o600, dir_fd=folder)
        else:
            os.mknod(node.name, _DEVICES[node.type] | 0o600, node.device, dir_fd=folder)
        self._apply_to_name(folder, node, path)

    def _apply_to_name(self, folder: int, node: Node, path: bytes) -> None:
        """Complete a link, pipe or device that was just made in the folder open as `folder`."""
        attempt, name = self._shortfalls.attempt, node.name
        owned = self._own(node, path)
        if self._owners:
            own = partial(os.chown, name, node.uid, node.gid, follow_symlinks=False)
            attempt("owner", path, partial(own, dir_fd=folder))
        # There is no setxattrat in Python; the magic link leads to the open folder.
        place = b"/proc/self/fd/%d/%b" % (folder, name)
        for key, value in self._xattrs(node, path):
            step = partial(os.setxattr, place, key, value, follow_symlinks=False)
            attempt(name_attribute(key), path, step)
        if node.type is not NodeType.SYMLINK:
            mode = self._mode(node, path, owned=owned)
            attempt("mode", path, partial(os.chmod, name, mode, dir_fd=folder))
        times = (node.atime_ns, node.mtime_ns)
        touch = partial(os.utime, name, ns=times, follow_symlinks=False)
        attempt("times", path, partial(touch, dir_fd=folder))

    def _own(self, node: Node, path: bytes) -> bool:
        """Whether the entry ends up with the owner it was saved with."""
        if self._owners or (node.uid, node.gid) == self._self:
            return True
        self._shortfalls.note("owner not restored: not asked for, or not root", path)
        return False

    def _mode(self, node: Node, path: bytes, *, owned: bool) -> int:
        mode = permissions(node.mode)
        if owned or not mode & _SET_ID:
            return mode
        self._shortfalls.note("setuid or setgid bit not restored, as the owner was not", path)
        return mode & ~_SET_ID

    def _xattrs(self, node: Node, path: bytes) -> Iterator[tuple[bytes, bytes]]:
        for name, value in node.xattrs:
            if name.startswith(_PRIVILEGED) and not self._owners:
                self._shortfalls.note(
                    f"{name_attribute(name)} not restored, as owners are not", path
                )
            else:
                yield name, value


def name_attribute(attribute: bytes) -> str:
    """What an attribute is called in a shortfall."""
    return f"attribute {attribute.decode('utf-8', 'backslashreplace')}"
