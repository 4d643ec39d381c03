"""Those who judge worlds can find fault: each is shown somebody who breaks its rule."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from daemon.domain.plan import PlannedRun
from daemon.domain.run import Run, RunKind
from tests.simulation.daemons import SimulatedDaemon
from tests.simulation.ledger import Account, Ledger
from tests.simulation.oracle import judge
from tests.simulation.outcome import Record
from tests.simulation.planning import Planning, Sweep
from tests.simulation.play import all_presets, play
from tests.simulation.rescues import judge_rescues
from tests.simulation.rivals import Nightly, Queue
from tests.simulation.scenario import Host, Scenario, Stretch
from tests.simulation.small import BEGIN, DAY, HOUR, a_world
from tests.simulation.tally import tally
from tests.simulation.watch import Watch
from tests.simulation.world import Chooser, Decision, Start, World

#: Three servers that stop at the same time, and one slot.
TOGETHER = tuple((f"web-{number}", 2.0, 20 * DAY) for number in range(3))


class Late(Planning):
    """Starts everything so long after its latest start."""

    def __init__(self, by: timedelta) -> None:
        super().__init__(Watch("late"))
        self._by = by

    def decide(self, world: World, daemon: SimulatedDaemon) -> Decision:
        decision = super().decide(world, daemon)
        return replace(decision, wake_at=max(decision.wake_at, world.now + HOUR / 6))

    def _choose(self, sweep: Sweep, daemon: SimulatedDaemon) -> tuple[PlannedRun, ...]:
        chosen = super()._choose(sweep, daemon)
        return tuple(run for run in chosen if run.start_by + self._by < sweep.plan.at)


class Greedy(Planning):
    """Saves the first server of all ten times, whether it is due or not."""

    def __init__(self) -> None:
        super().__init__(Watch("greedy"))
        self._left = 10

    def _choose(self, sweep: Sweep, daemon: SimulatedDaemon) -> tuple[PlannedRun, ...]:
        runs = [run for run in sweep.plan.runs if run.demand.server not in sweep.busy]
        if self._left <= 0 or not runs:
            return super()._choose(sweep, daemon)
        self._left -= 1
        return tuple(runs[: sweep.free])


class Crowding(Planning):
    """Starts one more than there is room for."""

    def _choose(self, sweep: Sweep, daemon: SimulatedDaemon) -> tuple[PlannedRun, ...]:
        due = [run for run in sweep.plan.runs if run.demand.due_at <= sweep.plan.at]
        more = tuple(due[: sweep.free + 1])
        return more if sweep.free > 0 else super()._choose(sweep, daemon)


class Resigned(Planning):
    """Gives a server up when it has stopped."""

    def _choose(self, sweep: Sweep, daemon: SimulatedDaemon) -> tuple[PlannedRun, ...]:
        chosen = super()._choose(sweep, daemon)
        return tuple(run for run in chosen if run.demand.reason.value != "rescue")


class Twice:
    """Starts the same server twice, half an hour apart, whether it is under way or not."""

    def __init__(self) -> None:
        self._left = 2

    def decide(self, world: World, daemon: SimulatedDaemon) -> Decision:  # noqa: ARG002 - as asked
        servers = [*world.ledger.servers()] if self._left and world.now > BEGIN else []
        self._left -= len(servers)
        starts = tuple(Start(server=server, kind=RunKind.MANUAL) for server in servers)
        return Decision(starts=starts, wake_at=world.now + HOUR / 2)


class Trusting(Ledger):
    """Lets everybody write who has ever had a claim."""

    def _held(self, run: Run) -> Account:
        return self._accounts[run.server]


class Forgetful(Ledger):
    """Lets a server be claimed whose run is under way."""

    def claim(self, **given: object) -> Run:
        return super().claim(**given | {"is_gone": lambda _: True})


def _rules(record: Record) -> set[str]:
    return set(tally(record, 0.0, watched=True).rules())


@pytest.mark.parametrize("rival", [Queue, Nightly], ids=["first-in-first-out", "nightly-cron"])
def test_the_oracle_reports_what_others_miss(rival: Callable[[], Chooser]) -> None:
    """A large server is first in the queue, and in the alphabet; a small one soon stops."""
    world = a_world(("a-large", 20.0, 25 * DAY), ("b-small", 1.0, DAY / 2))
    missed = {each.stop.server for each in judge(play(world, rival())) if not each.met}

    assert "b-small" in missed
    assert all(each.feasible and each.met for each in judge(play(world, Planning())))


def test_who_starts_late_misses_deadlines() -> None:
    record = play(a_world(*TOGETHER), Late(by=6 * HOUR))

    assert {"missed deadline", "idle slot"} <= _rules(record)


def test_a_late_start_is_told_even_where_the_margin_saves_the_day() -> None:
    record = play(a_world(("web-1", 1.0, 20 * DAY)), Late(by=HOUR / 2))

    assert _rules(record) == {"late start", "idle slot"}


def test_who_saves_the_same_server_over_and_over_is_told_so() -> None:
    record = play(a_world(("web-1", 0.01, 3 * DAY)), Greedy())

    assert "haste" in _rules(record)


def test_who_starts_more_than_there_is_room_for_is_told_so() -> None:
    record = play(a_world(*TOGETHER), Crowding(Watch("crowding")))

    assert "slots" in _rules(record)


def test_a_server_that_answers_again_and_is_not_saved_is_told() -> None:
    world = _answering_again(a_world(("web-1", 1.0, 5 * DAY)))
    left, saved = play(world, Resigned(Watch("resigned"))), play(world, Planning())
    for record in (left, saved):
        judge_rescues(record)

    assert [finding.rule for finding in left.findings] == ["no rescue"]
    assert not saved.findings


def test_a_stale_write_that_is_accepted_is_told() -> None:
    record = _play_with(Trusting(all_presets()))

    assert "stale write" in _rules(record)


def test_two_runs_of_one_server_are_told() -> None:
    record = _play_with(Forgetful(all_presets()), Twice())

    assert "two runs" in _rules(record)


def test_a_frozen_daemon_is_taken_over_and_its_write_refused() -> None:
    record = _play_with(Ledger(all_presets()))

    assert record.refused == 1
    assert not record.findings
    assert len(record.copies["web-1"]) == len({copy.began for copy in record.copies["web-1"]})


def _play_with(ledger: Ledger, chooser: Chooser | None = None) -> Record:
    """Two daemons share one server; the one that makes its first copy is frozen for an hour."""
    freeze = Stretch(begin=BEGIN + HOUR / 2, end=BEGIN + 2 * HOUR)
    hosts = (Host(name="ops-1", freezes=(freeze,)), Host(name="ops-2"))
    world = a_world(("web-1", 4.0, 5 * DAY), hosts=hosts)
    presets = all_presets()
    return World(world, chooser or Planning(Watch("frozen")), presets, ledger).play()


def _answering_again(world: Scenario) -> Scenario:
    machine = world.machines[0]
    again = Stretch(begin=BEGIN + 6 * DAY, end=BEGIN + 9 * DAY)
    machine = replace(machine, reachable=(*machine.reachable, again))
    return replace(world, machines=(machine,), end=BEGIN + 9 * DAY + timedelta(hours=1))
