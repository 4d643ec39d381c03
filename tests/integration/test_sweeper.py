"""One sweep, from what is on record to the runs that begin."""

import os
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
import structlog

from daemon.domain.contract import Expiry
from daemon.domain.outlook import Outlook
from daemon.domain.plan import Assumptions, Limits, Plan
from daemon.domain.planner import plan_present
from daemon.domain.policy import DEFAULT_POLICY
from daemon.domain.present import Present
from daemon.domain.run import Failure, RunKind, RunState, advance
from daemon.services.allotment import Assignment
from daemon.services.ownership import name_owner
from daemon.services.planning import Planning
from daemon.services.stopping import Stopping
from daemon.services.sweeper import Sweeper, Swept
from daemon.services.workforce import Workforce
from daemon.store.unit_of_work import UnitOfWork
from tests.factories import RUN, FakeClock, a_contract, a_server
from tests.histories import chained_manifest, claim, finish

LONG = 30.0
MIB = 2**20
HERE = "ops-1"
DAY = timedelta(days=1)
RUNS = [f"20261123T06010{number}Z-aaaaaa" for number in range(2)]


@dataclass(kw_only=True)
class Bridge:
    """A daemon's sweeper on a real database; its runs last until they are told to end."""

    units: Callable[..., UnitOfWork]
    slots: int = 2
    bandwidth: int | None = None
    assumed_rate: int = 10 * MIB
    owner: str = field(default_factory=lambda: name_owner(os.urandom))
    planner: Callable[..., Plan] = plan_present
    given: dict[str, Stopping] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.ended = threading.Event()
        self.begun = threading.Semaphore(0)
        self.workforce = Workforce(self._work, FakeClock(), self.ended.set)
        self.sweeper = Sweeper(
            units=self.units,
            workforce=self.workforce,
            planner=self._plan,
            owner=self.owner,
            host=HERE,
        )

    def _plan(self, *words: Any, **more: Any) -> Plan:
        return self.planner(*words, **more)

    def _work(self, assignment: Assignment, stopping: Stopping) -> None:
        self.given[assignment.server] = stopping
        self.begun.release()
        stopping.asked.wait(LONG)

    def register(self, **days: int) -> None:
        """Servers, each with a contract that leaves it so many days."""
        with self.units() as unit:
            for name, left in days.items():
                now = unit.hosts.announce("x", "x", 0, for_=timedelta()).started_at
                stop = now + timedelta(days=left)
                expiry = Expiry(text=f"{stop:%Y-%m-%dT%H:%M:%S}", timezone="UTC")
                unit.servers.add(a_server(name=name))
                unit.contracts.add(a_contract(name=f"c-{name}", servers=(name,), expiry=expiry))
            unit.commit()

    def announce(self, host: str, slots: int = 2) -> None:
        with self.units() as unit:
            unit.hosts.announce(f"{host}:1:0-aa", host, slots, for_=timedelta(minutes=5))
            unit.commit()

    def claim(self, server: str, owner: str) -> None:
        with self.units() as unit:
            unit.runs.claim(
                run=RUN,
                server=server,
                kind=RunKind.SCHEDULED,
                store="main",
                owner=owner,
                lease=timedelta(hours=1),
            )
            unit.commit()

    def abandon(self, server: str, owner: str) -> None:
        """Leave a run behind that has lapsed, so that the server's staging is with its owner."""
        with self.units() as unit:
            unit.runs.claim(
                run=RUN,
                server=server,
                kind=RunKind.SCHEDULED,
                store="main",
                owner=owner,
                lease=-timedelta(hours=1),
            )
            unit.commit()

    def end(self, server: str, run: str, code: str) -> None:
        """Leave a run behind that ended just now, with an error of that name."""
        error = Failure(code=code, message="It ended.", hint="")
        with self.units() as unit:
            held = claim(unit, run, server=server)
            unit.runs.save(advance(held, RunState.PARTIAL, unit.now(), error=error))
            unit.commit()

    def save(self, server: str, run: str) -> None:
        """Leave a verified run behind that ended just now."""
        with self.units() as unit:
            finish(
                unit, claim(unit, run, server=server), chained_manifest(unit, run, server=server)
            )
            unit.commit()

    def sweep(self, *, ahead: timedelta = timedelta(), later: timedelta = timedelta()) -> Swept:
        """Look once, so much later, while the carried clock is so much ahead of the others."""
        planning = Planning(
            units=self.units,
            clock=FakeClock(self.now()),
            policies=(DEFAULT_POLICY,),
            limits=Limits(slots=self.slots, bandwidth=self.bandwidth),
            assumptions=Assumptions(rate=self.assumed_rate),
            default_store="main",
        )
        now = self.now() + later
        present = Present(wall=now, carried=now + ahead, database=now)
        swept = self.sweeper.sweep(planning, present)
        assert all(self.begun.acquire(timeout=LONG) for _ in swept.started)
        return swept

    def now(self) -> datetime:
        with self.units(read_only=True) as unit:
            newest = unit.audit.newest_at()
        assert newest is not None
        return newest


@pytest.fixture
def bridge(open_unit: Callable[..., UnitOfWork]) -> Iterator[Bridge]:
    bridge = Bridge(units=open_unit)
    yield bridge
    bridge.workforce.force()
    assert bridge.workforce.wait(LONG)


def test_what_is_due_begins_in_the_order_of_its_deadline_as_far_as_there_are_slots(
    bridge: Bridge,
) -> None:
    bridge.register(late=9, soon=2, sooner=1, far=200)

    assert bridge.sweep().started == ("sooner", "soon")
    assert bridge.sweep().started == ()
    bridge.workforce.pause("soon")
    assert bridge.ended.wait(LONG)
    assert "soon" not in bridge.workforce.servers()


def test_after_a_week_without_a_daemon_everything_runs_in_the_order_of_its_deadline(
    bridge: Bridge,
) -> None:
    """One has stopped meanwhile; it may still answer. One is too far from its stop to be due."""
    days = {"late": 16, "stopped": 6, "soon": 8, "never_saved": 11, "far": 300, "next": 9}
    bridge.register(**days)
    bridge.slots = len(days)
    for place, server in enumerate(sorted(days.keys() - {"never_saved"})):
        bridge.save(server, f"20261123T060101Z-{place:06x}")

    swept = bridge.sweep(later=7 * DAY)

    assert swept.started == ("stopped", "soon", "next", "never_saved", "late")


def test_slots_of_other_hosts_are_planned_with_but_not_used(bridge: Bridge) -> None:
    bridge.register(a=1, b=2, c=3)
    bridge.slots = 1
    bridge.announce("ops-2", slots=2)

    swept = bridge.sweep()

    assert swept.started == ("a",)
    assert swept.part == 1 / 3
    assert sum(run.start_at <= swept.plan.at for run in swept.plan.runs) == 3


def test_bandwidth_is_shared_with_what_other_hosts_do(bridge: Bridge) -> None:
    bridge.register(a=1, b=2)
    bridge.bandwidth, bridge.assumed_rate = 8 * MIB, MIB
    bridge.announce("ops-2", slots=2)
    bridge.claim("b", "ops-2:1:0-aa")

    assert bridge.sweep().started == ("a",)
    (run,) = bridge.workforce.under_way()
    assert run.bandwidth == 4 * MIB


def test_what_this_host_does_itself_is_not_taken_for_what_others_do(bridge: Bridge) -> None:
    bridge.register(a=1, b=2)
    bridge.bandwidth, bridge.assumed_rate = 8 * MIB, MIB
    bridge.claim("b", bridge.owner)

    assert bridge.sweep().started == ("a",)
    (run,) = bridge.workforce.under_way()
    assert run.bandwidth == 8 * MIB


def test_what_another_host_has_begun_before_is_left_to_it(bridge: Bridge) -> None:
    bridge.register(a=5, b=6)
    bridge.announce("ops-2")
    bridge.abandon("a", "ops-2:1:0-aa")

    assert bridge.sweep().started == ("b",)


def test_what_a_dead_host_has_begun_is_taken_over(bridge: Bridge) -> None:
    bridge.register(a=5, b=6)
    bridge.abandon("a", "ops-2:1:0-aa")

    assert bridge.sweep().started == ("a", "b")


def test_a_run_of_a_process_that_is_gone_is_followed_before_its_lease_lapses(
    bridge: Bridge,
) -> None:
    bridge.register(a=5)
    with subprocess.Popen(["true"]) as process:
        process.wait()
    namespace = bridge.owner.rsplit(":", 1)[1].split("-")[0]
    bridge.claim("a", f"{socket.gethostname()}:{process.pid}:{namespace}-aa")

    assert bridge.sweep().started == ("a",)


def test_a_run_of_a_process_that_lives_is_left_alone(bridge: Bridge) -> None:
    bridge.register(a=5)
    bridge.claim("a", bridge.owner)

    assert bridge.sweep().started == ()


@pytest.mark.parametrize("code", ["Interrupted", "RunPaused"])
def test_a_run_that_was_told_to_end_goes_on_at_once(bridge: Bridge, code: str) -> None:
    """After a restart of the daemon, or once there is room again."""
    bridge.register(a=5, b=6)
    bridge.end("a", RUNS[0], code)
    bridge.end("b", RUNS[1], "ConnectFailed")

    assert bridge.sweep().started == ("a",)


def test_while_clocks_disagree_a_server_is_saved_once_and_not_over_and_over(
    bridge: Bridge,
) -> None:
    bridge.register(a=5)
    bridge.save("a", RUNS[0])
    assert bridge.sweep().started == ()
    assert bridge.sweep(ahead=2 * DAY).started == ("a",)
    bridge.workforce.pause("a")
    assert bridge.ended.wait(LONG)
    bridge.save("a", RUNS[1])

    assert bridge.sweep(ahead=2 * DAY).started == ()


def test_a_server_that_cannot_be_planned_for_keeps_no_other_from_its_run(bridge: Bridge) -> None:
    bridge.register(good=5, poison=2)

    def fall(outlooks: Sequence[Outlook], *rest: Any, **more: Any) -> Plan:
        if any(each.server == "poison" for each in outlooks):
            raise ZeroDivisionError("a defect")
        return plan_present(outlooks, *rest, **more)

    bridge.planner = fall
    with structlog.testing.capture_logs() as logs:
        assert bridge.sweep().started == ("good",)
    assert [(event["event"], event["server"]) for event in logs] == [("plan.broke", "poison")]


def test_a_run_that_has_to_give_way_is_told_to(bridge: Bridge) -> None:
    bridge.register(routine=20, other=21)
    bridge.sweep()
    bridge.planner = lambda *words, **more: replace(
        plan_present(*words, **more), pauses=("routine",)
    )
    bridge.sweep()

    assert bridge.given["routine"].asked.is_set()
    assert not bridge.given["other"].asked.is_set()
