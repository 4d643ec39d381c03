"""What rsync prints on standard error, line by line. Pure.

Lines come from this machine's rsync, from the server's (of any age), from the server's shell
and from ssh. Names are escaped as on standard output, but quotes in them are not, so the last
quote of a line ends the name.
"""

import re
from dataclasses import dataclass

from backends.rsync.output import unescape_name

_COMPLAINT = re.compile(
    rb'rsync: (?:\[(?P<role>\w+)\] )?(?P<operation>[^"]*?)[( ]*"(?P<path>.*)"\)?'
    rb'(?P<rest>[^"]*): (?P<reason>[^:"]+) \((?P<number>\d+)\)'
)
_VANISHED = re.compile(rb'file has vanished: "(?P<path>.*)"')
_DISCARDED = re.compile(rb"ERROR: (?P<path>.*) failed verification -- update discarded\.")
_TOO_LONG = re.compile(rb"(?:rsync: \[\w+\] )?skipping overly long name: (?P<path>.*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """One thing that one of the two rsyncs could not do.

    Attributes:
        here: This machine's rsync says so, about a file of ours; else the server's.
        operation: What it tried, e.g. `opendir`.
        path: As that machine sees it: absolute, or relative to staging.
        reason: The system's words, e.g. `Permission denied`.
        number: The system's error number on the machine that complains; 0 where there is none.
    """

    here: bool
    operation: str
    path: bytes
    reason: str
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaints:
    """Everything that was understood of rsync's standard error.

    Attributes:
        complaints: In order, without repetitions.
        vanished: Absolute paths on the server.
    """

    complaints: tuple[Complaint, ...]
    vanished: tuple[bytes, ...]


def parse_complaints(stderr: bytes) -> Complaints:
    """Understand what can be understood; other lines are left out."""
    complaints: dict[Complaint, None] = {}
    vanished: dict[bytes, None] = {}
    for line in stderr.splitlines():
        if found := _VANISHED.fullmatch(line):
            vanished[unescape_name(found["path"])] = None
        elif complaint := _complaint(line):
            complaints[complaint] = None
    return Complaints(complaints=tuple(complaints), vanished=tuple(vanished))


def _complaint(line: bytes) -> Complaint | None:
    if found := _COMPLAINT.fullmatch(line):
        return _system_complaint(found)
    if found := _DISCARDED.fullmatch(line):
        return _plain_complaint(found["path"], "it changed while it was sent, twice")
    if found := _TOO_LONG.fullmatch(line):
        return _plain_complaint(found["path"], "its name is too long")
    return None


def _system_complaint(found: re.Match[bytes]) -> Complaint:
    operation, path = found["operation"].decode("ascii", "replace"), found["path"]
    if "xattr" in operation:
        # `lgetxattr("path","user.name",0)`
        path = path.partition(b'","')[0]
    return Complaint(
        here=(found["role"] or b"sender") != b"sender",
        operation=operation,
        path=unescape_name(path),
        reason=found["reason"].decode("ascii", "replace"),
        number=int(found["number"]),
    )


def _plain_complaint(name: bytes, reason: str) -> Complaint:
    path = unescape_name(name)
    return Complaint(here=False, operation="", path=path, reason=reason, number=0)
