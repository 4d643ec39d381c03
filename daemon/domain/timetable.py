"""The schedule of a plan: who starts when, who will be late."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from daemon.domain.calling import Calls
from daemon.domain.demand import Call
from daemon.domain.filling import Filler, QuietUntil, fill, reserve
from daemon.domain.instant import shift
from daemon.domain.plan import Estimate, Limits, PlannedRun, Reason
from daemon.domain.quiet import quiet_until
from daemon.domain.schedule import Block, lay_out, length_of, to_instant, to_ticks


@dataclass(frozen=True, slots=True, kw_only=True)
class Timetable:
    """The schedule.

    Attributes:
        runs: See `Plan.runs`.
        pauses: See `Plan.pauses`.
    """

    runs: tuple[PlannedRun, ...]
    pauses: tuple[str, ...] = ()


def draw_up(calls: Calls, busy: Sequence[Block], limits: Limits, now: datetime) -> Timetable:
    """Lay out everything that is called for."""
    firm = _firm_blocks(calls, limits, now)
    starts = lay_out(firm, calls.capacity, busy)
    quiet = _quiet_ticks(limits)
    reservations = reserve([(starts[each.server], each) for each in firm], busy, calls.capacity)
    sooner = fill(_fillers(calls, starts, now), reservations, quiet)
    runs = [
        _planned(call, calls, sooner.get(call.demand.server, starts.get(call.demand.server)), quiet)
        for call in calls.calls
    ]
    return Timetable(runs=tuple(sorted(runs, key=turn)))


def turn(run: PlannedRun) -> tuple[bool, datetime, datetime, int, str]:
    """Sorts runs by whose turn it is; those that cannot be in time come last."""
    demand = run.demand
    return not run.feasible, demand.final_by, run.start_by, -demand.value, demand.server


def _firm_blocks(calls: Calls, limits: Limits, now: datetime) -> list[Block]:
    """The runs that have to happen, ready a lead before their latest start."""
    blocks = [
        _block(call, place, max(now, call.firm_from), call.firm)
        for place, call in enumerate(calls.calls)
        if call.firm_from is not None
    ]
    for need in calls.coming:
        server = need.outlook.server
        ready = max(now, calls.latest[server] - limits.lead)
        blocks.append(
            Block(
                rank=len(calls.calls) + len(blocks),
                server=server,
                ready=to_ticks(ready),
                length=length_of(need.firm.high),
                rate=need.firm.rate,
                store=need.outlook.store,
            )
        )
    return blocks


def _block(call: Call, rank: int, ready: datetime, estimate: Estimate) -> Block:
    return Block(
        rank=rank,
        server=call.demand.server,
        ready=to_ticks(ready),
        length=length_of(estimate.high),
        rate=estimate.rate,
        store=call.demand.store,
    )


def _fillers(calls: Calls, starts: Mapping[str, int], now: datetime) -> list[Filler]:
    """Demands that may start before room is reserved for them, or without any being reserved."""
    fillers = []
    for place, call in enumerate(calls.calls):
        demand, firm_at = call.demand, starts.get(call.demand.server)
        rank = place if demand.reason is Reason.RESCUE else place + len(calls.calls)
        block = _block(call, rank, max(now, demand.due_at), demand.estimate)
        if firm_at is None or block.ready < firm_at:
            patience = to_ticks(call.patience)
            fillers.append(Filler(block=block, firm_at=firm_at, patience=patience))
    return fillers


def _planned(call: Call, calls: Calls, start: int | None, quiet: QuietUntil) -> PlannedRun:
    demand = call.demand
    if start is None:
        raise AssertionError(demand.server)
    end = start + length_of(demand.estimate.high)
    alone = shift(demand.final_by, -demand.estimate.high)
    late = max(0, end - to_ticks(demand.finish_by))
    return PlannedRun(
        demand=demand,
        start_by=min(calls.latest.get(demand.server, alone), alone),
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
