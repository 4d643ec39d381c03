"""What follows an expiry: phases in order, the stop before the release."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.domain.phase import RUNNING, UNKNOWN_COURSE, Course, Phase, Timeline
from daemon.errors import InvalidValue
from tests.factories import NOW
from tests.unit.domain.courses import STARTS, courses

DAY = timedelta(days=1)


def released(days: int) -> Phase:
    return Phase(name="released", start=days * DAY, data=False)


GRACE = Course(
    phases=(
        Phase(name="grace", start=timedelta(), ssh=True, renewal=True),
        Phase(name="stopped", start=15 * DAY, snapshot=True, renewal=True),
        released(30),
    )
)


def test_the_stop_is_where_ssh_ends_and_not_the_expiry():
    timeline = Timeline(expires=NOW, course=GRACE)
    assert timeline.stop_at == NOW + 15 * DAY
    assert timeline.release_at == NOW + 30 * DAY


@pytest.mark.parametrize(
    ("days", "phase"),
    [(-0.001, "running"), (0, "grace"), (14.999, "grace"), (15, "stopped"), (30, "released")],
)
def test_a_phase_holds_from_its_first_instant_on(days, phase):
    assert Timeline(expires=NOW, course=GRACE).phase(NOW + days * DAY).name == phase


def test_of_a_provider_nobody_knows_the_worst_is_assumed():
    timeline = Timeline(expires=NOW, course=UNKNOWN_COURSE)
    assert timeline.stop_at == timeline.release_at == NOW


def test_ssh_that_comes_back_does_not_move_the_first_stop():
    back = Course(
        phases=(
            Phase(name="locked", start=timedelta()),
            Phase(name="rescue", start=DAY, ssh=True),
            released(3),
        )
    )
    assert back.stop == timedelta()


def test_a_server_may_stop_before_its_expiry():
    early = Course(phases=(Phase(name="stopped", start=-DAY), released(7)))
    assert Timeline(expires=NOW, course=early).stop_at == NOW - DAY


@given(courses())
def test_nothing_is_destroyed_before_it_stops(course):
    assert course.stop <= course.release


@given(courses(), STARTS)
def test_before_the_stop_ssh_works_and_after_the_release_nothing(course, since):
    phase = course.at(since)
    if since < course.stop:
        assert phase.ssh
    if since >= course.release:
        assert not phase.data


@given(courses(), STARTS)
def test_the_phase_that_holds_is_the_last_one_begun(course, since):
    later = [phase for phase in course.phases if phase.start > since]
    holding = course.at(since)
    assert holding is RUNNING or holding.start <= since
    assert all(phase.start > holding.start for phase in later)


@given(courses(), st.datetimes(timezones=st.just(UTC)))
def test_no_expiry_leads_out_of_the_calendar(course, expires):
    timeline = Timeline(expires=expires, course=course)
    assert timeline.stop_at <= timeline.release_at
    assert timeline.phase(datetime.max.replace(tzinfo=UTC)) is not None


@pytest.mark.parametrize(
    ("phases", "reason"),
    [
        ((), "no phase"),
        ((released(3), Phase(name="stopped", start=DAY)), "order"),
        ((Phase(name="a", start=DAY), released(1)), "order"),
        ((Phase(name="stopped", start=DAY),), "when the data is destroyed"),
        ((released(1), Phase(name="back", start=2 * DAY)), "Another phase follows"),
    ],
)
def test_phases_that_cannot_follow_each_other_are_refused(phases, reason):
    with pytest.raises(InvalidValue, match=reason):
        Course(phases=phases)


@pytest.mark.parametrize("works", ["ssh", "snapshot", "renewal"])
def test_nothing_works_where_there_is_no_data(works):
    with pytest.raises(InvalidValue, match="no data"):
        Phase(name="released", start=timedelta(), data=False, **{works: True})


@pytest.mark.parametrize("name", ["", " ", "a:b", "a\nb"])
def test_a_phase_has_a_name_that_can_be_written(name):
    with pytest.raises(InvalidValue, match="name of a phase"):
        Phase(name=name, start=timedelta())
