"""Dates as an iCalendar document (RFC 5545), one that common clients accept and can update from.

What was written last time is read first. An appointment that has not changed keeps its stamps, so
that a calendar in which nothing moved is the same document, byte for byte. One that is not wanted
any more is said to be cancelled until it would have come: a client that only adds and changes what
it is sent would keep it otherwise.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from icalendar import Alarm, Calendar, Event

from daemon.domain.agenda import CANCELLED, Appointment
from daemon.domain.duration import span
from daemon.domain.instant import shift
from daemon.services.calendar_document import PRODID, FormerEvent, read_document, seal

#: Outlook and Google Calendar refuse or hide events that take no time.
_LENGTH: Final = timedelta(minutes=15)
#: How often subscribers should look again.
_REFRESH: Final = timedelta(hours=6)
#: Revisions are counted in minutes since then: they rise even if the former document is gone.
_EPOCH: Final = datetime(2026, 1, 1, tzinfo=UTC)
_HIGHEST: Final = 2**31 - 1
_END: Final = b"END:VCALENDAR\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stamps:
    """When an appointment last changed, and the number of that revision."""

    changed: datetime
    revision: int

    @classmethod
    def of(cls, now: datetime, former: FormerEvent | None) -> "_Stamps":
        """Those of a change now. Two changes within a minute are two revisions nevertheless."""
        revision = min(max(0, int((now - _EPOCH) / timedelta(minutes=1))), _HIGHEST)
        if former is not None:
            revision = min(max(revision, former.revision + 1), _HIGHEST)
        return cls(changed=now.astimezone(UTC).replace(microsecond=0), revision=revision)


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
    known = {} if former is None else read_document(former)
    wanted = sorted(appointments, key=lambda each: (each.at, each.uid))
    blocks = [_block(each, now, alarms, known.get(each.uid)) for each in wanted]
    gone = known.keys() - {each.uid for each in wanted}
    blocks += _cancelled(known, sorted(gone), now)
    return _head() + b"".join(blocks) + _END


def _head() -> bytes:
    calendar = Calendar()
    for name, value in (
        ("prodid", PRODID),
        ("version", "2.0"),
        ("calscale", "GREGORIAN"),
        ("method", "PUBLISH"),
        ("name", "Lapseguard"),
        ("x-wr-calname", "Lapseguard"),
    ):
        calendar.add(name, value)
    calendar.add("refresh-interval", _REFRESH, parameters={"value": "DURATION"})
    calendar.add("x-published-ttl", "PT6H")
    return bytes(calendar.to_ical()).removesuffix(_END)


def _block(
    appointment: Appointment,
    now: datetime,
    alarms: Sequence[timedelta],
    former: FormerEvent | None,
) -> bytes:
    facts = repr((astuple(appointment), tuple(alarms)))
    if former is not None and former.is_made_from(facts):
        return former.block
    event = _build(appointment, alarms, _Stamps.of(now, former))
    return seal(bytes(event.to_ical()), facts)


def _cancelled(
    known: Mapping[str, FormerEvent], gone: Iterable[str], now: datetime
) -> Iterator[bytes]:
    """What nobody wants any more and would have come yet; the past is left to itself."""
    for former in map(known.__getitem__, gone):
        if former.starts_at <= now:
            continue
        yield former.block if former.cancelled else _cancel(former, _Stamps.of(now, former))


def _cancel(former: FormerEvent, stamps: _Stamps) -> bytes:
    event = Event.from_ical(former.block)
    event.subcomponents.clear()
    for name, value in (
        ("dtstamp", stamps.changed),
        ("last-modified", stamps.changed),
        ("sequence", stamps.revision),
        ("summary", f"{CANCELLED}{event['summary']}"),
        ("status", "CANCELLED"),
    ):
        del event[name]
        event.add(name, value)
    del event["x-lapseguard-sum"]
    return seal(bytes(event.to_ical()), "")


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
        ("status", "CANCELLED" if appointment.cancelled else "CONFIRMED"),
        ("transp", "TRANSPARENT"),
    ):
        event.add(name, value)
    for before in () if appointment.cancelled else alarms:
        event.add_component(_alarm(appointment, before))
    return event


def _alarm(appointment: Appointment, before: timedelta) -> Alarm:
    alarm = Alarm()
    alarm.add("action", "DISPLAY")
    alarm.add("description", f"{appointment.summary} in {span(before)}")
    alarm.add("trigger", -before)
    return alarm
