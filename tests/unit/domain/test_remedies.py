"""What would help: said only if a plan made with it is in time."""

import re
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings

from daemon.domain.phase import Course, Phase
from daemon.domain.plan import Limits
from daemon.domain.planner import plan
from daemon.domain.policy import Policy
from tests.factories import NOW
from tests.unit.domain.fleets import MIB, PLAINLY, a_server, fleets, limits_of_fleets, runs_of
from tests.unit.domain.prospects import DAY, GIB, HOUR, an_outlook

STRICT = Policy(margin=timedelta())


def remedies(*fleet, **given):
    return {
        name: run.remedies for name, run in runs_of(*fleet, policies=(STRICT,), **given).items()
    }


def test_a_run_that_fits_needs_none():
    assert remedies(a_server("web", 6 * HOUR, 2)) == {"web": ()}


def test_a_slot_more_is_named_where_it_would_do():
    fleet = [a_server("a", 5 * HOUR, 3), a_server("b", 5 * HOUR, 3)]
    assert "One more slot (2 instead of 1)." in remedies(*fleet)["b"]


def test_as_many_slots_are_named_as_are_needed():
    fleet = [a_server(name, 5 * HOUR, 3, value=name == "a") for name in "abc"]
    found = remedies(*fleet)
    assert [each[0] for each in (found["b"], found["c"])] == [
        "One more slot (2 instead of 1).",
        "2 more slots (3 instead of 1).",
    ]


def test_no_slot_is_named_where_time_alone_is_short():
    assert not any("slot" in each for each in remedies(a_server("web", 2 * HOUR, 5))["web"])


def test_a_renewal_is_named_with_a_date_that_is_late_enough():
    (said,) = remedies(a_server("web", 2 * HOUR, 5))["web"]
    found = re.fullmatch(r"Renew c-web until (\S+) or later\.", said)
    assert found
    # Wherever on earth the date is meant, the run has ended by then.
    begins = datetime.fromisoformat(f"{found[1]}T00:00:00+14:00")
    assert begins >= NOW + 5 * HOUR


def test_no_renewal_is_named_that_the_provider_does_not_take():
    """In its last day the server still runs, and nobody can renew it any more."""
    late = a_server("web", 2 * HOUR, 5)
    course = late.life.timeline.course
    closing = Phase(name="closing", start=-DAY, ssh=True)
    closed = replace(course.phases[0], renewal=False)
    timeline = replace(
        late.life.timeline, course=Course(phases=(closing, closed, course.phases[1]))
    )
    assert remedies(late)["web"]
    assert remedies(replace(late, life=replace(late.life, timeline=timeline))) == {"web": ()}


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"bandwidth": MIB}, "for all runs together."),
        ({"stores": {"main": MIB}}, "for the store main."),
    ],
)
def test_bandwidth_is_named_where_a_limit_makes_the_run_too_long(limits, words):
    """10 GiB at 1 MiB/s take 2.8 hours; two hours are left."""
    web = an_outlook("web", 2 * HOUR, measured_bytes=10 * GIB)
    said = remedies(web, **limits)["web"][0]
    assert said == f"0.5 MiB/s more bandwidth (1.5 MiB/s) {words}"


def test_the_limit_of_the_server_itself_is_named():
    web = an_outlook("web", 2 * HOUR, measured_bytes=10 * GIB, bandwidth=MIB)
    assert "0.5 MiB/s more bandwidth (1.5 MiB/s) for web itself." in remedies(web)["web"]


def test_whoever_has_stopped_is_told_of_no_remedy():
    assert remedies(a_server("web", -HOUR, 2)) == {"web": ()}


@settings(max_examples=15, deadline=None)
@given(fleets("abc"), limits_of_fleets)
def test_whatever_is_said_of_slots_is_true(fleet, limits):
    for run in plan(fleet, (), limits, PLAINLY, NOW).runs:
        for said in run.remedies:
            found = re.search(r"slots? \((\d+) instead", said)
            if found:
                more = replace(limits, slots=int(found[1]))
                (helped,) = [
                    each
                    for each in plan(fleet, (), more, PLAINLY, NOW).runs
                    if each.demand.server == run.demand.server
                ]
                assert helped.feasible


def test_in_a_large_fleet_the_search_ends_soon():
    """Of thousands of servers that are late together, nothing is tried over and over."""
    fleet = [a_server(f"web-{n}", 2 * HOUR, 5) for n in range(400)]
    made = plan(fleet, (), Limits(slots=1), PLAINLY, NOW)
    assert sum(bool(run.remedies) for run in made.runs) <= 25
