"""Shares of the bandwidth."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.domain.plan import Limits, PlannedRun
from daemon.services.allotment import Assignment, Company, assign
from tests.factories import NOW
from tests.unit.services.test_sweep import HOUR, planned

MIB = 2**20
ALONE = Company()


def reserving(
    rate: int, *, server: str = "web-1", store: str = "main", after: timedelta = timedelta()
) -> PlannedRun:
    """A run of an hour that is to start after so long, long before it has to."""
    run = planned(server, start_at=NOW + after)
    estimate = replace(run.demand.estimate, rate=rate)
    return replace(run, demand=replace(run.demand, estimate=estimate, store=store))


def coming(count: int, *, store: str = "main", after: timedelta = HOUR / 2) -> Company:
    return Company(
        coming=tuple(reserving(1, server=f"c-{n}", store=store, after=after) for n in range(count))
    )


def others(*bandwidths: int, store: str = "main") -> tuple[Assignment, ...]:
    return tuple(
        Assignment(planned=reserving(1, server=f"o-{store}-{place}", store=store), bandwidth=each)
        for place, each in enumerate(bandwidths)
    )


def given_to(run: PlannedRun, limits: Limits, company: Company = ALONE) -> int | None:
    return assign(run, limits, company).bandwidth


def test_without_a_limit_a_run_is_as_fast_as_it_can_be() -> None:
    assert given_to(reserving(MIB), Limits(), Company(here=others(MIB))) is None


def test_a_run_that_is_alone_for_as_long_as_it_lasts_gets_everything() -> None:
    limits = Limits(bandwidth=8 * MIB, slots=4)
    assert given_to(reserving(1), limits) == 8 * MIB
    assert given_to(reserving(1), limits, coming(3, after=2 * HOUR)) == 8 * MIB


def test_runs_that_are_to_be_under_way_together_share_alike() -> None:
    limits = Limits(bandwidth=12 * MIB, slots=4)
    assert given_to(reserving(1), limits, coming(2)) == 4 * MIB
    assert given_to(reserving(1), limits, Company(here=others(4 * MIB))) == 6 * MIB
    # There are no more of them than slots, however many wait.
    assert given_to(reserving(1), limits, coming(50)) == 3 * MIB


def test_the_run_itself_and_those_under_way_are_not_counted_twice() -> None:
    limits, run = Limits(bandwidth=8 * MIB, slots=4), reserving(1)
    (other,) = others(MIB)
    company = Company(here=(other,), coming=(run, other.planned))
    assert given_to(run, limits, company) == 4 * MIB


def test_a_last_free_slot_does_not_take_what_the_next_runs_to_its_store_need() -> None:
    """Its neighbours write to another store; their slots will soon be free for runs to this one."""
    limits = Limits(stores={"main": 9 * MIB}, slots=3)
    company = replace(coming(5), here=others(MIB, MIB, store="spare"))
    assert given_to(reserving(1), limits, company) == 3 * MIB


def test_runs_of_other_hosts_have_their_share_as_well() -> None:
    limits = Limits(bandwidth=12 * MIB, stores={"main": 8 * MIB}, slots=4)
    assert given_to(reserving(1), limits, Company(elsewhere=("spare", "spare"))) == 4 * MIB
    assert given_to(reserving(1), limits, Company(elsewhere=("main",))) == 4 * MIB
    crowd = Company(here=others(3 * MIB), elsewhere=("spare", "spare"))
    assert given_to(reserving(9 * MIB), limits, crowd) == 3 * MIB


def test_a_run_gets_what_the_plan_counts_on_though_others_may_get_less() -> None:
    limits = Limits(bandwidth=8 * MIB)
    assert given_to(reserving(6 * MIB), limits, coming(1)) == 6 * MIB


def test_no_run_gets_more_than_is_left() -> None:
    limits = Limits(bandwidth=8 * MIB)
    assert given_to(reserving(6 * MIB), limits, Company(here=others(5 * MIB))) == 3 * MIB


def test_a_run_that_has_to_start_now_gets_all_that_was_reserved_for_it() -> None:
    limits = Limits(bandwidth=8 * MIB)
    last = replace(reserving(6 * MIB), start_by=NOW + limits.lead)
    assert given_to(last, limits, Company(here=others(5 * MIB))) == 6 * MIB
    assert given_to(last, Limits(bandwidth=4 * MIB), Company(here=others(MIB))) == 4 * MIB


def test_a_store_has_a_limit_of_its_own_that_only_its_runs_share() -> None:
    limits = Limits(bandwidth=9 * MIB, stores={"main": 4 * MIB}, slots=3)
    busy = Company(here=others(MIB) + others(2 * MIB, store="other"))
    assert given_to(reserving(1), limits, busy) == 2 * MIB
    assert given_to(reserving(1, store="other"), limits, busy) == 3 * MIB


def test_a_run_that_was_started_can_end_however_little_is_left() -> None:
    """It gets half of what would be a slot's equal share, and never less than 16 KiB/s."""
    limits = Limits(bandwidth=8 * MIB, slots=4)
    assert given_to(reserving(1), limits, Company(here=others(8 * MIB))) == MIB
    tight = Limits(bandwidth=20 * 1024, slots=4)
    assert given_to(reserving(1), tight, Company(here=others(20 * 1024))) == 16 * 1024


@given(
    st.integers(MIB, 900 * MIB),
    st.integers(1, 9),
    st.lists(st.tuples(st.floats(0, 1), st.sampled_from(["main", "spare"])), max_size=9),
    st.integers(0, 9),
)
@settings(deadline=None, max_examples=200, derandomize=True)
def test_nobody_starves_and_the_budget_is_kept_but_for_the_least_that_each_gets(
    budget: int, slots: int, runs: list[tuple[float, str]], waiting: int
) -> None:
    """Runs start one after another, each reserving some part of what its predecessors left."""
    limits = Limits(bandwidth=budget, stores={"main": budget // 2}, slots=slots)
    left, here = budget, ()
    for place, (part, store) in enumerate(runs[:slots]):
        limit = limits.stores.get(store, budget)
        rate = min(limit, int(left * part))
        left -= rate
        run = reserving(rate, server=f"r-{place}", store=store)
        made = assign(run, limits, replace(coming(waiting, store=store), here=here))
        assert made.bandwidth is not None
        assert min(limit, budget) // slots // 2 <= made.bandwidth <= limit
        here = (*here, made)
    least = len(here) * (budget // slots // 2)
    assert sum(each.bandwidth or 0 for each in here) <= budget + least
