"""Estimates: from history, from the size, from assumptions; never the wrong way round."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.domain.estimate import at_quantile, estimate_run, mirrored, rate_limit_of
from daemon.domain.outlook import Outlook, Sample
from daemon.domain.plan import Assumptions, Basis, Estimate

MIB, GIB = 1024**2, 1024**3
HOUR = timedelta(hours=1)
UNKNOWN = Outlook(server="web-1", store="s3")
ASSUMED = Assumptions()

SECONDS = st.floats(0, 1e6)
BYTES = st.integers(0, 10**13)
SOME_GAP = st.timedeltas(timedelta(), timedelta(days=400))
SOME_LIMIT = st.integers(1, 10**9)
GAPS, LIMITS = st.none() | SOME_GAP, st.none() | SOME_LIMIT
QUANTILES = st.floats(0.01, 1)


@st.composite
def samples(draw: st.DrawFn) -> Sample:
    seconds, size = draw(SECONDS), draw(BYTES)
    return Sample(
        seconds=seconds,
        verify_seconds=seconds * draw(st.floats(0, 1)),
        bytes=size,
        new_bytes=int(size * draw(st.floats(0, 1))),
        gap_seconds=draw(st.none() | st.floats(0, 1e7)),
    )


OUTLOOKS = st.builds(
    lambda taken, measured: replace(UNKNOWN, samples=tuple(taken), measured_bytes=measured),
    st.lists(samples(), max_size=10),
    st.none() | BYTES,
)


def a_sample(seconds: float, gap: float | None = 86_400, new: int = GIB) -> Sample:
    return Sample(
        seconds=seconds, verify_seconds=0, bytes=100 * GIB, new_bytes=new, gap_seconds=gap
    )


def estimated(outlook: Outlook, gap: timedelta | None = None, limit: int | None = None) -> Estimate:
    return estimate_run(outlook, gap, 0.9, ASSUMED, limit)


def test_of_a_server_nobody_measured_a_size_and_a_rate_are_assumed():
    told = estimated(UNKNOWN)
    assert told.basis is Basis.ASSUMED
    assert told.rate == ASSUMED.rate
    assert told.high == (ASSUMED.overhead + timedelta(seconds=5120)) * 1.25


def test_after_whole_copies_alone_the_next_may_take_as_long_or_next_to_nothing():
    """How much changes from one copy to the next is not known before the second."""
    first = replace(UNKNOWN, samples=(a_sample(6 * 3600, gap=None),))
    told = estimated(first, gap=6 * HOUR)
    assert (told.low, told.high) == (ASSUMED.overhead, 7.5 * HOUR)
    second = replace(UNKNOWN, samples=(*first.samples, a_sample(3600, gap=6 * 3600)))
    assert estimated(second, gap=6 * HOUR).low == HOUR


def test_a_measured_size_is_moved_at_the_assumed_rate():
    told = estimated(replace(UNKNOWN, measured_bytes=100 * MIB))
    assert told.basis is Basis.MEASURED
    assert told.high == timedelta(seconds=(30 + 10) * 1.25)


def test_runs_that_built_upon_a_copy_tell_how_long_the_next_takes():
    taken = tuple(a_sample(100 + place) for place in range(10))
    told = estimated(replace(UNKNOWN, samples=taken), 24 * HOUR)
    assert told.basis is Basis.HISTORY
    assert (told.low, told.high) == (timedelta(seconds=101), timedelta(seconds=108 * 1.25))


def test_twice_the_usual_gap_takes_twice_as_long():
    outlook = replace(UNKNOWN, samples=(a_sample(600),))
    assert estimated(outlook, 48 * HOUR).high == 2 * estimated(outlook, 24 * HOUR).high


def test_a_run_after_a_week_does_not_stand_for_those_of_every_day():
    """Two of the last ten began after a week without a daemon."""
    daily = [a_sample(hours * 3600) for hours in (4, 15, 6, 9, 11, 8, 7, 12)]
    long = a_sample(50 * 3600, gap=7 * 86_400, new=7 * GIB)
    outlook = replace(UNKNOWN, samples=(long, long, *daily))
    assert estimated(outlook, 24 * HOUR).high == 12 * 1.25 * HOUR
    assert estimated(outlook, 7 * 24 * HOUR).high >= 50 * HOUR


def test_a_longer_gap_than_usual_does_not_hide_that_a_line_has_become_slow():
    """Of an hour a day, a run after two took ten: that is not the gap alone."""
    slow = a_sample(10 * 3600, gap=2 * 86_400)
    outlook = replace(UNKNOWN, samples=(a_sample(3600), a_sample(3600), slow))
    assert estimated(outlook, 24 * HOUR).high == 5 * 1.25 * HOUR


def test_without_a_copy_to_build_upon_everything_is_moved():
    outlook = replace(UNKNOWN, samples=(a_sample(60), a_sample(60)))
    assert estimated(outlook, None).high > HOUR > estimated(outlook, 24 * HOUR).high


def test_a_lower_limit_makes_a_run_longer_and_is_kept_by_its_rate():
    outlook = replace(UNKNOWN, samples=(a_sample(60),))
    told = estimated(outlook, 24 * HOUR, 1 * MIB)
    assert told.rate == MIB
    assert told.high == timedelta(seconds=1024 * 1.25)


@pytest.mark.parametrize(
    ("limits", "lowest"), [((), None), ((None, None), None), ((3, None, 2), 2)]
)
def test_the_lowest_limit_counts(limits, lowest):
    assert rate_limit_of(*limits) == lowest


def test_the_ninth_of_ten_is_not_exceeded_by_nine_in_ten():
    assert at_quantile(range(1, 11), 0.9) == 9
    assert mirrored(range(1, 11), 0.9) == 2


@given(OUTLOOKS, GAPS, QUANTILES, LIMITS)
@settings(deadline=None, max_examples=100, derandomize=True)
def test_a_lucky_run_is_not_longer_than_a_pessimistic_one(outlook, gap, quantile, limit):
    told = estimate_run(outlook, gap, quantile, ASSUMED, limit)
    assert timedelta() <= told.low <= told.high
    assert told.rate >= 1
    assert limit is None or told.rate <= limit


@given(OUTLOOKS, GAPS, QUANTILES, LIMITS, BYTES, BYTES)
@settings(deadline=None, max_examples=100, derandomize=True)
def test_a_larger_server_never_takes_less_time(  # noqa: PLR0917 - hypothesis gives them
    outlook, gap, quantile, limit, one, other
):
    small, large = (
        estimate_run(replace(outlook, measured_bytes=size), gap, quantile, ASSUMED, limit)
        for size in sorted((one, other))
    )
    assert small.high <= large.high


@given(OUTLOOKS, SOME_GAP, SOME_GAP, QUANTILES, LIMITS)
@settings(deadline=None, max_examples=100, derandomize=True)
def test_a_longer_gap_never_takes_less_time(outlook, one, other, quantile, limit):
    short, long = (
        estimate_run(outlook, gap, quantile, ASSUMED, limit) for gap in sorted((one, other))
    )
    assert short.high <= long.high


@given(OUTLOOKS, GAPS, QUANTILES, SOME_LIMIT, SOME_LIMIT)
@settings(deadline=None, max_examples=100, derandomize=True)
def test_a_lower_limit_never_takes_less_time(outlook, gap, quantile, one, other):
    tight, wide = (
        estimate_run(outlook, gap, quantile, ASSUMED, limit) for limit in sorted((one, other))
    )
    assert wide.high <= tight.high


@given(
    st.integers(60, 100_000),
    st.integers(60, 10**6),
    st.integers(3, 10),
    st.floats(1, 60),
    QUANTILES,
)
@settings(deadline=None, max_examples=100, derandomize=True)
def test_a_run_that_took_longer_by_as_much_as_its_gap_changes_nothing(
    seconds, gap, count, times, quantile
):
    usual = (a_sample(seconds, gap),) * count
    one = a_sample(seconds * times, gap * times)
    for asked in (gap / 2, gap):
        told = [
            estimate_run(
                replace(UNKNOWN, samples=samples), timedelta(seconds=asked), quantile, ASSUMED, None
            ).high.total_seconds()
            for samples in (usual, (one, *usual[1:]), (*usual[1:], one))
        ]
        assert told == pytest.approx([told[0]] * 3, rel=1e-6)
