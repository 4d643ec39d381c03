"""Looks over the planner's shoulder: what must hold at every sweep, whatever the weather."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from daemon.domain.outlook import Outlook
from daemon.domain.plan import PlannedRun, Reason
from daemon.domain.policy import choose_policy
from tests.simulation.chance import happens, stream
from tests.simulation.daemons import SimulatedDaemon

if TYPE_CHECKING:
    from tests.simulation.planning import Sweep

#: A daemon sees a change within so long, and acts within so long.
PROMPT = timedelta(seconds=10)
#: One sweep in so many is planned twice.
AGAIN = 0.03
#: A copy is renewed before so long only if clocks disagree, and then only a few times.
HASTE = timedelta(minutes=30)
HASTY = 6
#: While clocks disagree, what is past by one of them is not by the other.
AGREE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """What the plan before said of a server that was not to be started yet.

    Attributes:
        at: When it said so, in true time.
        start_by: The latest start.
        state: What was on record then; where that changes, so may the plan.
        had_room: Whether a slot stayed free.
        since: Since when the daemon that said so has been there.
    """

    at: datetime
    start_by: datetime
    state: tuple[object, ...]
    had_room: bool
    since: datetime


class Watch:
    """Holds the planner to its rules; what breaks one becomes a finding of the world's record."""

    def __init__(self, seed: str) -> None:
        self._chance = stream(seed, "watch")
        self._promises: dict[str, Promise] = {}
        self._hasty: dict[str, list[datetime]] = {}

    def planned(
        self, daemon: SimulatedDaemon, sweep: "Sweep", chosen: tuple[PlannedRun, ...]
    ) -> None:
        """Judge one sweep."""
        if happens(self._chance, AGAIN):
            self._plan_again(sweep)
        seen = {outlook.server: outlook for outlook in sweep.outlooks}
        for planned in chosen:
            self._judge_start(daemon, sweep, planned, seen[planned.demand.server])
        self._judge_idling(sweep, chosen)
        self._judge_slots(sweep, chosen)
        self._remember(daemon, sweep, chosen, seen)

    def _plan_again(self, sweep: "Sweep") -> None:
        if sweep.plan_anew(sweep.outlooks) != sweep.plan:
            _find(sweep, "planning twice", "*", "The second plan is another one.")
        shuffled = list(sweep.outlooks)
        self._chance.shuffle(shuffled)
        if sweep.plan_anew(tuple(shuffled)) != sweep.plan:
            _find(sweep, "planning twice", "*", "The order of the outlooks changes the plan.")
        if sweep.plan.wake_at <= sweep.plan.at:
            _find(sweep, "waking", "*", f"It would wake at {sweep.plan.wake_at}, which is past.")

    def _judge_start(
        self, daemon: SimulatedDaemon, sweep: "Sweep", planned: PlannedRun, outlook: Outlook
    ) -> None:
        server, now = planned.demand.server, max(sweep.present.wall, sweep.present.carried)
        life = outlook.life
        if life is None:
            _find(sweep, "stand-down", server, "It is started though no active contract names it.")
            return
        policy = choose_policy(sweep.world.scenario.policies, outlook.labels)
        ahead = max(policy.seed, planned.demand.estimate.high + policy.margin) * 1.05
        if life.timeline.stop_at - now > ahead + timedelta(days=1):
            _find(sweep, "stand-down", server, f"It stops only at {life.timeline.stop_at}.")
        attempt = outlook.attempt
        if attempt is not None and attempt.finished_at is None:
            held = attempt.lease_until > sweep.world.stamp(daemon)
            if held and not daemon.is_gone(attempt.owner):
                _find(sweep, "two runs", server, f"{attempt.run} is under way.")
        self._judge_promise(sweep, planned, outlook)
        self._judge_haste(sweep, planned)

    def _judge_promise(self, sweep: "Sweep", planned: PlannedRun, outlook: Outlook) -> None:
        """Whether a start comes after the latest one that was known, though there was room."""
        before = self._promises.get(planned.demand.server)
        if planned.demand.reason is Reason.RESCUE:
            return
        if before is None or before.state != _state(sweep, outlook) or not before.had_room:
            return
        promised = max(before.start_by, before.at)
        if outlook.attempt is not None and outlook.attempt.failures:
            # A pause between attempts; how long it may be is judged while it lasts.
            promised = max(promised, planned.demand.due_at)
        # A clock that runs fast while the daemon sleeps makes nothing late that is early in truth.
        late = min(sweep.present) - promised
        awake = all(daemon.since <= before.since for daemon in sweep.world.daemons if daemon.up)
        if late > PROMPT and awake and len(sweep.world.daemons) == 1:
            _find(sweep, "late start", planned.demand.server, f"{late} after {before.start_by}.")

    def _judge_haste(self, sweep: "Sweep", planned: PlannedRun) -> None:
        """Whether a server is saved over and over, each copy being taken for an old one."""
        server, now = planned.demand.server, sweep.world.now
        copies = sweep.world.record.copies.get(server)
        if not copies or now - copies[-1].ended > HASTE:
            return
        day = [at for at in self._hasty.get(server, ()) if now - at < timedelta(days=1)]
        self._hasty[server] = [*day, now]
        if len(day) + 1 == HASTY:
            _find(sweep, "haste", server, f"{HASTY} times in a day a new copy was made anew.")

    def _judge_idling(self, sweep: "Sweep", chosen: tuple[PlannedRun, ...]) -> None:
        """Whether something whose latest start is past waits beside a free slot."""
        if len(chosen) >= sweep.free or len(sweep.world.daemons) > 1:
            return
        going = {planned.demand.server for planned in chosen} | sweep.busy
        now = min(sweep.present)  # where clocks differ, what is past by one is not by another
        attempts = {outlook.server: outlook.attempt for outlook in sweep.outlooks}
        for planned in sweep.plan.runs:
            server, attempt = planned.demand.server, attempts[planned.demand.server]
            if server in going or planned.start_by >= now:
                continue
            if planned.demand.reason is Reason.RESCUE or not _has_bandwidth(sweep, planned):
                continue
            if _gives_way(sweep, planned):
                continue
            if attempt is not None and attempt.failures and attempt.finished_at is not None:
                self._judge_pause(sweep, planned, attempt.finished_at)
            else:
                _find(sweep, "idle slot", server, f"It waits until {planned.start_at}.")

    def _judge_pause(self, sweep: "Sweep", planned: PlannedRun, failed_at: datetime) -> None:
        """A pause after a failure past the latest start is at most an eighth of what is left."""
        most = max(PROMPT, (planned.demand.finish_by - failed_at) / 8 + timedelta(seconds=1))
        pause = planned.start_at - failed_at
        if pause > most and failed_at > planned.start_by and _agree(sweep):
            _find(sweep, "long pause", planned.demand.server, f"It pauses for {pause}, not {most}.")

    def _judge_slots(self, sweep: "Sweep", chosen: tuple[PlannedRun, ...]) -> None:
        if len(chosen) > max(0, sweep.free):
            _find(sweep, "slots", "*", f"{len(chosen)} runs for {sweep.free} slots.")

    def _remember(
        self,
        daemon: SimulatedDaemon,
        sweep: "Sweep",
        chosen: tuple[PlannedRun, ...],
        seen: dict[str, Outlook],
    ) -> None:
        started = {planned.demand.server for planned in chosen}
        for planned in sweep.plan.runs:
            server = planned.demand.server
            if server in started or not _agree(sweep):
                self._promises.pop(server, None)
                continue
            self._promises[server] = Promise(
                at=sweep.plan.at,
                start_by=planned.start_by,
                state=_state(sweep, seen[server]),
                had_room=(
                    len(chosen) < sweep.free
                    and _has_bandwidth(sweep, planned)
                    and not _gives_way(sweep, planned)
                ),
                since=daemon.since,
            )


def _state(sweep: "Sweep", outlook: Outlook) -> tuple[object, ...]:
    steps = sum(
        step.during.begin <= sweep.world.now for step in sweep.world.scenario.hosts[0].steps
    )
    return outlook.life, outlook.attempt, outlook.copy, steps


def _agree(sweep: "Sweep") -> bool:
    wall = abs(sweep.present.wall - sweep.world.now)
    return max(wall, abs(sweep.present.carried - sweep.world.now)) <= AGREE


def _has_bandwidth(sweep: "Sweep", planned: PlannedRun) -> bool:
    """Whether no budget can hold a run back: where there are budgets, that is not judged here."""
    limits = sweep.world.scenario.limits
    return limits.bandwidth is None and planned.demand.store not in limits.stores


def _gives_way(sweep: "Sweep", planned: PlannedRun) -> bool:
    """Whether one that cannot keep its margin leaves the slot to one that can, and starts soon."""
    end = sweep.plan.at + planned.demand.estimate.high
    if planned.feasible and end <= planned.demand.final_by:
        return False
    return any(other.feasible and other.start_at < end for other in _others(sweep, planned))


def _others(sweep: "Sweep", planned: PlannedRun) -> list[PlannedRun]:
    return [each for each in sweep.plan.runs if each is not planned]


def _find(sweep: "Sweep", rule: str, server: str, what: str) -> None:
    sweep.world.record.find(rule, server, sweep.world.now, what)
