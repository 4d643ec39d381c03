"""The schedule of a plan: who starts when, who will be late."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache

from daemon.domain.calling import Calls
from daemon.domain.demand import Call
from daemon.domain.filling import Filler, QuietUntil, fill, reserve
from daemon.domain.instant import shift
from daemon.domain.latest import latest_starts
from daemon.domain.need import Need
from daemon.domain.plan import Demand, Estimate, Limits, PlannedRun, Reason
from daemon.domain.quiet import quiet_until
from daemon.domain.schedule import Block, length_of, to_instant, to_ticks
from daemon.domain.selection import Stake
from daemon.domain.triage import Settlement, settle


@dataclass(frozen=True, slots=True, kw_only=True)
class Timetable:
    """The schedule.

    Attributes:
        runs: See `Plan.runs`.
        stakes: The runs that have to happen.
        settlement: Which of them keep their place, and when.
    """

    runs: tuple[PlannedRun, ...]
    stakes: tuple[Stake, ...]
    settlement: Settlement


def draw_up(calls: Calls, busy: Sequence[Block], limits: Limits, now: datetime) -> Timetable:
    """Lay out everything that is called for.

    Args:
        calls: What it is.
        busy: Runs under way, with all that is left of them.
        limits: What is shared.
        now: The present.
    """
    stakes = _stakes(calls, limits, now)
    settled = settle(stakes, calls.capacity, calls.busy, to_ticks(now))
    starts = settled.starts
    quiet = _quiet_ticks(limits)
    firm = [
        (starts[each.block.server], each.block) for each in stakes if each.block.server in starts
    ]
    reservations = reserve(firm, busy, calls.capacity)
    latest = _latest(calls, stakes, settled)
    sooner = fill(_fillers(calls, settled, latest, limits.lead, now), reservations, quiet)
    runs = []
    for call in calls.calls:
        server = call.demand.server
        if server in sooner:
            runs.append(_planned(call.demand, latest, sooner[server], quiet))
        elif server in starts:
            runs.append(_planned(_as_reserved(call), latest, starts[server], quiet))
    return Timetable(runs=tuple(sorted(runs, key=turn)), stakes=stakes, settlement=settled)


def turn(run: PlannedRun) -> tuple[int, datetime, datetime, int, str]:
    """Sorts runs by whose turn it is.

    Those that cannot be in time come after the others, and optional ones last.
    """
    demand = run.demand
    group = 2 if demand.optional else int(not run.feasible)
    return group, demand.final_by, run.start_by, -demand.value, demand.server


def _stakes(calls: Calls, limits: Limits, now: datetime) -> tuple[Stake, ...]:
    """The runs that have to happen, ready a lead before their latest start."""
    stakes = [_stake(call, calls, now) for call in calls.calls if call.firm_from is not None]
    stakes += [_coming(need, calls, limits, now) for need in calls.coming]
    return tuple(stakes)


def _stake(call: Call, calls: Calls, now: datetime) -> Stake:
    demand = call.demand
    place = calls.places.get(demand.server, 0)
    ready = max(now, call.firm_from or now)
    early = max(now, call.not_before, shift(ready, -call.firm.high))
    return Stake(
        block=_block(call, place, ready, call.firm),
        early=to_ticks(early),
        called=to_ticks(max(early, min(ready, demand.due_at))),
        due=to_ticks(demand.finish_by),
        stop=to_ticks(call.stop_at),
        value=demand.value,
        has_copy=call.has_copy,
    )


def _coming(need: Need, calls: Calls, limits: Limits, now: datetime) -> Stake:
    server = need.outlook.server
    ready = to_ticks(max(now, shift(calls.latest[server], -limits.lead)))
    return Stake(
        block=Block(
            rank=calls.places[server],
            server=server,
            ready=ready,
            length=length_of(need.firm.high),
            rate=need.firm.rate,
            store=need.outlook.store,
        ),
        early=ready,
        called=ready,
        due=to_ticks(need.final_by if now <= need.final_by else need.stop_at),
        stop=to_ticks(need.stop_at),
        value=need.outlook.value,
        has_copy=need.has_copy,
    )


def _block(call: Call, rank: int, ready: datetime, estimate: Estimate) -> Block:
    return Block(
        rank=rank,
        server=call.demand.server,
        ready=to_ticks(ready),
        length=length_of(estimate.high),
        rate=estimate.rate,
        store=call.demand.store,
    )


def _fillers(
    calls: Calls,
    settled: Settlement,
    latest: Mapping[str, datetime],
    lead: timedelta,
    now: datetime,
) -> list[Filler]:
    """Demands that may start before room is reserved for them, or without any being reserved.

    Servers that have stopped come first, since nobody knows how long they still answer; then those
    that could not be reserved any room for; then routine; at last what is optional.
    """
    count = len(calls.calls)
    given_up = {server: count + place for place, server in enumerate(settled.given_up)}
    fillers = []
    for place, call in enumerate(calls.calls):
        server, start_by = call.demand.server, _start_by(call.demand, latest)
        lost, firm_at = server in given_up, settled.starts.get(server)
        rank = given_up.get(server, place + _class_of(call.demand) * count)
        ready = max(now, _wanted_at(call, now) if lost else call.demand.due_at)
        block = replace(
            _block(call, rank, ready, call.demand.estimate), length=length_of(call.room)
        )
        if firm_at is None or block.ready < firm_at:
            # An estimate may grow at any time: what then has to start waits for no quiet hours.
            patience = now if lost else min(call.patience, shift(start_by, -lead))
            last = to_ticks(start_by) if call.demand.optional else None
            fillers.append(
                Filler(block=block, firm_at=firm_at, patience=to_ticks(patience), last=last)
            )
    return fillers


def _wanted_at(call: Call, now: datetime) -> datetime:
    """From when on a run is made that no room could be reserved for."""
    return max(min(call.demand.due_at, call.firm_from or now), call.not_before)


def _class_of(demand: Demand) -> int:
    if demand.reason is Reason.RESCUE:
        return 0
    return 3 if demand.optional else 2


def _latest(calls: Calls, stakes: Sequence[Stake], settled: Settlement) -> Mapping[str, datetime]:
    """The latest starts; where not everything fits, those that do fit do not count the others."""
    starts = settled.starts
    if not settled.triaged:
        return calls.latest
    timely = {
        each.block.server
        for each in stakes
        if each.block.server in starts and starts[each.block.server] + each.block.length <= each.due
    }
    still = [block for block in calls.still if block.server in timely]
    return {**calls.latest, **latest_starts(still, calls.capacity, calls.busy)}


def _as_reserved(call: Call) -> Demand:
    """A demand that is met only by the run that room is kept for: it takes as long as that."""
    if call.demand.estimate == call.firm:
        return call.demand
    return replace(call.demand, estimate=call.firm)


def _start_by(demand: Demand, latest: Mapping[str, datetime]) -> datetime:
    """The latest start of a run; see `PlannedRun.start_by`."""
    if demand.optional:
        return shift(demand.finish_by, -demand.length)
    alone = shift(demand.final_by, -demand.estimate.high)
    return min(latest.get(demand.server, alone), alone)


def _planned(
    demand: Demand, latest: Mapping[str, datetime], start: int, quiet: QuietUntil
) -> PlannedRun:
    end = start + length_of(demand.length)
    late = max(0, end - to_ticks(demand.finish_by))
    return PlannedRun(
        demand=demand,
        start_by=_start_by(demand, latest),
        start_at=to_instant(start),
        feasible=not late,
        misses_by=timedelta(microseconds=late),
        overrides_quiet=quiet(start) is not None,
    )


def _quiet_ticks(limits: Limits) -> QuietUntil:
    """Quiet hours on the schedule's time line."""
    if not limits.quiet:
        return lambda _: None

    @cache
    def until(moment: int) -> int | None:
        end = quiet_until(limits.quiet, to_instant(moment))
        return None if end is None else to_ticks(end)

    return until
