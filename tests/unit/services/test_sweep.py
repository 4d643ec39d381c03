"""Which of the runs that are called for a daemon starts itself."""

from datetime import timedelta
from typing import Any

from daemon.domain.plan import Basis, Demand, Estimate, Plan, PlannedRun, Reason
from daemon.domain.run import RunKind
from daemon.services.sweep import AFFINITY, choose, left_to_others
from tests.factories import NOW

HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)


def planned(server: str, **changes: Any) -> PlannedRun:
    estimate = Estimate(low=SECOND, high=HOUR, basis=Basis.ASSUMED, rate=1)
    demand = Demand(
        server=server,
        contract="c-1",
        kind=RunKind.SCHEDULED,
        reason=Reason.LADDER,
        explanation="It is time.",
        due_at=NOW - HOUR,
        finish_by=NOW + 30 * HOUR,
        final_by=NOW + 30 * HOUR,
        estimate=estimate,
        value=0,
        store="main",
    )
    given: dict[str, Any] = {
        "demand": demand,
        "start_by": NOW + 20 * HOUR,
        "start_at": NOW,
        "feasible": True,
        "misses_by": timedelta(),
    }
    return PlannedRun(**(given | changes))


def plan(*runs: PlannedRun) -> Plan:
    return Plan(at=NOW, runs=runs, wake_at=NOW + HOUR)


def chosen(*runs: PlannedRun, free: int = 9, **more: Any) -> list[str]:
    hosts = more.pop("hosts", {})
    found = choose(plan(*runs), free, "ops-1", hosts, NOW, **more)
    return [each.demand.server for each in found]


def test_what_is_due_is_started_in_the_order_of_the_plan() -> None:
    assert chosen(planned("late"), planned("later"), free=2) == ["late", "later"]


def test_no_more_is_started_than_there_is_room_for() -> None:
    assert chosen(planned("a"), planned("b"), planned("c"), free=2) == ["a", "b"]
    assert chosen(planned("a"), free=0) == []
    assert chosen(planned("a"), free=-1) == []


def test_what_is_planned_for_later_waits_and_holds_nobody_up() -> None:
    later = planned("later", start_at=NOW + SECOND)

    assert chosen(later, planned("now"), free=1) == ["now"]


def test_a_run_that_is_too_late_is_started_all_the_same() -> None:
    assert chosen(planned("lost", feasible=False, misses_by=HOUR)) == ["lost"]


def test_a_server_is_left_to_the_host_that_has_its_staging() -> None:
    assert chosen(planned("a"), planned("b"), hosts={"a": "ops-2", "b": "ops-1"}) == ["b"]


def test_a_server_whose_host_does_not_come_is_taken_after_a_minute() -> None:
    hosts = {"a": "ops-2"}

    assert chosen(planned("a"), hosts=hosts, left_since={"a": NOW - AFFINITY + SECOND}) == []
    assert chosen(planned("a"), hosts=hosts, left_since={"a": NOW - AFFINITY}) == ["a"]


def test_a_clock_that_is_put_back_does_not_make_a_server_wait_longer_for_its_host() -> None:
    """By the wall clock nobody has waited yet; by the other one, that goes on, long enough."""
    ahead = NOW + 48 * HOUR
    given: dict[str, Any] = {"hosts": {"a": "ops-2"}, "carried": ahead}
    run = planned("a", start_by=ahead + HOUR)

    assert chosen(run, left_since={"a": ahead - SECOND}, **given) == []
    assert chosen(run, left_since={"a": ahead - AFFINITY}, **given) == ["a"]
    assert chosen(run, left_since={"a": ahead + HOUR}, **given) == ["a"]
    assert chosen(planned("a", start_by=ahead - HOUR), **given) == ["a"]


def test_no_server_is_left_to_anybody_once_it_has_to_start() -> None:
    urgent = planned("a", start_by=NOW + 30 * SECOND)
    given: dict[str, Any] = {"hosts": {"a": "ops-2"}}

    assert chosen(urgent, **given) == []
    assert chosen(urgent, lead=30 * SECOND, **given) == ["a"]


def test_what_is_due_and_at_home_elsewhere_is_known() -> None:
    runs = plan(planned("a"), planned("b"), planned("c", start_at=NOW + HOUR), planned("d"))
    hosts = {"a": "ops-2", "b": "ops-1", "c": "ops-2"}

    assert left_to_others(runs, "ops-1", hosts, NOW) == {"a"}
