"""What a line carries whose rate changes by the time of the day."""

from datetime import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.domain.bandwidth import Stretch
from daemon.domain.carriage import Carriage

MB = 10**6
HOUR = 3600.0
DAY = 24 * HOUR
OFFICE = (Stretch(begin=time(8), rate=MB // 5), Stretch(begin=time(18), rate=None))


@st.composite
def tables(draw: st.DrawFn) -> tuple[Stretch, ...]:
    begins = draw(st.lists(st.times(), max_size=5, unique=True).map(sorted))
    rates = st.none() | st.integers(1024, 10**9)
    return tuple(Stretch(begin=begin, rate=draw(rates)) for begin in begins)


@st.composite
def lines(draw: st.DrawFn) -> Carriage:
    return Carriage(draw(st.lists(tables(), max_size=2)), draw(st.floats(1024, 1e9)))


sizes = st.floats(1.0, 1e14)
moments = st.floats(-10 * DAY, 10 * DAY)


def test_a_night_carries_at_the_rate_of_the_night() -> None:
    line = Carriage([OFFICE], 2 * MB)
    night = 10 * HOUR * 2 * MB
    assert line.end_of(night, 20 * HOUR) == pytest.approx(30 * HOUR)
    assert line.begin_of(night, 30 * HOUR) == pytest.approx(20 * HOUR)


def test_at_the_worst_hour_it_takes_longer_but_no_days() -> None:
    """At the rate of the office hours around the clock it would take four days."""
    line = Carriage([OFFICE], 2 * MB)
    night = 10 * HOUR * 2 * MB
    assert line.longest(night) == pytest.approx(10 * HOUR + 9 * HOUR)


def test_the_worst_hour_may_be_one_that_ends_with_a_slow_stretch() -> None:
    table = (
        Stretch(begin=time(0), rate=2 * MB),
        Stretch(begin=time(8), rate=MB),
        Stretch(begin=time(10), rate=10 * MB),
    )
    assert Carriage([table], 10 * MB).longest(6 * HOUR * MB) == pytest.approx(4 * HOUR)


def test_several_tables_hold_at_once() -> None:
    early = (Stretch(begin=time(0), rate=MB // 2), Stretch(begin=time(6), rate=None))
    line = Carriage([OFFICE, early, ()], 2 * MB)
    assert line.carried(5 * HOUR, 9 * HOUR) == HOUR * (MB // 2 + 2 * 2 * MB + MB // 5)


@given(lines(), sizes, moments)
def test_beginning_and_end_are_each_others_inverse(line: Carriage, size: float, at: float) -> None:
    end = line.end_of(size, at)
    assert line.carried(at, end) == pytest.approx(size, rel=1e-6, abs=line.fastest * 1e-3)
    begin = line.begin_of(size, at)
    assert line.carried(begin, at) == pytest.approx(size, rel=1e-6, abs=line.fastest * 1e-3)


@given(lines(), moments, moments, moments)
def test_what_is_carried_adds_up_and_never_shrinks(
    line: Carriage, first: float, second: float, third: float
) -> None:
    first, second, third = sorted((first, second, third))
    whole = line.carried(first, third)
    parts = line.carried(first, second), line.carried(second, third)
    tolerance = line.fastest * 1e-3
    assert min(parts) >= -tolerance
    assert sum(parts) == pytest.approx(whole, rel=1e-9, abs=tolerance)


@given(lines(), sizes, moments)
def test_nothing_takes_longer_than_at_the_worst_hour(
    line: Carriage, size: float, at: float
) -> None:
    worst = line.longest(size) * (1 + 1e-9) + 0.01
    assert line.end_of(size, at) - at <= worst
    assert at - line.begin_of(size, at) <= worst


@given(lines(), sizes, sizes)
def test_more_takes_no_less_time(line: Carriage, size: float, more: float) -> None:
    assert line.longest(size + more) >= line.longest(size) - 0.01
