"""An iCalendar document that was written before, read event by event without understanding it all.

Each event carries a sum over itself and over what it was made from. So one that has not changed is
taken over as it stands, however many there are, and one that somebody else has edited is not.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from daemon.errors import InvalidValue

PRODID: Final = "-//Lapseguard//Lapseguard//EN"
_SUM: Final = b"X-LAPSEGUARD-SUM:"
_BEGIN, _END = b"BEGIN:VEVENT\r\n", b"END:VEVENT\r\n"
_EVENT: Final = re.compile(rb"^BEGIN:VEVENT\r\n.*?^END:VEVENT\r\n", re.MULTILINE | re.DOTALL)
_PROPERTY: Final = re.compile(rb"^(UID|DTSTAMP|SEQUENCE|DTSTART|STATUS):(.*)\r$", re.MULTILINE)
_INSTANT: Final = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True, slots=True, kw_only=True)
class FormerEvent:
    """One event as it was written last time.

    Attributes:
        uid: Its lasting name.
        changed: When it was last changed.
        revision: The number of that change.
        starts_at: When it is.
        cancelled: Whether it says that it will not be.
        block: Its lines, the sum among them.
    """

    uid: str
    changed: datetime
    revision: int
    starts_at: datetime
    cancelled: bool
    block: bytes

    def is_made_from(self, facts: str) -> bool:
        """Whether `seal` made it from these facts, and nobody has touched it since."""
        first, _, rest = self.block.removeprefix(_BEGIN).partition(b"\r\n")
        return first == _SUM + _sum(facts, rest)


def seal(event: bytes, facts: str) -> bytes:
    """An event with its sum.

    Args:
        event: The lines of one VEVENT.
        facts: What it was made from, its stamps left out.
    """
    rest = event.removeprefix(_BEGIN)
    return _BEGIN + _SUM + _sum(facts, rest) + b"\r\n" + rest


def read_document(document: bytes) -> Mapping[str, FormerEvent]:
    """The events by their names; those that cannot be read are left out.

    Raises:
        InvalidValue: it is not a calendar that Lapseguard wrote.
    """
    # A folder under version control may have changed the ends of its lines.
    text = document.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    head = text.partition(_BEGIN)[0]
    ours = head.startswith(b"BEGIN:VCALENDAR\r\n") and f"PRODID:{PRODID}\r\n".encode() in head
    if not ours or not text.rstrip().endswith(b"END:VCALENDAR"):
        raise InvalidValue(
            "The file is there already, and is not a calendar that Lapseguard wrote.",
            hint="Name another file, or remove that one.",
        )
    found = map(_read_event, _EVENT.findall(text))
    return {event.uid: event for event in found if event is not None}


def _read_event(block: bytes) -> FormerEvent | None:
    unfolded = block.replace(b"\r\n ", b"")
    known = {name: value.decode() for name, value in _PROPERTY.findall(unfolded)}
    try:
        return FormerEvent(
            uid=known[b"UID"],
            changed=_instant(known[b"DTSTAMP"]),
            revision=int(known[b"SEQUENCE"]),
            starts_at=_instant(known[b"DTSTART"]),
            cancelled=known.get(b"STATUS") == "CANCELLED",
            block=block,
        )
    except (KeyError, ValueError):
        return None


def _instant(text: str) -> datetime:
    return datetime.strptime(text, _INSTANT).replace(tzinfo=UTC)


def _sum(facts: str, lines: bytes) -> bytes:
    return hashlib.sha256(facts.encode() + b"\0" + lines).hexdigest()[:32].encode()
