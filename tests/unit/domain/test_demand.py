"""What a server calls for, by how near its stop is and what was saved of it: the time cases."""

from dataclasses import replace
from datetime import timedelta

import pytest

from daemon.domain.demand import demands, latest_safe_start
from daemon.domain.plan import Limits, Reason
from daemon.domain.policy import DEFAULT_POLICY, Policy
from daemon.domain.run import RunKind, RunState
from tests.factories import NOW
from tests.unit.domain.fleets import PLAINLY, a_server, an_attempt, early
from tests.unit.domain.prospects import DAY, HOUR, MINUTE, a_copy, an_outlook

SECOND = timedelta(seconds=1)


def demand_of(outlook, policy=DEFAULT_POLICY, now=NOW):
    return demands(outlook, policy, Limits(), PLAINLY, now)


def called(left, copy=None, now=NOW, **known):
    """What a server calls for whose runs take an hour."""
    known["copy"] = None if copy is None else a_copy(copy)
    return demand_of(a_server("web", left, 1, **known), now=now)


def failed(ago, failures=1, **changes):
    return an_attempt(
        ago + HOUR, state=RunState.FAILED, finished_at=NOW - ago, failures=failures, **changes
    )


def test_a_second_before_the_seed_is_due_nothing_is_called_for():
    assert called(30 * DAY + SECOND) is None


def test_thirty_days_before_the_stop_the_seed_is_due():
    demand = called(30 * DAY)
    assert (demand.reason, demand.due_at) == (Reason.SEED, NOW)


def test_a_contract_that_is_added_late_has_its_seed_due_since_long_ago():
    assert called(2 * DAY).due_at == NOW - 28 * DAY


@pytest.mark.parametrize(
    ("left", "age", "due_in"),
    [
        (20 * DAY, 6 * DAY, DAY),
        (20 * DAY, 8 * DAY, -DAY),
        # The rung of a day begins before this copy is a week old.
        (15 * DAY, HOUR, DAY),
        (10 * DAY, HOUR, 23 * HOUR),
        (2 * DAY, HOUR, 5 * HOUR),
        (2 * DAY, 7 * HOUR, -HOUR),
    ],
)
def test_a_copy_calls_for_the_next_one_when_the_ladder_finds_it_too_old(left, age, due_in):
    demand = called(left, age)
    assert (demand.reason, demand.due_at) == (Reason.LADDER, NOW + due_in)


def test_the_last_run_is_timed_to_end_a_margin_before_the_stop():
    demand = called(6 * HOUR, 3 * HOUR)
    assert demand.reason is Reason.FINAL
    assert demand.finish_by == NOW + 4 * HOUR
    assert demand.due_at == NOW + 4 * HOUR - demand.estimate.high - MINUTE


def test_once_the_last_copy_is_made_no_other_is_called_for():
    assert called(3 * HOUR, HOUR / 2) is None


def test_after_an_early_last_copy_another_is_made_where_a_usual_run_fits():
    """The pessimistic estimate says that there is no time; the last copy is seven hours old."""
    demand = demand_of(early())
    assert (demand.reason, demand.optional) == (Reason.LADDER, True)
    assert demand.due_at == NOW - HOUR
    assert demand.finish_by == NOW + 25 * HOUR
    assert "there is time for a younger copy" in demand.explanation
    assert demand_of(early(), now=NOW + 20 * HOUR).optional
    assert demand_of(early(), now=NOW + 20 * HOUR + SECOND) is None


def test_the_copy_that_it_makes_is_followed_by_another_as_long_as_there_is_time():
    made = replace(early(), copy=a_copy(HOUR))
    assert demand_of(made).due_at == NOW + 5 * HOUR
    assert demand_of(replace(early(), copy=a_copy(-15 * HOUR)), now=NOW + 15 * HOUR) is None


def test_a_copy_that_began_just_too_early_is_no_last_one():
    length = called(3 * HOUR, DAY).estimate.high
    counts = NOW + HOUR - length - MINUTE - length
    assert called(3 * HOUR, NOW - counts) is None
    assert called(3 * HOUR, NOW - counts + SECOND).reason is Reason.FINAL


def test_a_copy_dated_ahead_of_now_does_not_count_as_fresh():
    demand = called(2 * DAY, -10 * MINUTE)
    assert demand.due_at <= NOW
    assert "a clock was wrong" in demand.explanation


def test_a_clock_that_is_a_little_ahead_is_no_wrong_clock():
    assert called(2 * DAY, -4 * MINUTE).due_at > NOW


def test_when_the_margin_has_begun_the_stop_itself_is_the_deadline():
    demand = called(HOUR, DAY)
    assert demand.finish_by == NOW + HOUR
    assert "The margin is being used." in demand.explanation


def test_after_the_stop_a_server_is_rescued_as_long_as_nothing_newer_was_saved():
    demand = called(-HOUR, DAY)
    assert (demand.reason, demand.kind) == (Reason.RESCUE, RunKind.RESCUE)
    assert demand.due_at == NOW - HOUR
    assert called(-HOUR, HOUR / 2) is None


def test_even_after_the_release_a_server_is_rescued_since_nobody_knows_the_calendar():
    assert called(-40 * DAY, 60 * DAY).reason is Reason.RESCUE


def test_a_rescue_that_failed_is_tried_again_every_six_hours():
    tried = failed(HOUR, kind=RunKind.RESCUE)
    assert called(-DAY, 2 * DAY, attempt=tried).due_at == NOW + 5 * HOUR


def test_without_a_contract_or_with_a_closed_one_nothing_is_called_for():
    assert demand_of(an_outlook(left=None)) is None
    assert demand_of(an_outlook(left=None, closed="migrated")) is None


def test_while_somebody_holds_a_run_no_other_is_called_for():
    assert called(DAY, attempt=an_attempt()) is None


def test_a_run_whose_lease_has_lapsed_is_called_for_at_once():
    demand = called(DAY, attempt=an_attempt(lease_until=NOW))
    assert demand.due_at <= NOW


@pytest.mark.parametrize(("failures", "minutes"), [(1, 1), (3, 4), (9, 60)])
def test_after_failures_a_pause_is_made_as_long_as_there_is_time(failures, minutes):
    demand = called(10 * DAY, attempt=failed(SECOND, failures))
    assert demand.due_at == NOW - SECOND + minutes * MINUTE


def test_no_pause_leads_past_the_latest_start():
    alone = latest_safe_start(
        a_server("web", 3.5 * HOUR, 1), DEFAULT_POLICY, Limits(), PLAINLY, NOW
    )
    demand = called(3.5 * HOUR, attempt=failed(SECOND, 9))
    assert demand.due_at == alone - MINUTE


def test_an_attempt_dated_ahead_of_now_makes_nobody_wait():
    assert called(DAY, attempt=failed(-HOUR, 9)).due_at <= NOW


def test_the_latest_safe_start_is_the_stop_less_the_margin_and_the_run():
    web = a_server("web", 10 * HOUR, 1)
    run = demand_of(web).estimate.high
    assert latest_safe_start(web, DEFAULT_POLICY, Limits(), PLAINLY, NOW) == NOW + 8 * HOUR - run


def test_without_a_timed_last_run_the_ladder_alone_calls():
    policy = Policy(final=False)
    made = a_server("web", 3 * HOUR, 1, copy=a_copy(HOUR))
    assert demand_of(made, policy) is None
    stale = replace(made, copy=a_copy(7 * HOUR))
    assert demand_of(stale, policy).reason is Reason.LADDER
