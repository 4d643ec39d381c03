"""What a dump is: one command on the server whose output is the copy."""

import posixpath
import re
from dataclasses import dataclass
from typing import Final

from backends.source_errors import (
    DumpInvalid,
)

#: Dumps lie below this folder of the captured tree, which no server has itself.
FOLDER: Final = ".lapseguard/dumps"
_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dump:
    """One database to be dumped. `backends.dumps.*` make these.

    Attributes:
        name: Of the file in the captured tree, its suffix included.
        argv: Prints the dump on standard output; credentials come from the server itself.
        begins: What a sound dump begins with; empty where that is not known.
        ends: What its last bytes contain; empty where that is not known.
        restore: How a person loads it, as one command line with `FILE` for the dump.

    Raises:
        DumpInvalid: on construction, for a name that is none, or an empty command.
    """

    name: str
    argv: tuple[str, ...]
    begins: bytes = b""
    ends: bytes = b""
    restore: str = ""

    def __post_init__(self) -> None:
        check_name(self.name)
        if not self.argv or not all(self.argv):
            raise DumpInvalid(f"The dump {self.name} has no command")

    @property
    def path(self) -> str:
        """Where it is found in the captured tree, as a path on the server."""
        return f"/{FOLDER}/{self.name}"


def check_name(name: str) -> str:
    """Give back what can be a file's name.

    Raises:
        DumpInvalid: it cannot.
    """
    if not _NAME.fullmatch(name):
        raise DumpInvalid(
            f"{name!r} cannot be the name of a dump",
            hint="Use letters, digits, dot, dash and underscore.",
        )
    return name


def file_name(*parts: str, suffix: str) -> str:
    """A file's name made of what was dumped; whatever names cannot have becomes `_`."""
    words = (re.sub(r"[^A-Za-z0-9_.-]+", "_", part).strip("_.") for part in parts)
    return check_name("-".join(filter(None, words)) + suffix)


def by_user(user: str | None, *argv: str) -> tuple[str, ...]:
    """The command as another user of the server, who may log in to the database by being it."""
    return ("sudo", "-n", "-u", user, "--", *argv) if user else argv


def absolute(path: str) -> str:
    """Give back an absolute path on the server.

    Raises:
        DumpInvalid: it is relative or climbs.
    """
    if not posixpath.isabs(path) or ".." in path.split("/"):
        raise DumpInvalid(f"{path!r} is not an absolute path without `..`")
    return path
