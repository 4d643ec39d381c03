"""What will happen, if every run takes what was estimated: told in order, and by the same rules."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.domain.event import Event, Happening
from daemon.domain.forecast import forecast
from daemon.domain.outlook import Outlook
from daemon.domain.phase import Course, Phase
from daemon.domain.plan import QuietHours
from daemon.domain.policy import Policy, Rung
from daemon.domain.verdict import Verdict
from tests.factories import NOW
from tests.unit.domain.fleets import early
from tests.unit.domain.prospects import (
    DAY,
    GIB,
    HOUR,
    MINUTE,
    a_copy,
    a_prospect,
    an_outlook,
    outlooks,
    under_way,
)

untils = st.integers(-24, 70 * 24).map(lambda hours: NOW + hours * HOUR)


def kinds(events: Sequence[Event], server: str = "web-1") -> list[Happening]:
    return [event.event for event in events if event.server == server]


def starts(events: Sequence[Event]) -> list[Event]:
    return [event for event in events if event.event is Happening.START]


@settings(max_examples=40)
@given(outlooks(), st.integers(1, 3), untils)
def test_events_are_in_order_and_within_what_was_asked_for(
    fleet: list[Outlook], slots: int, until: datetime
) -> None:
    seen = forecast(a_prospect(*fleet, slots=slots), NOW, until)
    assert [event.at for event in seen.events] == sorted(event.at for event in seen.events)
    assert all(NOW <= event.at <= seen.reaches for event in seen.events)
    assert [each.server for each in seen.outlooks] == [each.server for each in fleet]


@settings(max_examples=40)
@given(outlooks(), st.integers(1, 3))
def test_no_more_runs_go_on_at_once_than_there_are_slots(fleet: list[Outlook], slots: int) -> None:
    running = {each.server for each in fleet if each.attempt is not None}
    begun_before = len(running)
    for event in forecast(a_prospect(*fleet, slots=slots), NOW, NOW + 70 * DAY).events:
        if event.event is Happening.START:
            assert event.server not in running
            running.add(event.server or "")
            assert len(running) <= max(slots, begun_before)
        if event.event in {Happening.END, Happening.STOP}:
            running.discard(event.server or "")


@settings(max_examples=30)
@given(outlooks(), untils)
def test_the_order_of_the_servers_does_not_matter(fleet: list[Outlook], until: datetime) -> None:
    there = forecast(a_prospect(*fleet), NOW, until)
    back = forecast(a_prospect(*reversed(fleet)), NOW, until)
    assert there.events == back.events


@settings(max_examples=40)
@given(outlooks())
def test_what_ends_well_in_the_forecast_is_safe_at_its_stop(fleet: list[Outlook]) -> None:
    """Whoever has time for its last run is foreseen saved; nobody is lost without a word."""
    prospect = a_prospect(*fleet, slots=4)
    seen = forecast(prospect, NOW, NOW + 70 * DAY)
    missed = {event.server for event in seen.events if event.event is Happening.MISS}
    for status in prospect.with_outlooks(seen.outlooks).statuses(seen.reaches):
        outlook = status.situation.outlook
        if outlook.life is not None and status.verdict >= Verdict.LATE:
            assert outlook.server in missed, status.reasons


def test_a_run_that_ends_is_told_before_the_one_that_takes_its_slot() -> None:
    large, small = an_outlook("b", DAY, measured_bytes=20 * GIB), an_outlook("a", 9 * DAY)
    told = forecast(a_prospect(large, small, slots=1), NOW, NOW + 2 * HOUR).events
    assert [(event.server, event.event) for event in told[:3]] == [
        ("b", Happening.START),
        ("b", Happening.END),
        ("a", Happening.START),
    ]
    assert told[1].at == told[2].at


def test_a_server_is_seeded_then_saved_ever_denser_and_last_of_all_just_before_its_stop() -> None:
    events = forecast(a_prospect(an_outlook(left=40 * DAY)), NOW, NOW + 60 * DAY).events
    begun = [event.at - NOW for event in starts(events)]
    # The seed is due thirty days before the stop.
    assert 10 * DAY <= begun[0] < 11 * DAY
    gaps = [later - earlier for earlier, later in pairwise(begun)]
    assert gaps[0] > 6 * DAY
    assert all(gap <= 6 * HOUR + MINUTE for gap in gaps[-5:])
    assert 40 * DAY - 4 * HOUR < begun[-1] < 40 * DAY - 2 * HOUR
    assert Happening.MISS not in kinds(events)
    assert kinds(events)[-2:] == [Happening.STOP, Happening.RELEASE]


def test_a_lifetime_is_told_with_every_phase() -> None:
    course = Course(
        phases=(
            Phase(name="grace", start=timedelta(), ssh=True, renewal=True),
            Phase(name="stopped", start=2 * DAY, snapshot=True),
            Phase(name="released", start=3 * DAY, data=False),
        )
    )
    saved = an_outlook(left=3 * DAY, course=course, copy=a_copy())
    events = forecast(a_prospect(saved), NOW, NOW + 9 * DAY, nothing_runs=True).events
    told = {(event.at - NOW, event.event) for event in events}
    assert told >= {
        (DAY, Happening.EXPIRY),
        (DAY, Happening.PHASE),
        (3 * DAY, Happening.STOP),
        (4 * DAY, Happening.RELEASE),
    }
    stop = next(event for event in events if event.event is Happening.STOP)
    assert "provider snapshots can be made, it cannot be renewed" in stop.reason
    assert Happening.LATEST_SAFE_START in kinds(events)


def test_without_a_daemon_nothing_starts_and_the_loss_is_told() -> None:
    seen = forecast(a_prospect(an_outlook(left=2 * DAY)), NOW, NOW + 3 * DAY, nothing_runs=True)
    assert starts(seen.events) == []
    (miss,) = (event for event in seen.events if event.event is Happening.MISS)
    assert miss.at == NOW + 2 * DAY
    assert "no verified copy" in miss.reason


def test_a_run_under_way_ends_before_the_next_one_begins() -> None:
    outlook = an_outlook(left=2 * DAY, attempt=under_way(begun=MINUTE))
    seen = forecast(a_prospect(outlook), NOW, NOW + DAY)
    told = [kind for kind in kinds(seen.events) if kind in {Happening.START, Happening.END}]
    assert told[:3] == [Happening.END, Happening.START, Happening.END]
    (after,) = seen.outlooks
    assert after.copy is not None


def test_a_run_whose_lease_has_lapsed_is_begun_anew() -> None:
    outlook = an_outlook(left=2 * DAY, attempt=under_way(begun=2 * HOUR, lease=-HOUR))
    events = forecast(a_prospect(outlook), NOW, NOW + DAY).events
    assert kinds(events)[0] is Happening.START
    assert starts(events)[0].at - NOW <= MINUTE


def test_a_run_that_the_stop_cuts_off_is_missed() -> None:
    outlook = an_outlook(left=HOUR, measured_bytes=200 * GIB, attempt=under_way())
    seen = forecast(a_prospect(outlook), NOW, NOW + DAY)
    reasons = [event.reason for event in seen.events if event.event is Happening.MISS]
    assert reasons[0] == "The run under way is cut off by the stop."
    assert Happening.END not in kinds(seen.events)
    (after,) = seen.outlooks
    assert after.copy is None


def test_whoever_does_not_fit_is_told_before_the_run_starts() -> None:
    large = an_outlook(left=3 * HOUR, measured_bytes=200 * GIB)
    events = forecast(a_prospect(large), NOW, NOW + DAY).events
    misses = [event.reason for event in events if event.event is Happening.MISS]
    assert any("after it has to" in reason for reason in misses)
    assert kinds(events).index(Happening.START) < kinds(events).index(Happening.STOP)


def test_a_stopped_server_is_not_foreseen_to_be_rescued() -> None:
    seen = forecast(a_prospect(an_outlook(left=-DAY)), NOW, NOW + 3 * DAY)
    assert starts(seen.events) == []


def test_nothing_is_foreseen_for_a_server_that_no_contract_names() -> None:
    assert forecast(a_prospect(an_outlook(left=None)), NOW, NOW + 99 * DAY).events == ()


def test_quiet_hours_hold_routine_runs_back() -> None:
    """With nights kept free, no run of the ladder starts in one, and the stop is still made."""
    night = QuietHours(begin=NOW.time().replace(hour=20), end=NOW.time().replace(hour=6))
    policy = Policy(ladder=(Rung(within=30 * DAY, every=DAY),))
    prospect = a_prospect(an_outlook(left=10 * DAY), policy=policy, quiet=(night,))
    events = starts(forecast(prospect, NOW, NOW + 9 * DAY).events)
    assert len(events) >= 8
    assert {event.at.hour for event in events} <= set(range(6, 20))


def test_a_run_after_an_early_final_is_no_deadline_that_is_missed() -> None:
    """It may be cut off by the stop: nothing is foreseen of it, and nobody is called late."""
    prospect = a_prospect(early())
    assert [run.demand.optional for run in prospect.plan(NOW).runs] == [True]
    (status,) = prospect.statuses(NOW)
    assert status.verdict < Verdict.LATE
    assert not any("expected to end" in reason for reason in status.reasons)
    told = forecast(prospect, NOW, NOW + 24 * HOUR).events
    assert Happening.MISS not in kinds(told, "a")


def test_the_past_holds_nothing() -> None:
    seen = forecast(a_prospect(an_outlook()), NOW, NOW - DAY)
    assert (seen.events, seen.reaches) == ((), NOW)


def test_what_is_too_much_to_follow_says_where_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("daemon.domain.forecast._EFFORT", 30)
    fleet = [an_outlook(f"web-{n}", 30 * DAY) for n in range(10)]
    seen = forecast(a_prospect(*fleet), NOW, NOW + 60 * DAY)
    assert NOW < seen.reaches < NOW + 60 * DAY
    assert seen.events[-1].event is Happening.CUT_SHORT
    assert f"not at {(NOW + 60 * DAY):%Y-%m-%dT%H:%M:%SZ}" in seen.events[-1].reason
    assert Counter(event.event for event in seen.events)[Happening.CUT_SHORT] == 1
