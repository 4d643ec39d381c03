"""What follows an expiry comes back from the database as it was said."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.domain.phase import UNKNOWN_COURSE, Course, Phase
from daemon.errors import InvalidValue
from daemon.store.courses import read_course, write_course

_STARTS = st.lists(
    st.integers(min_value=-(10**6), max_value=10**8), min_size=1, max_size=6, unique=True
)
_WORDS = st.text(min_size=1).filter(lambda word: word.strip() and word.isprintable())


@st.composite
def courses(draw: st.DrawFn) -> Course:
    *starts, end = sorted(draw(_STARTS))
    living = (
        Phase(
            name=draw(_WORDS),
            start=timedelta(seconds=start),
            ssh=draw(st.booleans()),
            snapshot=draw(st.booleans()),
            renewal=draw(st.booleans()),
        )
        for start in starts
    )
    return Course(phases=(*living, Phase(name="end", start=timedelta(seconds=end), data=False)))


@given(courses())
def test_a_course_is_read_back_as_it_was_written(course):
    assert read_course(write_course(course)) == course


def test_a_course_can_be_read_by_a_person():
    assert write_course(UNKNOWN_COURSE) == (
        '[{"data":false,"name":"released","renewal":false,"snapshot":false,"ssh":false,"start":"0"}]'
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        '[{"name":"released"}]',
        '[{"data":true,"name":"x","renewal":false,"snapshot":false,"ssh":false,"start":"0"}]',
        '[{"data":false,"name":"x","renewal":false,"snapshot":false,"ssh":false,"start":"soon"}]',
    ],
)
def test_what_the_program_never_writes_is_refused(text):
    with pytest.raises(InvalidValue):
        read_course(text)
