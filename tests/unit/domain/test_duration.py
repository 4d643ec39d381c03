"""Lengths of time are read as people write them, and written as they are read."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.domain.duration import read_duration, write_duration
from daemon.errors import InvalidValue

LENGTHS = st.timedeltas(timedelta(days=-36_500), timedelta(days=36_500)).map(
    lambda length: timedelta(seconds=int(length.total_seconds()))
)


@pytest.mark.parametrize(
    ("text", "length"),
    [
        pytest.param("15d", timedelta(days=15), id="days"),
        pytest.param("1d12h", timedelta(hours=36), id="several units"),
        pytest.param("2w", timedelta(days=14), id="weeks"),
        pytest.param("90min", timedelta(minutes=90), id="more minutes than an hour has"),
        pytest.param("45s", timedelta(seconds=45), id="seconds"),
        pytest.param("-1d2h", timedelta(hours=-26), id="a minus counts for all of it"),
        pytest.param("0", timedelta(), id="nothing needs no unit"),
    ],
)
def test_a_length_is_what_people_mean(text, length):
    assert read_duration(text) == length


@pytest.mark.parametrize(
    "text", ["", "15", "d", "1.5d", "15 d", "1m", "1y", "1D", "+1d", "--1d", "1d-2h", "٣d", "1d\n"]
)
def test_what_is_no_length_is_refused(text):
    with pytest.raises(InvalidValue, match="not a length"):
        read_duration(text)


def test_a_length_that_leads_out_of_the_calendar_is_refused():
    assert read_duration("36500d") == timedelta(days=36_500)
    with pytest.raises(InvalidValue, match="hundred years"):
        read_duration("36500d1s")


@given(LENGTHS)
def test_what_was_written_is_read_as_the_same_length(length):
    assert read_duration(write_duration(length)) == length


@given(LENGTHS, LENGTHS)
def test_different_lengths_are_written_differently(one, other):
    assert (write_duration(one) == write_duration(other)) == (one == other)


def test_days_are_not_gathered_into_weeks():
    assert write_duration(timedelta(days=15)) == "15d"
    assert write_duration(timedelta(hours=36)) == "1d12h"
