"""When checkpoints are made: often enough for the bound that we promise, and never too often."""

from datetime import timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from backends.capture.cadence import SHARE, Cadence, CheckpointInterval

STEP = 0.01
GIB = 2**30


def begin_times(every: float, length: float, cost: float, until: float) -> list[float]:
    """When checkpoints begin that all take so long and cost so much, with data always there."""
    cadence = Cadence(CheckpointInterval(every=timedelta(seconds=every)), 0.0)
    now, begun = 0.0, list[float]()
    while now < until:
        if not cadence.is_due(now, 1):
            now += STEP
            continue
        begun.append(now)
        cadence.note(now, now + length, cost)
        now += length
    return begun


@given(st.floats(1, 20), st.floats(0, 0.5))
def test_what_came_an_interval_before_is_always_safe(every: float, part: float) -> None:
    """The end of each checkpoint is at most an interval after the beginning of the one before."""
    length = every * part
    begun = begin_times(every, length, 0.0, 5 * every)
    assert begun[0] <= every + STEP
    ages = [later + length - earlier for earlier, later in pairwise(begun)]
    assert max(ages) <= every + 2 * STEP


@given(st.floats(1, 20), st.floats(1, 5))
def test_where_the_line_is_too_slow_one_follows_the_other(every: float, times: float) -> None:
    length = every * times
    begun = begin_times(every, length, 0.0, 6 * length)
    gaps = [later - earlier for earlier, later in pairwise(begun)]
    assert max(gaps) <= length + 2 * STEP


@given(st.floats(0.5, 5), st.floats(0, 3))
def test_they_cost_no_more_than_their_share(every: float, cost: float) -> None:
    begun = begin_times(every, cost, cost, 10 * (every + cost * SHARE))
    gaps = [later - earlier for earlier, later in pairwise(begun)]
    assert min(gaps) >= cost * SHARE - STEP


def test_much_that_waits_does_not_wait_for_the_time() -> None:
    cadence = Cadence(CheckpointInterval(), 0.0)
    assert not cadence.is_due(1.0, GIB - 1)
    assert cadence.is_due(1.0, GIB)
    cadence.note(1.0, 1.5, 0.25)
    assert not cadence.is_due(5.9, 5 * GIB)
    assert cadence.is_due(6.1, 5 * GIB)
