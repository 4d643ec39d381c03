"""A server's way to its end as a bar: every sign where it belongs, within the screen."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.cli.timeline_drawing import ASCII, UNICODE, Starts, draw
from daemon.domain.phase import Course, Phase
from daemon.domain.status import ServerStatus
from tests.factories import NOW
from tests.unit.domain.courses import courses
from tests.unit.domain.prospects import DAY, HOUR, a_copy, a_prospect, an_outlook

WIDTH = 62


def status(**known: object) -> ServerStatus:
    (found,) = a_prospect(an_outlook(**known)).statuses(NOW)  # type: ignore[arg-type]  # as given
    return found


def bar(runs: tuple[datetime, ...] = (), copies: tuple[datetime, ...] = (), **known: object) -> str:
    _, drawn, *_ = draw(status(**known), Starts(runs=runs, copies=copies), ASCII, WIDTH)
    return drawn.removeprefix("  ")


def test_ssh_is_drawn_up_to_the_stop_and_the_rest_up_to_the_release() -> None:
    """Fifteen days to the stop, as many to the release: the stop is in the middle."""
    drawn = bar(left=15 * DAY)
    assert len(drawn) == WIDTH - 2
    assert (drawn.index("S"), drawn.index("X")) == (30, 59)
    assert set(drawn[:29]) == {"="}
    assert set(drawn[31:59]) == {"."}


def test_runs_stand_where_they_start() -> None:
    drawn = bar((NOW, NOW + 5 * DAY, NOW + 400 * DAY), left=15 * DAY)
    assert [place for place, sign in enumerate(drawn) if sign == "^"] == [0, 10]


def test_a_provider_snapshot_stands_where_it_is_asked_for() -> None:
    assert bar(copies=(NOW + 20 * DAY,), left=15 * DAY).index("P") == 39


def test_of_two_dates_in_one_column_the_graver_is_drawn_and_both_are_told() -> None:
    head, drawn, *dates = draw(status(left=150 * DAY), Starts(), ASCII, WIDTH)
    assert "L" not in drawn
    assert "E" not in drawn
    assert drawn.count("S") == 1
    told = " ".join(dates)
    assert all(f"{sign} 2027-04-22T0" in told for sign in "LES")
    assert head == "web-1  at risk, stops in 150 d"


def test_grace_with_ssh_is_drawn_as_reachable() -> None:
    course = Course(
        phases=(
            Phase(name="grace", start=timedelta(), ssh=True),
            Phase(name="stopped", start=10 * DAY),
            Phase(name="released", start=20 * DAY, data=False),
        )
    )
    drawn = bar(left=20 * DAY, course=course)
    assert drawn.index("E") == 20
    assert "." not in drawn[: drawn.index("S")]


def test_what_is_past_has_no_place_on_the_bar() -> None:
    head, drawn, *_ = draw(status(left=-5 * DAY, copy=a_copy(6 * DAY)), Starts(), ASCII, WIDTH)
    assert head.endswith("stopped 5 d ago")
    assert set(drawn.strip()) == {".", "X"}


@pytest.mark.parametrize(
    ("left", "said"),
    [
        pytest.param(None, "web-1  at risk: no contract says when it stops", id="no contract"),
        pytest.param(
            -16 * DAY, "web-1  lost: data destroyed on 2026-11-22T06:01:01Z", id="all is over"
        ),
    ],
)
def test_without_a_way_to_go_there_is_no_bar(left: timedelta | None, said: str) -> None:
    assert draw(status(left=left), Starts(), ASCII, WIDTH) == [said]


@given(
    courses(),
    st.integers(-60 * 24, 400 * 24).map(lambda hours: hours * HOUR),
    st.lists(st.integers(-99, 999).map(lambda days: NOW + days * DAY), max_size=9),
    st.integers(0, 100),
    st.sampled_from([ASCII, UNICODE]),
)
def test_no_line_is_wider_than_the_screen(
    course: Course, left: timedelta, runs: list[datetime], width: int, signs: object
) -> None:
    chosen = ASCII if signs is ASCII else UNICODE
    lines = draw(status(left=left, course=course), Starts(runs=runs, copies=runs), chosen, width)
    assert max(map(len, lines)) <= max(width, 22)
    assert max(map(len, chosen.legend(max(width, 22)))) <= max(width, 22)
    assert chosen is UNICODE or "".join(lines).isascii()
