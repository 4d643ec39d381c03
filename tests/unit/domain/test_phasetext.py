"""Phases are read as people type them."""

from datetime import timedelta

import pytest
from hypothesis import given

from daemon.domain.phase import Course, Phase
from daemon.domain.phasetext import read_course, write_course
from daemon.errors import InvalidValue
from tests.unit.domain.courses import courses


def test_a_course_is_read_from_one_text_for_each_phase():
    course = read_course(["grace:0:ssh,snapshot,renewal", "stopped:15d:-", "released:30d:-"])
    assert course == Course(
        phases=(
            Phase(name="grace", start=timedelta(), ssh=True, snapshot=True, renewal=True),
            Phase(name="stopped", start=timedelta(days=15)),
            Phase(name="released", start=timedelta(days=30), data=False),
        )
    )


def test_the_last_phase_is_when_the_data_is_destroyed():
    assert read_course(["released:3d:-"]).release == timedelta(days=3)
    with pytest.raises(InvalidValue, match="something works still") as refused:
        read_course(["stopped:0:renewal"])
    assert "released:15d:-" in refused.value.hint


def test_a_phase_may_begin_before_the_expiry():
    assert read_course(["stopped:-1d:-", "released:15d:-"]).stop == timedelta(days=-1)


@given(courses())
def test_what_was_written_is_read_as_the_same_course(course):
    assert read_course(write_course(course)) == course


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("stopped", "not a phase"),
        ("stopped:0", "not a phase"),
        ("stopped:0:ssh:more", "not a phase"),
        ("stopped:soon:ssh", "not a length"),
        ("stopped:0:telnet", "'telnet'"),
        ("stopped:0:", "''"),
        ("stopped:0:ssh,-", "'-'"),
        (":0:ssh", "name of a phase"),
    ],
)
def test_a_slip_in_a_phase_is_named(text, reason):
    with pytest.raises(InvalidValue, match=reason):
        read_course([text, "released:15d:-"])


def test_no_phase_at_all_is_no_course():
    with pytest.raises(InvalidValue, match="no phase"):
        read_course([])
