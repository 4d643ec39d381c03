"""What time it is: no clock alone can make a run late, and none is doubted for ever."""

from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.domain.present import Bearing, Present, take_bearing
from tests.factories import NOW

SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
SPANS = st.timedeltas(timedelta(), 3 * DAY)
STEPS = st.timedeltas(-500 * DAY, 500 * DAY)


def look(
    last: Bearing | None, passed: timedelta, wall: datetime, newest: datetime | None = None
) -> Bearing:
    """A look at the clocks so long after the start, by the monotonic one."""
    return take_bearing(last, wall, 100 + passed.total_seconds(), newest, wall)


def test_at_the_start_the_wall_clock_is_believed() -> None:
    present = look(None, timedelta(), NOW).present
    assert (present.wall, present.carried) == (NOW, NOW)
    assert present.is_certain


def test_at_the_start_it_is_never_before_what_is_on_record() -> None:
    """A clock that came up wrong, after a power cut without a battery."""
    assert look(None, timedelta(), NOW - 900 * DAY, newest=NOW).present.carried == NOW


def test_a_clock_that_is_put_back_does_not_put_back_the_present() -> None:
    start = look(None, timedelta(), NOW)
    present = look(start, HOUR, NOW - 2 * DAY + HOUR).present
    assert present.carried == NOW + HOUR
    assert not present.is_certain


def test_after_a_day_of_doubt_the_wall_clock_is_believed() -> None:
    start = look(None, timedelta(), NOW)
    first = look(start, HOUR, NOW - 2 * DAY + HOUR)
    doubted = look(first, DAY, NOW - DAY)
    assert doubted.present.carried == NOW + DAY
    assert look(doubted, DAY + HOUR + SECOND, NOW - DAY + HOUR).present.carried == NOW - DAY + HOUR


def test_what_a_clock_that_was_wrong_has_dated_is_believed_for_a_day_at_most() -> None:
    """Events of a glitch lie 400 days ahead when the daemon starts."""
    ahead = NOW + 400 * DAY
    bearing = look(None, timedelta(), NOW, newest=ahead)
    assert bearing.present.carried == ahead
    bearing = look(bearing, DAY + SECOND, NOW + DAY + SECOND, newest=ahead)
    assert bearing.present.is_certain
    later = look(bearing, 2 * DAY, NOW + 2 * DAY, newest=ahead + SECOND)
    assert later.present.carried == NOW + 2 * DAY


def test_where_our_clock_is_behind_the_database_is_believed_from_the_start() -> None:
    """It came up days behind on one host; the database is on another. Doubt does not end that."""
    late = timedelta(days=-5)
    bearing = take_bearing(None, NOW + late, 100, NOW - DAY, NOW)
    assert bearing.present.carried == NOW
    for hours in (1, 20, 26, 52, 78):
        now = NOW + hours * HOUR
        bearing = take_bearing(bearing, now + late, 100 + hours * 3600, now, now)
        assert bearing.present.carried == now


def test_a_database_with_another_time_is_a_doubt_as_well() -> None:
    assert not Present(wall=NOW, carried=NOW, database=NOW - HOUR).is_certain
    assert Present(wall=NOW, carried=NOW + SECOND, database=NOW).is_certain


@given(st.lists(st.tuples(SPANS, STEPS), max_size=6))
@settings(deadline=None, max_examples=150, derandomize=True)
def test_within_a_day_of_a_step_one_of_the_clocks_has_gone_as_far_as_the_time(
    looks: list[tuple[timedelta, timedelta]],
) -> None:
    """Whatever the wall clock does, a run is due no later than by the time that has passed."""
    bearing, passed = look(None, timedelta(), NOW), timedelta()
    for after, step in looks:
        passed += after
        before = bearing
        bearing = look(bearing, passed, NOW + passed + step)
        if before.present.carried >= NOW + passed - after and bearing.apart_since is not None:
            assert bearing.present.carried >= NOW + passed


@given(st.lists(st.tuples(SPANS, STEPS), max_size=6))
@settings(deadline=None, max_examples=150, derandomize=True)
def test_what_is_recorded_by_a_clock_that_is_put_wrong_does_not_move_the_other(
    looks: list[tuple[timedelta, timedelta]],
) -> None:
    """Else both would say that a server has stopped which has not, and nothing would be saved.

    Everything is dated by the wall clock: a run that it starts is on record at the next look.
    """
    bearing, passed, newest = look(None, timedelta(), NOW), timedelta(), NOW
    for after, step in looks:
        passed += min(after, 3 * HOUR)
        newest = max(newest, NOW + passed + step)
        bearing = look(bearing, passed, NOW + passed + step, newest)
        assert bearing.present.carried == NOW + passed
