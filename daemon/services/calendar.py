"""Dates as an iCalendar document (RFC 5545), one that common clients accept and can update from.

What was written last time is read first: an appointment that has not changed keeps its stamps, so
that a calendar in which nothing moved is the same document, byte for byte.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from icalendar import Alarm, Calendar, Event

from daemon.domain.agenda import Appointment
from daemon.domain.duration import span
from daemon.domain.instant import shift
from daemon.errors import InvalidValue

PRODID: Final = "-//Lapseguard//Lapseguard//EN"
#: Outlook and Google Calendar refuse or hide events that take no time.
_LENGTH: Final = timedelta(minutes=15)
#: Revisions are counted in minutes since then: they rise even if the former document is gone.
_EPOCH: Final = datetime(2026, 1, 1, tzinfo=UTC)
_HIGHEST: Final = 2**31 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stamps:
    """When an appointment last changed, and the number of that revision."""

    changed: datetime
    revision: int


def render_calendar(
    appointments: Iterable[Appointment],
    now: datetime,
    *,
    alarms: Sequence[timedelta] = (),
    former: bytes | None = None,
) -> bytes:
    """The document.

    Args:
        appointments: Each with a UID of its own.
        now: Aware.
        alarms: Remind so long before each of them.
        former: What was written last time, if anything was.

    Raises:
        InvalidValue: `former` is not a calendar of ours.
    """
    known = {} if former is None else _known_events(former)
    calendar = Calendar()
    for name, value in (
        ("prodid", PRODID),
        ("version", "2.0"),
        ("calscale", "GREGORIAN"),
        ("method", "PUBLISH"),
        ("x-wr-calname", "Lapseguard"),
    ):
        calendar.add(name, value)
    for appointment in sorted(appointments, key=lambda each: (each.at, each.uid)):
        calendar.add_component(_event(appointment, now, alarms, known.get(appointment.uid)))
    return bytes(calendar.to_ical())


def _known_events(document: bytes) -> Mapping[str, Event]:
    refusal = InvalidValue(
        "The file is there already, and is not a calendar that Lapseguard wrote.",
        hint="Name another file, or remove that one.",
    )
    try:
        calendar = Calendar.from_ical(document)
    except (ValueError, KeyError, IndexError) as error:
        raise refusal from error
    if calendar.get("prodid") != PRODID:
        raise refusal
    events = (event for event in calendar.walk("VEVENT") if isinstance(event, Event))
    return {str(event.get("uid")): event for event in events}


def _event(
    appointment: Appointment, now: datetime, alarms: Sequence[timedelta], former: Event | None
) -> Event:
    stamps = _Stamps(changed=now.astimezone(UTC).replace(microsecond=0), revision=_revision(now))
    event = _build(appointment, alarms, stamps)
    if former is None:
        return event
    kept = _stamps_of(former)
    if kept is None:
        return event
    unchanged = _build(appointment, alarms, kept)
    if unchanged.to_ical() == former.to_ical():
        return unchanged
    # Two changes within a minute are two revisions nevertheless.
    revision = min(max(stamps.revision, kept.revision + 1), _HIGHEST)
    return _build(appointment, alarms, _Stamps(changed=stamps.changed, revision=revision))


def _revision(now: datetime) -> int:
    return min(max(0, int((now - _EPOCH) / timedelta(minutes=1))), _HIGHEST)


def _stamps_of(event: Event) -> _Stamps | None:
    changed, revision = event.get("dtstamp"), event.get("sequence")
    if changed is None or revision is None or not isinstance(changed.dt, datetime):
        return None
    return _Stamps(changed=changed.dt, revision=int(revision))


def _build(appointment: Appointment, alarms: Sequence[timedelta], stamps: _Stamps) -> Event:
    event = Event()
    for name, value in (
        ("uid", appointment.uid),
        ("dtstamp", stamps.changed),
        ("last-modified", stamps.changed),
        ("sequence", stamps.revision),
        ("dtstart", appointment.at),
        ("dtend", shift(appointment.at, _LENGTH)),
        ("summary", appointment.summary),
        ("description", appointment.description),
        ("categories", ["Lapseguard", appointment.occasion.value]),
        ("status", "CONFIRMED"),
        ("transp", "TRANSPARENT"),
    ):
        event.add(name, value)
    for before in alarms:
        event.add_component(_alarm(appointment, before))
    return event


def _alarm(appointment: Appointment, before: timedelta) -> Alarm:
    alarm = Alarm()
    alarm.add("action", "DISPLAY")
    alarm.add("description", f"{appointment.summary} in {span(before)}")
    alarm.add("trigger", -before)
    return alarm
