"""Shares of the bandwidth."""

from dataclasses import replace

from daemon.domain.plan import Limits, PlannedRun
from daemon.services.allotment import Assignment, assign
from tests.unit.services.test_sweep import planned

MIB = 2**20


def reserving(rate: int, *, store: str = "main") -> PlannedRun:
    run = planned("web-1")
    estimate = replace(run.demand.estimate, rate=rate)
    return replace(run, demand=replace(run.demand, estimate=estimate, store=store))


def other(bandwidth: int, *, store: str = "main") -> Assignment:
    return Assignment(planned=reserving(1, store=store), bandwidth=bandwidth)


def test_without_a_limit_a_run_is_as_fast_as_it_can_be() -> None:
    assert assign(reserving(MIB), Limits(), [other(MIB)], 1).bandwidth is None


def test_free_slots_share_what_is_there() -> None:
    limits = Limits(bandwidth=8 * MIB)
    assert assign(reserving(1), limits, [], 2).bandwidth == 4 * MIB
    assert assign(reserving(1), limits, [other(4 * MIB)], 1).bandwidth == 4 * MIB


def test_a_run_gets_what_the_plan_counts_on_though_others_may_get_less() -> None:
    limits = Limits(bandwidth=8 * MIB)
    assert assign(reserving(6 * MIB), limits, [], 2).bandwidth == 6 * MIB


def test_no_run_gets_more_than_is_left() -> None:
    limits = Limits(bandwidth=8 * MIB)
    assert assign(reserving(6 * MIB), limits, [other(5 * MIB)], 1).bandwidth == 3 * MIB


def test_a_store_has_a_limit_of_its_own_that_only_its_runs_share() -> None:
    limits = Limits(bandwidth=9 * MIB, stores={"main": 4 * MIB})
    busy = [other(MIB), other(2 * MIB, store="other")]
    assert assign(reserving(1), limits, busy, 1).bandwidth == 3 * MIB
    assert assign(reserving(1, store="other"), limits, busy, 1).bandwidth == 6 * MIB


def test_a_run_that_was_started_can_end_however_little_is_left() -> None:
    """It gets half of what would be a slot's equal share, and never less than 16 KiB/s."""
    limits = Limits(bandwidth=8 * MIB, slots=4)
    assert assign(reserving(1), limits, [other(8 * MIB)], 1).bandwidth == MIB
    tight = Limits(bandwidth=20 * 1024, slots=4)
    assert assign(reserving(1), tight, [other(20 * 1024)], 1).bandwidth == 16 * 1024
