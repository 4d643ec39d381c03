r"""What rsync prints on standard output, by the format that `command` asks for. Pure.

A line is `%i %b %l %C %n`: what happened, bytes over the line, size, checksum, name. rsync itself
prints it when a file is complete and renamed into place. A hostile server can make rsync print
lines of its own choice (its messages come out on the same stream), so a line is a claim about
staging, never a proof: read the file before believing it, without following links. Names that
would leave staging are not taken.

Names are bytes. rsync escapes what is not printable ASCII as `\#ooo` (octal), and a backslash in
front of `#` and three digits as `\#134`; nothing else.
"""

import enum
import re
from dataclasses import dataclass

from backends.types import Arrival

_ITEM = re.compile(
    rb"(?P<item>\*deleting  |[<>ch.][fdLDS].{9})"
    rb" (?P<received>\d{1,19}) (?P<size>\d{1,19}) (?P<checksum>[0-9a-f]{32}| {32}) (?P<name>.+)",
    re.DOTALL,
)
#: Nearly every line of a first copy: a file was sent, and its name has nothing to look at closely.
_SENT = re.compile(
    rb">f.{9} (\d{1,19}) (\d{1,19}) ([0-9a-f]{32}) ([^./\\\0][^/\\\0]*(?:/[^./\\\0][^/\\\0]*)*)\n",
    re.DOTALL,
)
_OVERSIZE = re.compile(rb"(?P<name>.+) is over max-size", re.DOTALL)
_ESCAPE = re.compile(rb"\\#([0-3][0-7]{2})")


class ChangeKind(enum.Enum):
    """What else than the arrival of a file a line can report."""

    #: A folder was made, or its attributes were set.
    FOLDER = "folder"
    #: A symbolic link was made; its target is the content of a plain file in staging.
    SYMLINK = "symlink"
    #: A device, pipe or socket was made, as an empty plain file in staging.
    SPECIAL = "special"
    #: Only the attributes of a file were set; its content was equal.
    ATTRIBUTES = "attributes"
    #: The server has this no longer, so staging neither.
    DELETED = "deleted"
    #: The file is above the size limit and was not sent.
    OVERSIZE = "oversize"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A line that is not the arrival of a file.

    Attributes:
        kind: See `ChangeKind`.
        path: Relative to staging, raw bytes, no slash at the end; `.` is staging itself.
    """

    kind: ChangeKind
    path: bytes


def parse_line(line: bytes) -> Arrival | Change | None:
    r"""What one line says, or None where it is no report, or names something outside staging.

    Args:
        line: With its `\n`. Without one it was cut off, and nothing in it can be relied upon.
    """
    if found := _SENT.fullmatch(line):
        received, size, checksum, name = found.groups()
        return Arrival(
            path=name, size=int(size), checksum=checksum.decode(), received=int(received)
        )
    if not line.endswith(b"\n"):
        return None
    text = line[:-1]
    if found := _ITEM.fullmatch(text):
        return _reported(found)
    if found := _OVERSIZE.fullmatch(text):
        path = _safe_path(found["name"])
        return None if path is None else Change(kind=ChangeKind.OVERSIZE, path=path)
    return None


def unescape_name(text: bytes) -> bytes:
    """The name that rsync escaped for printing."""
    if b"\\#" not in text:
        return text
    return _ESCAPE.sub(lambda found: bytes([int(found[1], 8)]), text)


def _reported(found: re.Match[bytes]) -> Arrival | Change | None:
    item, received, size, checksum, name = found.groups()
    kind = _kind(item)
    if kind is ChangeKind.FOLDER and name == b"./":
        return Change(kind=kind, path=b".")
    path = _safe_path(name)
    if path is None:
        return None
    if kind is not None:
        return Change(kind=kind, path=path)
    return Arrival(
        path=path,
        size=int(size),
        checksum=checksum.decode().strip() or None,
        linked_to=item.startswith(b"h"),
        received=int(received),
    )


_KINDS = {
    ord("d"): ChangeKind.FOLDER,
    ord("L"): ChangeKind.SYMLINK,
    ord("D"): ChangeKind.SPECIAL,
    ord("S"): ChangeKind.SPECIAL,
}


def _kind(item: bytes) -> ChangeKind | None:
    """None where a file has arrived: sent, or linked to one that has."""
    if item.startswith(b"*"):
        return ChangeKind.DELETED
    if item[1] in _KINDS:
        return _KINDS[item[1]]
    return ChangeKind.ATTRIBUTES if item.startswith(b".") else None


def _safe_path(name: bytes) -> bytes | None:
    path = unescape_name(name).removesuffix(b"/")
    # Each part of a harmless name begins with something else; few names need a closer look.
    if path and b"/." not in path and b"//" not in path and path[0] not in b"./":
        return None if b"\0" in path else path
    parts = path.split(b"/")
    if b"\0" in path or any(part in {b"", b".", b".."} for part in parts):
        return None
    return path
