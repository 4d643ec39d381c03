"""RFC 5545 read a second time, by its letter: what every calendar client may insist on.

Written without the library that writes our calendars, so that it cannot share its mistakes.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

#: name *(";" param-name "=" param-value) ":" value, section 3.1
_LINE: Final = re.compile(
    r'([A-Za-z0-9-]+)((?:;[A-Za-z0-9-]+=(?:"[^"\x00-\x1f]*"|[^";:,\x00-\x1f]*))*):(.*)', re.DOTALL
)
_OCTETS: Final = 75
_INSTANT: Final = re.compile(r"\d{8}T\d{6}Z")
_DURATION: Final = re.compile(r"-?P(\d+W|(\d+D)?(T(\d+H)?(\d+M)?(\d+S)?)?)")
#: Of which a VEVENT has exactly one here; and those that it may have besides.
_NEEDED: Final = ("UID", "DTSTAMP", "DTSTART", "DTEND", "SEQUENCE", "SUMMARY", "STATUS")
_ALLOWED: Final = {*_NEEDED, "LAST-MODIFIED", "DESCRIPTION", "CATEGORIES", "TRANSP"}
_TEXTS: Final = ("SUMMARY", "DESCRIPTION", "CATEGORIES")

Properties = dict[str, str]


def check_calendar(document: bytes) -> list[Properties]:
    """The events of a document, each as its properties with escapes undone; fails on any fault."""
    lines = list(_content_lines(document))
    assert lines[0] == ("BEGIN", "VCALENDAR")
    assert lines[-1] == ("END", "VCALENDAR")
    events: list[Properties] = []
    inside = ["VCALENDAR"]
    head: Properties = {}
    for name, value in lines[1:-1]:
        if name == "BEGIN":
            inside.append(value)
            assert inside in (["VCALENDAR", "VEVENT"], ["VCALENDAR", "VEVENT", "VALARM"]), inside
            alarm: Properties = {}
            if value == "VEVENT":
                events.append({})
        elif name == "END":
            assert inside.pop() == value
            _check_alarm(alarm) if value == "VALARM" else _check_event(events[-1])
        else:
            level = {1: head, 2: events[-1] if events else head}.get(len(inside))
            target = alarm if level is None else level
            assert name not in target, f"{name} stands twice"
            target[name] = value
    assert (head["VERSION"], head["METHOD"], head["CALSCALE"]) == ("2.0", "PUBLISH", "GREGORIAN")
    assert head["PRODID"]
    uids = [event["UID"] for event in events]
    assert len(uids) == len(set(uids))
    return [event | {name: _text(event[name]) for name in _TEXTS} for event in events]


def _content_lines(document: bytes) -> Iterator[tuple[str, str]]:
    assert document.endswith(b"\r\n")
    for physical in document.removesuffix(b"\r\n").split(b"\r\n"):
        assert len(physical) <= _OCTETS
        assert b"\n" not in physical
        assert b"\r" not in physical
    for line in document.removesuffix(b"\r\n").replace(b"\r\n ", b"").split(b"\r\n"):
        found = _LINE.fullmatch(line.decode("utf-8"))
        assert found, line
        assert not re.search(r"[\x00-\x08\x0a-\x1f\x7f]", found[3]), line
        yield found[1].upper(), found[3]


def _check_event(event: Properties) -> None:
    own = {name for name in event if not name.startswith("X-")}
    assert set(_NEEDED) <= own <= _ALLOWED, own
    stamps = [_instant(event[name]) for name in ("DTSTAMP", "DTSTART", "DTEND", "LAST-MODIFIED")]
    assert stamps[1] < stamps[2]
    assert 0 <= int(event["SEQUENCE"]) < 2**31
    assert event["STATUS"] in {"CONFIRMED", "CANCELLED"}
    assert event.get("TRANSP") in {None, "OPAQUE", "TRANSPARENT"}


def _check_alarm(alarm: Properties) -> None:
    assert set(alarm) == {"ACTION", "DESCRIPTION", "TRIGGER"}
    assert alarm["ACTION"] == "DISPLAY"
    assert _DURATION.fullmatch(alarm["TRIGGER"])
    assert alarm["TRIGGER"][-1] not in "PT"


def _instant(text: str) -> datetime:
    """Ours are in UTC, so no VTIMEZONE is needed."""
    assert _INSTANT.fullmatch(text), text
    return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def _text(value: str) -> str:
    """Escapes undone, section 3.3.11; nothing else may stand behind a backslash."""
    assert not re.search(r"\\(?![\\;,nN])", value.replace("\\\\", "")), value
    return re.sub(
        r"\\(.)", lambda found: "\n" if found[1] in "nN" else str(found[1]), value, flags=re.DOTALL
    )
