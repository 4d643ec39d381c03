"""The audit trail shows tampering."""

import dataclasses
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.domain.audit import NO_EVENTS, AuditEvent, AuditHead, chain, head_of, verify_chain
from daemon.errors import InvalidValue
from tests.factories import NOW, digest


def trail(length: int) -> list[AuditEvent]:
    events: list[AuditEvent] = []
    head = NO_EVENTS
    for number in range(length):
        event = chain(
            head,
            at=NOW + timedelta(seconds=number),
            actor="li",
            kind="contract.renewed",
            subject="web-2026",
            payload={"until": "2027-12-31", "number": number},
        )
        events.append(event)
        head = head_of(event)
    return events


def test_an_untouched_trail_is_sound_as_a_whole_and_in_part():
    events = trail(4)
    assert verify_chain(events) == ()
    assert verify_chain(events[2:], head_of(events[1])) == ()
    assert [event.sequence for event in events] == [1, 2, 3, 4]


FORGERIES = {
    "sequence": 9,
    "at": NOW - timedelta(days=1),
    "actor": "somebody else",
    "kind": "contract.closed",
    "subject": "db-2026",
    "payload": "{}",
    "previous_hash": digest("x"),
    "hash": digest("x"),
}


def test_there_is_a_forgery_for_every_attribute():
    assert FORGERIES.keys() == {field.name for field in dataclasses.fields(AuditEvent)}


@given(st.sampled_from(sorted(FORGERIES)), st.integers(0, 3))
def test_no_attribute_of_any_event_can_be_changed_unnoticed(attribute, place):
    events = trail(4)
    events[place] = dataclasses.replace(events[place], **{attribute: FORGERIES[attribute]})
    assert verify_chain(events)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_removed_event_is_missed(place):
    events = trail(4)
    del events[place]
    assert verify_chain(events)


def test_a_trail_that_was_cut_short_disagrees_with_the_head_kept_elsewhere():
    events = trail(3)
    kept = head_of(events[-1])
    assert head_of(events[-2]) != kept
    assert kept == AuditHead(sequence=3, hash=events[-1].hash)


def test_an_event_needs_to_know_when_it_happened():
    with pytest.raises(InvalidValue):
        chain(NO_EVENTS, at=NOW.replace(tzinfo=None), actor="a", kind="k", subject="s", payload={})
