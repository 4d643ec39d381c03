"""What follows an expiry comes back from the database as it was said."""

import pytest
from hypothesis import given

from daemon.domain.phase import UNKNOWN_COURSE
from daemon.errors import InvalidValue
from daemon.store.courses import read_course, write_course
from tests.unit.domain.courses import courses


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
