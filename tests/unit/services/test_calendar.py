"""Calendars that any client can read and update from, by two readers that share no code."""

import string
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from icalendar import Calendar

from daemon.domain.agenda import Appointment, Occasion
from daemon.errors import InvalidValue
from daemon.services.calendar import render_calendar
from tests.calendar_rules import Properties, check_calendar
from tests.factories import NOW

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
WEEK_BEFORE = (7 * DAY,)


def an_appointment(**changes: Any) -> Appointment:
    given: dict[str, Any] = {
        "uid": "web-2026.stop.0a1b2c3d4e5f@lapseguard",
        "occasion": Occasion.STOP,
        "at": NOW + 30 * DAY,
        "summary": "web-2026: web-1 stops",
        "description": "Contract: web-2026\nServers: web-1, web-2; db-1",
        "provider": "aliyun",
    }
    return Appointment(**(given | changes))


OTHER = an_appointment(uid="other@lapseguard", at=NOW + 40 * DAY, summary="another")


def only(document: bytes) -> Properties:
    (event,) = check_calendar(document)
    return event


def library(document: bytes) -> list[Any]:
    """The events, as the library reads them; of any type, since its own have too many."""
    return list(Calendar.from_ical(document).walk("VEVENT"))


def test_an_appointment_is_an_event_for_both_readers() -> None:
    document = render_calendar([an_appointment()], NOW, alarms=WEEK_BEFORE)
    ours, (theirs,) = only(document), library(document)
    assert (ours["DTSTART"], ours["DTEND"]) == ("20261223T060101Z", "20261223T061601Z")
    assert theirs["dtstart"].dt == NOW + 30 * DAY
    assert ours["SUMMARY"] == theirs["summary"] == "web-2026: web-1 stops"
    assert ours["DESCRIPTION"] == str(theirs["description"])
    (alarm,) = theirs.walk("VALARM")
    assert alarm["trigger"].dt == -7 * DAY
    assert alarm["description"] == "web-2026: web-1 stops in 7 d"


texts = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=300)
words = st.text(string.ascii_lowercase + "-.", min_size=1, max_size=90)
appointments = st.builds(
    an_appointment,
    uid=words.map(lambda word: f"{word}@lapseguard"),
    occasion=st.sampled_from(Occasion),
    at=st.datetimes(
        datetime(1970, 1, 1),  # noqa: DTZ001 - made aware by the strategy
        datetime(9000, 1, 1),  # noqa: DTZ001 - likewise
        timezones=st.just(UTC),
    ),
    summary=texts,
    description=st.lists(texts, min_size=1, max_size=4).map("\n".join),
    cancelled=st.booleans(),
)
fleets = st.lists(appointments, max_size=5, unique_by=lambda each: each.uid)
alarms = st.lists(st.timedeltas(timedelta(), 90 * DAY), max_size=2, unique=True)


@settings(max_examples=40)
@given(fleets, alarms)
def test_every_text_arrives_as_it_was_in_a_form_without_a_fault(
    told: list[Appointment], before: list[timedelta]
) -> None:
    document = render_calendar(told, NOW, alarms=before)
    by_uid = {event["UID"]: event for event in check_calendar(document)}
    assert by_uid.keys() == {each.uid for each in told}
    for each in told:
        assert by_uid[each.uid]["SUMMARY"] == each.summary
        assert by_uid[each.uid]["DESCRIPTION"] == each.description
    assert {str(event["uid"]): event["dtstart"].dt for event in library(document)} == {
        each.uid: each.at for each in told
    }


@settings(max_examples=40)
@given(fleets, alarms)
def test_what_has_not_changed_is_the_same_document(
    told: list[Appointment], before: list[timedelta]
) -> None:
    first = render_calendar(told, NOW, alarms=before)
    assert render_calendar(told, NOW + DAY, alarms=before, former=first) == first


@settings(max_examples=40)
@given(fleets, fleets)
def test_whatever_came_before_what_is_wanted_is_there(
    old: list[Appointment], new: list[Appointment]
) -> None:
    first = render_calendar(old, NOW)
    second = render_calendar(new, NOW + DAY, former=first)
    events = {event["UID"]: event for event in check_calendar(second)}
    for each in new:
        assert events[each.uid]["DTSTART"] == f"{each.at:%Y%m%dT%H%M%SZ}".zfill(16)
    gone = events.keys() - {each.uid for each in new}
    assert {events[uid]["STATUS"] for uid in gone} <= {"CANCELLED"}
    assert gone <= {each.uid for each in old}


def test_what_has_moved_is_the_same_event_with_a_later_revision() -> None:
    first = render_calendar([an_appointment(), OTHER], NOW)
    moved = an_appointment(at=NOW + 31 * DAY)
    second = render_calendar([moved, OTHER], NOW, former=first)
    before, after = ({each["UID"]: each for each in check_calendar(d)} for d in (first, second))
    assert before[OTHER.uid] == after[OTHER.uid]
    assert int(after[moved.uid]["SEQUENCE"]) == int(before[moved.uid]["SEQUENCE"]) + 1
    later = only(render_calendar([moved], NOW + DAY))
    assert int(later["SEQUENCE"]) > int(after[moved.uid]["SEQUENCE"])


def test_what_is_not_wanted_any_more_is_cancelled_until_it_would_have_come() -> None:
    first = render_calendar([an_appointment()], NOW, alarms=WEEK_BEFORE)
    gone = only(second := render_calendar([], NOW + DAY, former=first))
    assert (gone["STATUS"], gone["SUMMARY"]) == ("CANCELLED", "Cancelled: web-2026: web-1 stops")
    assert int(gone["SEQUENCE"]) > int(only(first)["SEQUENCE"])
    assert b"VALARM" not in second
    assert render_calendar([], NOW + 2 * DAY, former=second) == second
    assert check_calendar(render_calendar([], NOW + 30 * DAY, former=second)) == []


def test_what_comes_back_is_no_longer_cancelled() -> None:
    first = render_calendar([an_appointment()], NOW)
    second = render_calendar([], NOW, former=first)
    third = render_calendar([an_appointment()], NOW, former=second)
    assert only(third)["STATUS"] == "CONFIRMED"
    assert only(third)["SUMMARY"] == "web-2026: web-1 stops"
    assert int(only(third)["SEQUENCE"]) == int(only(first)["SEQUENCE"]) + 2


def test_a_cancelled_appointment_reminds_nobody() -> None:
    document = render_calendar([an_appointment(cancelled=True)], NOW, alarms=WEEK_BEFORE)
    assert only(document)["STATUS"] == "CANCELLED"
    assert b"VALARM" not in document


def test_a_name_longer_than_a_line_is_known_again() -> None:
    long = an_appointment(uid=f"{'shop-' * 30}@lapseguard", summary="云" * 60)
    first = render_calendar([long], NOW)
    assert render_calendar([long], NOW + DAY, former=first) == first
    assert only(first)["UID"] == long.uid


def test_another_alarm_is_a_change() -> None:
    first = render_calendar([an_appointment()], NOW)
    second = render_calendar([an_appointment()], NOW, alarms=WEEK_BEFORE, former=first)
    assert int(only(second)["SEQUENCE"]) == int(only(first)["SEQUENCE"]) + 1


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"DTSTART:20261223", b"DTSTART:20261224"),
        (b"web-1 stops", b"web-1 stays"),
        (b"X-LAPSEGUARD-SUM:", b"X-SOMETHING-ELSE:"),
        (b"SEQUENCE:", b"X-SEQUENCE:"),
    ],
)
def test_an_event_that_somebody_has_edited_is_written_anew(old: bytes, new: bytes) -> None:
    first = render_calendar([an_appointment()], NOW)
    edited = first.replace(old, new)
    assert edited != first
    mended = only(render_calendar([an_appointment()], NOW + DAY, former=edited))
    assert {mended["DTSTART"], mended["SUMMARY"]} == {"20261223T060101Z", "web-2026: web-1 stops"}
    assert int(mended["SEQUENCE"]) > int(only(first)["SEQUENCE"])


def test_ends_of_lines_that_version_control_has_changed_are_no_edit() -> None:
    first = render_calendar([an_appointment()], NOW)
    former = first.replace(b"\r\n", b"\n")
    assert render_calendar([an_appointment()], NOW + DAY, former=former) == first


@pytest.mark.parametrize(
    "document",
    [
        b"Dear Li",
        b"",
        render_calendar([], NOW).replace(b"Lapseguard//EN", b"Else//EN"),
        render_calendar([an_appointment()], NOW)[:-200],
    ],
)
def test_a_file_of_somebody_else_is_refused(document: bytes) -> None:
    with pytest.raises(InvalidValue, match="not a calendar that Lapseguard wrote"):
        render_calendar([an_appointment()], NOW, former=document)


def test_revisions_stay_numbers_that_clients_can_hold() -> None:
    for now in (datetime(1999, 1, 1, tzinfo=UTC), datetime(9998, 1, 1, tzinfo=UTC)):
        document = render_calendar([an_appointment()], now)
        assert 0 <= int(only(document)["SEQUENCE"]) < 2**31
