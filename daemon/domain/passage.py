"""A fleet on its way through time: runs start as planned, take what was estimated, and succeed."""

import heapq
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from daemon.domain.duration import span
from daemon.domain.event import Event, Happening
from daemon.domain.instant import shift
from daemon.domain.outlook import Attempt, Outlook, VerifiedCopy
from daemon.domain.plan import PlannedRun, Reason
from daemon.domain.prospect import Prospect
from daemon.domain.run import RunKind, RunState
from daemon.domain.survey import Survey
from daemon.domain.timetable import turn
from daemon.domain.verdict import Verdict

_MOMENT: Final = timedelta(seconds=1)


@dataclass(slots=True, kw_only=True)
class Passage:
    """Where the fleet has come to; everything in here changes as it goes on.

    Attributes:
        prospect: The rules, and the fleet at the beginning.
        now: How far it has come.
        outlooks: Every server as it is by now.
        events: What has happened.
    """

    prospect: Prospect
    now: datetime
    outlooks: dict[str, Outlook] = field(init=False)
    events: list[Event] = field(default_factory=list)
    #: What the last plan of the whole fleet rests on.
    _grounds: Survey = field(default_factory=lambda: Survey(runs=(), counted={}, latest={}))
    #: The next run of each server; whose time has not come, and whose has come, but no slot.
    _next: dict[str, PlannedRun] = field(default_factory=dict)
    _finals: dict[str, PlannedRun] = field(default_factory=dict)
    _waiting: list[tuple[datetime, str]] = field(default_factory=list)
    _ready: list[tuple[tuple[object, ...], str]] = field(default_factory=list)
    #: Ends of runs under way; and which of them still holds, by server.
    _ends: list[tuple[datetime, str]] = field(default_factory=list)
    _running: dict[str, datetime] = field(default_factory=dict)
    #: When servers come near enough to their stop to be planned, and when they stop.
    _wakes: list[tuple[datetime, str]] = field(default_factory=list)
    _stops: list[tuple[datetime, str]] = field(default_factory=list)
    #: The same of each server that has a life; it never changes on the way.
    _seed_at: dict[str, datetime] = field(default_factory=dict)
    _stop_at: dict[str, datetime] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.outlooks = {outlook.server: outlook for outlook in self.prospect.outlooks}
        for outlook in self.prospect.outlooks:
            if outlook.life is not None:
                stop_at = outlook.life.timeline.stop_at
                self._stop_at[outlook.server] = stop_at
                seed = self.prospect.policy(outlook).seed
                self._seed_at[outlook.server] = shift(stop_at, -seed)
        self._stops = sorted((at, name) for name, at in self._stop_at.items() if at > self.now)

    def adopt(self) -> None:
        """Let runs that are under way already end when they are expected to."""
        for outlook in self.prospect.outlooks:
            attempt = outlook.attempt
            if attempt is None or attempt.finished_at is not None:
                continue
            if attempt.lease_until >= self.now:
                end = shift(attempt.started_at, self._estimate(outlook))
                self._occupy(outlook, attempt, max(end, shift(self.now, _MOMENT)))

    def plan(self) -> None:
        """Plan the whole fleet as it is now; what was planned before is forgotten."""
        self._next, self._finals = {}, {}
        self._waiting, self._ready = [], []
        # Those that are far from their stop have no part in a plan, and most are.
        near = [each for each in self.outlooks.values() if self._is_near(each.server)]
        self._grounds = self.prospect.survey(near, self.now)
        for run in self._grounds.runs:
            self._enqueue(run)
        self._wakes = sorted((at, name) for name, at in self._seed_at.items() if at > self.now)

    def next_event(self) -> datetime | None:
        """When something happens next; None if nothing does."""
        heaps = (self._ends, self._waiting, self._wakes, self._stops)
        return min((heap[0][0] for heap in heaps if heap), default=None)

    def pass_until(self, until: datetime, most: int) -> None:
        """Go on to `until`, or until there are `most` events."""
        while len(self.events) < most:
            at = self.next_event()
            if at is None or at > until:
                self.now = until
                return
            self.now = max(self.now, at)
            self._end_runs()
            self._stop_servers()
            self._wake_servers()
            self._start_runs()

    def _can_run(self, server: str) -> bool:
        """Whether it is before its stop: nobody knows whether it can be rescued afterwards."""
        stop_at = self._stop_at.get(server)
        return stop_at is not None and stop_at > self.now

    def _is_near(self, server: str) -> bool:
        """Whether it bears on a plan: its seed is due, or it holds a slot."""
        if server in self._running:
            return True
        return self._can_run(server) and self._seed_at[server] <= self.now

    def _estimate(self, outlook: Outlook) -> timedelta:
        """What a run of this server takes, by what would be planned if none were under way."""
        alone = self.prospect.with_outlooks([replace(outlook, attempt=None)])
        runs = alone.plan(self.now).runs
        return runs[0].demand.estimate.high if runs else self.prospect.assumptions.overhead

    def _occupy(self, outlook: Outlook, attempt: Attempt, end: datetime) -> None:
        self.outlooks[outlook.server] = replace(outlook, attempt=replace(attempt, lease_until=end))
        self._running[outlook.server] = end
        heapq.heappush(self._ends, (end, outlook.server))

    def _enqueue(self, run: PlannedRun) -> None:
        """Let a run wait for its time."""
        server = run.demand.server
        if server not in self._running:
            self._next[server] = run
            if run.demand.reason is Reason.FINAL:
                self._finals[server] = run
            heapq.heappush(self._waiting, (max(run.start_at, self.now), server))

    def _reconsider(self, server: str) -> None:
        """Plan one server by itself; the others keep what was planned with it in mind."""
        if self._can_run(server):
            run = self.prospect.plan_one(self.outlooks[server], self._grounds, self.now)
            if run is not None:
                self._enqueue(run)

    def _end_runs(self) -> None:
        while self._ends and self._ends[0][0] <= self.now:
            end, server = heapq.heappop(self._ends)
            # A run that a stop has cut off ends no more.
            if self._running.get(server) == end:
                del self._running[server]
                self._succeed(self.outlooks[server])
                self._reconsider(server)

    def _succeed(self, outlook: Outlook) -> None:
        attempt = outlook.attempt
        if attempt is None:
            return
        policy = self.prospect.policy(outlook)
        self.outlooks[outlook.server] = replace(
            outlook,
            copy=VerifiedCopy(
                run=attempt.run,
                at=attempt.started_at,
                depth=max(policy.depth, outlook.depth or policy.depth),
                store=outlook.store,
            ),
            attempt=replace(
                attempt, state=RunState.VERIFIED, finished_at=self.now, failures=0, error=None
            ),
        )
        took = span(self.now - attempt.started_at)
        self._note(outlook.server, Happening.END, f"The run ends after {took}, verified.")

    def _stop_servers(self) -> None:
        while self._stops and self._stops[0][0] <= self.now:
            _, server = heapq.heappop(self._stops)
            self._finals.pop(server, None)
            outlook = self.outlooks[server]
            if self._running.pop(server, None) is not None and outlook.attempt is not None:
                cut = replace(outlook.attempt, state=RunState.PARTIAL, finished_at=self.now)
                outlook = self.outlooks[server] = replace(outlook, attempt=cut)
                self._note(server, Happening.MISS, "The run under way is cut off by the stop.")
            self._note_loss(outlook)

    def _note_loss(self, outlook: Outlook) -> None:
        (status,) = self.prospect.with_outlooks([outlook]).statuses(self.now)
        if status.verdict >= Verdict.LATE:
            self._note(outlook.server, Happening.MISS, status.reasons[0])

    def _wake_servers(self) -> None:
        while self._wakes and self._wakes[0][0] <= self.now:
            self._reconsider(heapq.heappop(self._wakes)[1])

    def _start_runs(self) -> None:
        while self._waiting and self._waiting[0][0] <= self.now:
            _, server = heapq.heappop(self._waiting)
            heapq.heappush(self._ready, (turn(self._next[server]), server))
        while self._ready and len(self._running) < self.prospect.limits.slots:
            _, server = heapq.heappop(self._ready)
            held_until = self._held_until(self._next[server])
            if held_until is not None:
                heapq.heappush(self._waiting, (held_until, server))
            elif self._can_run(server):
                self._start(self.outlooks[server], self._next[server])

    def _held_until(self, run: PlannedRun) -> datetime | None:
        """Until when a run leaves its slot to last runs that would start before it ends.

        Only one that can wait does. The plan of the whole fleet sees to this by itself; here it
        is seen to between two of them.
        """
        if run.demand.reason is Reason.FINAL:
            return None
        end = shift(self.now, run.demand.estimate.high)
        coming = [each for each in self._finals.values() if self.now < each.start_by < end]
        for final in coming:
            at = final.start_by
            ends = (shift(each.start_by, each.demand.estimate.high) for each in coming)
            taken = sum(self._running[each] > at for each in self._running)
            taken += sum(
                each.start_by <= at < ended for each, ended in zip(coming, ends, strict=True)
            )
            if taken >= self.prospect.limits.slots and at < run.start_by:
                return at
        return None

    def _start(self, outlook: Outlook, run: PlannedRun) -> None:
        demand = run.demand
        self._finals.pop(demand.server, None)
        end = shift(self.now, max(demand.estimate.high, _MOMENT))
        if demand.optional and end > demand.finish_by:
            return  # no more than an attempt: nothing can be foreseen of it
        self._note(outlook.server, Happening.START, demand.explanation)
        if end > demand.finish_by:
            late = span(end - demand.finish_by)
            why = f"The run that starts ends {late} after it has to ({demand.reason.value})."
            self._note(outlook.server, Happening.MISS, why)
        self._occupy(outlook, _attempt(demand.kind, self.now, end), end)

    def _note(self, server: str, event: Happening, reason: str) -> None:
        self.events.append(Event(at=self.now, server=server, event=event, reason=reason))


def _attempt(kind: RunKind, began: datetime, end: datetime) -> Attempt:
    return Attempt(
        run="forecast",
        kind=kind,
        state=RunState.PULLING,
        started_at=began,
        finished_at=None,
        failures=0,
        error=None,
        owner="forecast:0:0",
        lease_until=end,
    )
