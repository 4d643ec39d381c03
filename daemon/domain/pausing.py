"""Which runs under way give up their slot to one that would otherwise be late.

A run is only asked to if its server has time for it: it can begin anew, at its full length, twice,
after the other one, and everything that would have been in time still is. So each time one gives
way, one that would have been late is saved; and since a run must have been under way for a while,
and a server that fails by itself is never asked, no run comes to nothing by being paused again and
again. A run after which nothing has to happen, since an older copy counts as the last one, needs no
time to begin anew and is asked first: at the latest moment for one that has to start, at once for
a server without any copy, and for another such run of a server that stops before. All of this
follows from how things stand; nothing is remembered.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from daemon.domain.calling import Calls
from daemon.domain.instant import LATEST, shift
from daemon.domain.nearing import Near
from daemon.domain.need import Need
from daemon.domain.plan import Demand, Limits, Reason
from daemon.domain.schedule import Block, Capacity, length_of, to_ticks
from daemon.domain.selection import Stake, worth_of
from daemon.domain.timetable import Timetable
from daemon.domain.triage import settle
from daemon.domain.yielding import YIELDS_IN, settles_at, yields_ever

#: A run that gives way has time to be made so many times over.
_TIMES: Final = 2
#: Runs laid out in all trials together, and trials; the time for a plan stays bounded.
_EFFORT: Final = 40_000
_MOST_TRIALS: Final = 16


def find_pauses(
    near: Near, calls: Calls, timetable: Timetable, limits: Limits, now: datetime
) -> tuple[str, ...]:
    """The servers whose run should stop at its next checkpoint; see `Plan.pauses`."""
    running = [each for each in near.needs if each.under_way]
    urgent = [each for each in _late(timetable) if _fits_alone(each, now)] if running else []
    optional = frozenset(each.outlook.server for each in calls.optional)
    yielding = [
        each for each in running if _can_yield(each, now, optional=each.outlook.server in optional)
    ]
    if not yielding:
        return ()
    urgent.sort(key=lambda each: (-worth_of(each), each.block.rank))
    yielding.sort(
        key=lambda each: (each.outlook.server in optional, each.final_by, each.outlook.server),
        reverse=True,
    )
    trials = _Trials(calls, timetable, limits, optional=optional, now=now)
    for late in urgent:
        trials.make_room(late, yielding)
    unneeded = [
        each
        for each in yielding
        if each.outlook.server in optional and each.outlook.server not in trials.pauses
    ]
    waiting = _waiting(calls, timetable, now) if unneeded else []
    return tuple(sorted([*trials.pauses, *_make_way(unneeded, waiting)]))


def may_yield_from(near: Near, now: datetime) -> datetime:
    """When the next run under way has been so for long enough to be asked; LATEST if none will."""
    begun = (each.outlook.attempt for each in near.needs if each.under_way)
    settled = (settles_at(attempt) for attempt in begun if attempt is not None)
    return min((at for at in settled if at > now), default=LATEST)


def _waiting(calls: Calls, timetable: Timetable, now: datetime) -> list[Demand]:
    """Runs for whose sake one ends that nothing depends on, if all slots are taken.

    Those of servers without any copy; and others that nothing depends on, in the order of stops.
    """
    if len(calls.busy) < calls.capacity.slots:
        return []
    starting = {run.demand.server for run in timetable.runs if run.start_at <= now}
    return [
        call.demand
        for call in calls.calls
        if (call.demand.reason is Reason.SEED or call.demand.optional)
        and call.demand.due_at <= now
        and call.demand.server not in starting
    ]


def _make_way(unneeded: Iterable[Need], waiting: list[Demand]) -> Iterator[str]:
    """Of the runs that nothing depends on, those that end for one that waits, each for its own."""
    for need in unneeded:
        for place, demand in enumerate(waiting):
            if not demand.optional or demand.final_by < need.final_by:
                del waiting[place]
                yield need.outlook.server
                break


def _late(timetable: Timetable) -> list[Stake]:
    late = {run.demand.server for run in timetable.runs if not run.feasible}
    return [each for each in timetable.stakes if each.block.server in late]


def _fits_alone(stake: Stake, now: datetime) -> bool:
    begin = max(to_ticks(shift(now, YIELDS_IN)), stake.early)
    return begin + stake.block.length <= stake.due


def _can_yield(need: Need, now: datetime, *, optional: bool) -> bool:
    attempt = need.outlook.attempt
    return (
        yields_ever(need)
        and attempt is not None
        and settles_at(attempt) <= now
        and now < (need.stop_at if optional else need.final_by)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Situation:
    """What is laid out in a trial."""

    stakes: tuple[Stake, ...]
    busy: tuple[Block, ...]
    timely: frozenset[str]


class _Trials:
    def __init__(
        self,
        calls: Calls,
        timetable: Timetable,
        limits: Limits,
        *,
        optional: frozenset[str],
        now: datetime,
    ) -> None:
        self.pauses: list[str] = []
        self._calls = calls
        self._limits = limits
        #: Servers whose run under way is optional.
        self._optional = optional
        self._now = now
        self._left = min(_MOST_TRIALS, max(1, _EFFORT // max(1, len(timetable.stakes))))
        self._present = _Situation(
            stakes=timetable.stakes,
            busy=calls.busy,
            timely=_timely(timetable.stakes, timetable.settlement.starts),
        )

    def make_room(self, late: Stake, yielding: Sequence[Need]) -> None:
        """Let the run with most time give way with which it then fits, if there is one."""
        if late.block.server in self._present.timely:
            return
        for need in yielding:
            if self._left and self._has_time(need, late):
                self._left -= 1
                tried = self._without(need)
                again = {need.outlook.server} - self._optional
                wanted = self._present.timely | {late.block.server} | again
                if wanted <= tried.timely:
                    self._present = tried
                    self.pauses.append(need.outlook.server)
                    return

    def _has_time(self, need: Need, late: Stake) -> bool:
        if need.outlook.server in self.pauses:
            return False
        if need.outlook.server in self._optional:
            return True
        if to_ticks(need.final_by) <= late.due:
            return False
        again = _TIMES * _length(need) + timedelta(microseconds=late.block.length)
        return shift(shift(self._now, YIELDS_IN), again) <= need.final_by

    def _without(self, need: Need) -> _Situation:
        """Everything laid out anew, that run ending now and beginning once more later."""
        server, present = need.outlook.server, self._present
        yields_in = length_of(YIELDS_IN)
        busy = tuple(
            replace(each, length=min(each.length, yields_in)) if each.server == server else each
            for each in present.busy
        )
        stakes = present.stakes
        if server not in self._optional and all(each.block.server != server for each in stakes):
            stakes = (*stakes, self._once_more(need))
        capacity: Capacity = self._calls.capacity
        settled = settle(stakes, capacity, busy, to_ticks(self._now))
        return _Situation(stakes=stakes, busy=busy, timely=_timely(stakes, settled.starts))

    def _once_more(self, need: Need) -> Stake:
        server = need.outlook.server
        latest = self._calls.counted.get(server, need.alone_start_by)
        ready = to_ticks(max(shift(self._now, YIELDS_IN), shift(latest, -self._limits.lead)))
        return Stake(
            block=Block(
                rank=self._calls.places[server],
                server=server,
                ready=ready,
                length=length_of(_length(need)),
                rate=need.firm.rate,
                store=need.outlook.store,
            ),
            early=ready,
            called=ready,
            due=to_ticks(need.final_by),
            stop=to_ticks(need.stop_at),
            value=need.outlook.value,
            has_copy=need.has_copy,
        )


def _length(need: Need) -> timedelta:
    return max(need.routine.high, need.last.high)


def _timely(stakes: Iterable[Stake], starts: Mapping[str, int]) -> frozenset[str]:
    """Servers whose run ends by its deadline."""
    return frozenset(
        each.block.server
        for each in stakes
        if starts.get(each.block.server, each.due) + each.block.length <= each.due
    )
