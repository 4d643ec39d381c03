"""What is given up where not everything can be saved in time, and what is not."""

from dataclasses import replace
from datetime import timedelta
from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.domain.policy import Policy
from daemon.domain.schedule import Block, Capacity, lay_out
from daemon.domain.selection import Stake
from daemon.domain.triage import settle, value_saved
from daemon.domain.verdict import Verdict
from tests.factories import NOW
from tests.unit.domain.fleets import a_server, an_attempt, runs_of
from tests.unit.domain.prospects import HOUR, a_copy, a_prospect

ALONE = Capacity(slots=1)


#: Without a margin, the stop itself is the deadline.
STRICT = Policy(margin=timedelta())


def strictly(*fleet, **given):
    return runs_of(*fleet, policies=(STRICT,), **given)


def feasible(*fleet, **given):
    return {name for name, run in strictly(*fleet, **given).items() if run.feasible}


def begins(run):
    """Hours from now; a rate in whole bytes makes runs some milliseconds longer."""
    return round((run.start_at - NOW) / HOUR, 3)


def test_a_hopeless_run_delays_no_other():
    """By the plain order of deadlines it would hold the only slot until all the others are lost."""
    hopeless = a_server("hopeless", 5 * HOUR, 10)
    fleet = [a_server(f"web-{n}", (6 + n) * HOUR, 1) for n in range(3)]
    runs = runs_of(hopeless, *fleet)
    assert {name for name, run in runs.items() if run.feasible} == {"web-0", "web-1", "web-2"}
    assert runs["hopeless"].misses_by > 6 * HOUR


def test_of_two_that_do_not_both_fit_the_one_with_more_value_is_saved():
    fleet = [a_server("cheap", 5 * HOUR, 3, value=1), a_server("dear", 5 * HOUR, 3, value=2)]
    assert feasible(*fleet) == {"dear"}


def test_a_nearer_deadline_does_not_make_up_for_less_value():
    fleet = [a_server("cheap", 4 * HOUR, 3, value=1), a_server("dear", 5 * HOUR, 3, value=2)]
    assert feasible(*fleet) == {"dear"}


def test_of_equal_value_the_nearer_deadline_comes_first():
    fleet = [a_server("b", 4 * HOUR, 3, value=1), a_server("a", 5 * HOUR, 3, value=1)]
    assert feasible(*fleet) == {"b"}


def test_many_small_ones_go_before_one_that_is_worth_less_than_all_of_them():
    small = [a_server(f"small-{n}", 4.5 * HOUR, 1, value=1) for n in range(4)]
    large = a_server("large", 4.5 * HOUR, 4, value=3)
    assert feasible(large, *small) == {each.server for each in small}
    worthy = a_server("large", 4.5 * HOUR, 4, value=5)
    assert feasible(worthy, *small) == {"large"}


def test_where_nobody_declared_a_value_as_many_as_possible_are_saved():
    small = [a_server(f"small-{n}", 3.5 * HOUR, 1) for n in range(3)]
    assert feasible(a_server("large", 3.2 * HOUR, 3), *small) == {each.server for each in small}


def test_a_server_without_a_copy_goes_before_all_that_have_one():
    saved = a_server("saved", 3 * HOUR, 2, value=1000, copy=a_copy(30 * HOUR))
    assert feasible(saved, a_server("bare", 3 * HOUR, 2)) == {"bare"}


def test_whoever_only_loses_its_margin_is_still_saved_before_its_stop():
    """Both end before their stops: who is worth more keeps its margin, the other uses it."""
    fleet = [a_server("cheap", 5 * HOUR, 2, value=1), a_server("dear", 5 * HOUR, 2, value=2)]
    runs = runs_of(*fleet)
    assert (begins(runs["dear"]), begins(runs["cheap"])) == (0, 2)
    assert runs["dear"].feasible
    assert not runs["cheap"].feasible


def test_nobody_is_given_up_for_the_sake_of_a_margin():
    """The dear one could keep its margin only if the cheap one were lost: both are saved."""
    cheap = a_server("cheap", 4 * HOUR, 3, value=1)
    dear = a_server("dear", 5 * HOUR, 1.5, value=9)
    runs = runs_of(cheap, dear)
    assert begins(runs["cheap"]) + 3 <= 4
    assert begins(runs["dear"]) + 1.5 <= 5


def test_late_is_better_than_never():
    """Who is given up takes its turn when those that are worth more have had theirs."""
    fleet = [a_server("dear", 3.5 * HOUR, 2, value=2), a_server("cheap", 3 * HOUR, 2, value=1)]
    runs = strictly(*fleet)
    assert (begins(runs["dear"]), begins(runs["cheap"])) == (0, 2)
    assert not runs["cheap"].feasible


def test_who_is_given_up_takes_a_slot_that_nobody_else_needs():
    fleet = [a_server("lost", HOUR, 5), a_server("web", 10 * HOUR, 1, copy=a_copy())]
    runs = runs_of(*fleet)
    assert runs["lost"].start_at == NOW
    assert runs["web"].feasible


def test_a_pause_after_a_failure_holds_for_those_that_are_given_up_as_well():
    """There are slots enough; what does not fit is the bandwidth of another store."""
    failed = an_attempt(finished_at=NOW - timedelta(seconds=10), failures=3, lease_until=NOW - HOUR)
    lost = a_server("lost", 3 * HOUR, 5, attempt=failed, store="other")
    crowd = [a_server("a", 4.5 * HOUR, 3, value=1), a_server("b", 5 * HOUR, 3, value=2)]
    rate = strictly(*crowd)["a"].demand.estimate.rate
    runs = strictly(lost, *crowd, slots=4, stores={"main": rate + 1})
    assert sum(run.feasible for run in runs.values()) == 1
    assert NOW < runs["lost"].start_at < NOW + HOUR


def test_what_counts_is_the_value_for_the_time_and_not_the_time_alone():
    """Two stretches of four hours; in the first the smaller ones are worth more, then the large."""
    fleet = [
        a_server("large-1", 4.2 * HOUR, 4, value=4),
        *(a_server(f"half-{n}", 4.2 * HOUR, 2, value=3) for n in range(2)),
        a_server("large-2", 8.4 * HOUR, 4, value=5),
        *(a_server(f"small-{n}", 8.4 * HOUR, 1, value=1) for n in range(4)),
    ]
    assert feasible(*fleet) == {"half-0", "half-1", "large-2"}


def test_those_that_fit_are_told_their_start_without_those_that_do_not():
    """The latest start of a run that fits is not past, whatever does not fit beside it."""
    runs = strictly(*(a_server(f"web-{n}", 5 * HOUR, 2, value=n) for n in range(6)))
    fitting = [run for run in runs.values() if run.feasible]
    assert {run.demand.server for run in fitting} == {"web-5", "web-4"}
    assert all(run.start_by >= run.start_at for run in fitting)


def test_the_status_calls_nobody_late_who_fits():
    fleet = [a_server(f"web-{n}", 5 * HOUR, 1.5, value=n) for n in range(4)]
    verdicts = {
        each.situation.outlook.server: each.verdict
        for each in a_prospect(*fleet, policy=STRICT, slots=1).statuses(NOW)
    }
    late = {server for server, verdict in verdicts.items() if verdict >= Verdict.LATE}
    assert late == {"web-0", "web-1"}


def test_bandwidth_goes_to_what_is_worth_most_as_well():
    """Two slots, but bandwidth for one of them at a time."""
    fleet = [a_server("cheap", 4.5 * HOUR, 3, value=1), a_server("dear", 5 * HOUR, 3, value=2)]
    rate = strictly(*fleet)["dear"].demand.estimate.rate
    assert feasible(*fleet, slots=2) == {"cheap", "dear"}
    assert feasible(*fleet, slots=2, bandwidth=rate + 1) == {"dear"}
    assert feasible(*fleet, slots=2, stores={"main": rate + 1}) == {"dear"}


@st.composite
def stakes(draw: st.DrawFn, value: st.SearchStrategy[int], early: int = 12) -> list[Stake]:
    found = []
    dues = sorted(draw(st.lists(st.integers(1, 30), min_size=1, max_size=7)))
    for rank, due in enumerate(dues):
        ready, length = draw(st.integers(0, early)), draw(st.integers(1, 10))
        soonest = draw(st.integers(0, ready))
        block = Block(
            rank=rank,
            server=f"s{rank}",
            ready=ready,
            length=length,
            rate=draw(st.integers(1, 4)),
            store=draw(st.sampled_from(["main", "other"])),
        )
        found.append(
            Stake(
                block=block,
                early=soonest,
                called=draw(st.integers(soonest, ready)),
                due=due,
                stop=due + draw(st.integers(0, 5)),
                value=draw(value),
                has_copy=draw(st.booleans()),
            )
        )
    return found


capacities = st.builds(
    Capacity,
    slots=st.integers(1, 3),
    bandwidth=st.none() | st.integers(4, 8),
    stores=st.just({}) | st.just({"main": 4}),
)


@settings(max_examples=300)
@given(stakes(st.integers(0, 5)), capacities)
def test_nothing_less_is_saved_than_in_the_plain_order_of_deadlines(fleet, capacity):
    settled = settle(fleet, capacity, (), 0)
    plain = lay_out([each.block for each in fleet], capacity)
    assert value_saved(fleet, settled.starts) >= value_saved(fleet, plain)


@settings(max_examples=200)
@given(stakes(st.integers(0, 5)), capacities)
def test_everybody_either_keeps_a_place_or_is_given_up(fleet, capacity):
    settled = settle(fleet, capacity, (), 0)
    everybody = {each.block.server for each in fleet}
    assert {*settled.starts, *settled.given_up} == everybody
    assert not set(settled.starts) & set(settled.given_up)
    assert all(settled.starts.get(each.block.server, 99) >= each.early for each in fleet)


@settings(max_examples=200)
@given(stakes(st.just(1), early=0))
def test_on_one_slot_as_many_of_equal_value_are_saved_as_can_be(fleet):
    """Moore and Hodgson's rule is exact there; held against trying everything."""
    fleet = [
        replace(each, early=0, called=0, stop=each.due, value=1, has_copy=True) for each in fleet
    ]
    starts = settle(fleet, ALONE, (), 0).starts
    saved = sum(
        each.block.server in starts and starts[each.block.server] + each.block.length <= each.due
        for each in fleet
    )
    assert saved == max(
        count
        for count in range(len(fleet) + 1)
        for some in combinations(fleet, count)
        if _all_in_time(some)
    )


def _all_in_time(some):
    at = 0
    for each in sorted(some, key=lambda stake: stake.due):
        at += each.block.length
        if at > each.due:
            return False
    return True
