"""Pauses between attempts: longer each time, shorter near the deadline, never past it."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.domain.backoff import SHORTEST, next_attempt, pause_after
from daemon.domain.instant import EARLIEST, LATEST
from daemon.domain.policy import DEFAULT_POLICY
from tests.factories import NOW

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
SPANS = st.timedeltas(timedelta(), 40 * DAY)


@pytest.mark.parametrize(
    ("failures", "pause"),
    [(0, 0), (1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (8, 60), (10**9, 60)],
)
def test_a_pause_doubles_with_each_failure_up_to_the_longest(failures, pause):
    assert pause_after(failures, DEFAULT_POLICY) == pause * MINUTE


def tried(failures: int, *, latest: timedelta, finish_by: timedelta) -> timedelta:
    """How long after a failure the next attempt is due."""
    at = next_attempt(NOW, failures, DEFAULT_POLICY, latest=NOW + latest, finish_by=NOW + finish_by)
    return at - NOW


def test_far_from_the_deadline_the_pause_is_the_usual_one():
    assert tried(5, latest=DAY, finish_by=2 * DAY) == 16 * MINUTE


def test_a_pause_does_not_lead_past_the_latest_start():
    assert tried(9, latest=10 * MINUTE, finish_by=DAY) == 10 * MINUTE


def test_past_the_latest_start_a_pause_takes_an_eighth_of_what_is_left():
    assert tried(9, latest=-MINUTE, finish_by=80 * MINUTE) == 10 * MINUTE


def test_in_the_last_minute_there_are_ten_seconds_between_attempts():
    assert tried(9, latest=-MINUTE, finish_by=MINUTE) == SHORTEST


def test_the_last_attempt_is_at_the_deadline_and_not_after_it():
    assert tried(9, latest=-MINUTE, finish_by=timedelta(seconds=3)) == timedelta(seconds=3)


def test_after_the_deadline_the_pause_is_the_usual_one():
    assert tried(2, latest=-HOUR, finish_by=-MINUTE) == 2 * MINUTE


@given(st.integers(1, 10**6), SPANS, SPANS)
@settings(deadline=None, max_examples=150, derandomize=True)
def test_an_attempt_is_due_after_the_failure_and_by_the_deadline(failures, latest, more):
    finish_by = latest + more + timedelta(seconds=1)
    pause = tried(failures, latest=latest, finish_by=finish_by)
    assert timedelta() < pause <= finish_by
    assert pause <= DEFAULT_POLICY.retry_most
    assert pause <= latest or latest <= timedelta()


def test_the_calendars_ends_are_no_error():
    for at in (EARLIEST, LATEST):
        for end in (EARLIEST, LATEST):
            assert next_attempt(at, 60, DEFAULT_POLICY, latest=end, finish_by=end) >= EARLIEST
