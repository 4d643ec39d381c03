"""When checkpoints are made: often enough for the bound that we promise, and never too often."""

from datetime import timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from backends.capture.cadence import SHARE, Cadence, CheckpointInterval

STEP = 0.01
GIB = 2**30


def made(
    every: float, length: float, cost: float, until: float, *, sending: float = 0.0
) -> list[tuple[float, float]]:
    """Cut and end of checkpoints that all take so long and cost so much, with data always there.

    Of the time that one takes, `sending` is before its cut and `length` from there on.
    """
    cadence = Cadence(CheckpointInterval(every=timedelta(seconds=every)), 0.0)
    now, found = 0.0, list[tuple[float, float]]()
    while now < until:
        if not cadence.is_due(now, 1, sending):
            now += STEP
            continue
        began, cut = now, now + sending
        now = cut + length
        found.append((cut, now))
        cadence.note(began=began, cut=cut, ended=now, cost=cost)
    return found


def ages(points: list[tuple[float, float]]) -> list[float]:
    """How old each has become by the time when the next one is there, the start among them."""
    return [later[1] - earlier[0] for earlier, later in pairwise([(0.0, 0.0), *points])]


@given(st.floats(1, 20), st.floats(0, 0.1), st.floats(0, 0.3))
def test_what_came_an_interval_before_is_always_safe(
    every: float, part: float, before: float
) -> None:
    """From the first one on: each is there an interval after the cut of the one before."""
    points = made(every, every * part, 0.0, 5 * every, sending=every * before)
    assert max(ages(points)) <= every + 2 * STEP


@given(st.floats(1, 20), st.floats(0, 0.4))
def test_after_one_that_took_long_the_next_is_begun_early(every: float, part: float) -> None:
    points = made(every, every * part, 0.0, 5 * every)
    assert max(ages(points)[1:]) <= every + 2 * STEP


@given(st.floats(1, 20), st.floats(0, 0.1))
def test_they_are_not_begun_much_earlier_than_it_takes(every: float, part: float) -> None:
    cuts = [cut for cut, _ in made(every, every * part, 0.0, 8 * every)]
    gaps = [later - earlier for earlier, later in pairwise(cuts)]
    assert min(gaps) >= every * (1 - 1.5 * part) - STEP


def test_the_first_one_is_early_while_nobody_knows_what_it_takes() -> None:
    """Here nothing has been sent by half of the interval, as with packs that are not full yet."""
    cadence = Cadence(CheckpointInterval(every=timedelta(seconds=60)), 0.0)
    assert not cadence.is_due(29.9, 1, None)
    assert cadence.is_due(30.0, 1, None)


@given(st.floats(1, 20), st.floats(1, 5))
def test_where_the_line_is_too_slow_one_follows_the_other(every: float, times: float) -> None:
    length = every * times
    cuts = [cut for cut, _ in made(every, length, 0.0, 6 * length)]
    gaps = [later - earlier for earlier, later in pairwise(cuts)]
    assert max(gaps) <= length + 2 * STEP


def busy_line(every: float, most: float, until: float) -> list[tuple[float, float]]:
    """As `made`, where the line is always full: to send all that is packed takes `most` seconds."""
    cadence = Cadence(CheckpointInterval(every=timedelta(seconds=every)), 0.0)
    now, found = 0.0, list[tuple[float, float]]()
    while now < until:
        if not cadence.is_due(now, 1, most):
            now += STEP
            continue
        began, cut = now, now + (most if cadence.has_time(most) else 0.0)
        now = cut + most
        found.append((cut, now))
        cadence.note(began=began, cut=cut, ended=now, cost=0.0)
    return found


@given(st.floats(1, 20), st.floats(0.05, 3))
def test_on_a_busy_line_they_are_as_young_as_can_be(every: float, part: float) -> None:
    """Each is sent after its cut; sending ahead would only make that time longer."""
    most = every * part
    found = ages(busy_line(every, most, 10 * (every + most)))
    assert max(found[2:]) <= max(every, 2 * most) + 3 * STEP


@given(st.floats(0.5, 5), st.floats(0, 3))
def test_they_cost_no_more_than_their_share(every: float, cost: float) -> None:
    cuts = [cut for cut, _ in made(every, cost, cost, 10 * (every + cost * SHARE))]
    gaps = [later - earlier for earlier, later in pairwise(cuts)]
    assert min(gaps) >= cost * SHARE - STEP


def test_much_that_waits_does_not_wait_for_the_time() -> None:
    cadence = Cadence(CheckpointInterval(), 0.0)
    assert not cadence.is_due(1.0, GIB - 1, 0.0)
    assert cadence.is_due(1.0, GIB, 0.0)
    cadence.note(began=1.0, cut=1.0, ended=1.5, cost=0.25)
    assert not cadence.is_due(5.9, 5 * GIB, 0.0)
    assert cadence.is_due(6.1, 5 * GIB, 0.0)


def test_one_of_which_nothing_came_is_tried_again_without_another_interval() -> None:
    cadence = Cadence(CheckpointInterval(every=timedelta(seconds=60)), 0.0)
    cadence.note(began=55.0, cut=None, ended=55.1, cost=0.1)
    assert not cadence.is_due(56.9, 1, 0.0)
    assert cadence.is_due(57.1, 1, 0.0)
