"""What time it is, where no single clock is believed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from daemon.domain.instant import shift
from daemon.domain.outlook import Outlook
from daemon.domain.plan import Assumptions, Limits, Plan
from daemon.domain.planner import plan
from daemon.domain.policy import Policy
from daemon.domain.timetable import turn

#: Clocks this close say the same; every run starts a lead before it has to anyway.
_SAME: Final = timedelta(seconds=1)
#: Clocks that differ by more disagree;
_DISAGREE: Final = timedelta(hours=1)
#: for so long, until the wall clock is believed.
_PATIENCE: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    """The present by both clocks that count.

    Attributes:
        wall: What the clock says.
        carried: The instant at start, carried on by the monotonic clock, and never before the
            newest recorded event.
    """

    wall: datetime
    carried: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Bearing:
    """How the carried instant is kept from one look at the clocks to the next.

    Attributes:
        present: Of the last look.
        monotonic: The monotonic clock then, in seconds.
        apart_since: Since when, by the monotonic clock, the two disagree; None while they agree.
        disowned: Recorded events up to this instant were dated by a clock that was wrong.
    """

    present: Present
    monotonic: float
    apart_since: float | None = None
    disowned: datetime | None = None


def take_bearing(
    last: Bearing | None, wall: datetime, monotonic: float, newest: datetime | None
) -> Bearing:
    """The present, given what it was at the last look.

    Args:
        last: Of the last look; None at the start.
        wall: What the clock says.
        monotonic: The monotonic clock, in seconds.
        newest: When the newest event was recorded; None if there is none.
    """
    if last is None:
        carried, disowned = wall, None
    else:
        passed = timedelta(seconds=max(0.0, monotonic - last.monotonic))
        carried, disowned = shift(last.present.carried, passed), last.disowned
    if newest is not None and (disowned is None or newest > disowned):
        carried = max(carried, newest)
    apart = abs(wall - carried) > _DISAGREE
    since = last.apart_since if last is not None else None
    since = (monotonic if since is None else since) if apart else None
    if since is not None and monotonic - since > _PATIENCE.total_seconds():
        carried, since, disowned = wall, None, newest
    return Bearing(
        present=Present(wall=wall, carried=carried),
        monotonic=monotonic,
        apart_since=since,
        disowned=disowned,
    )


def plan_present(
    outlooks: Sequence[Outlook],
    policies: Sequence[Policy],
    limits: Limits,
    assumptions: Assumptions,
    present: Present,
) -> Plan:
    """The plan where the clocks may differ: a run starts as soon as one of them says so.

    A clock that was put forward starts runs earlier; one that was put back starts none later. The
    plan is told in the wall clock's time: what starts in an hour by the other clock starts in an
    hour. Deadlines stay as they are.
    """
    wall = plan(outlooks, policies, limits, assumptions, present.wall)
    if abs(present.carried - present.wall) <= _SAME:
        return wall
    carried = plan(outlooks, policies, limits, assumptions, present.carried)
    return merge(wall, _told_at(carried, present.wall))


def merge(first: Plan, second: Plan) -> Plan:
    """Both plans, told at the same instant, in one: of each server the run that starts earlier."""
    runs = {run.demand.server: run for run in first.runs}
    for run in second.runs:
        other = runs.get(run.demand.server)
        if other is None or run.start_at < other.start_at:
            runs[run.demand.server] = run
    return replace(
        first,
        runs=tuple(sorted(runs.values(), key=turn)),
        pauses=tuple(sorted({*first.pauses, *second.pauses})),
        wake_at=min(first.wake_at, second.wake_at),
    )


def _told_at(told: Plan, at: datetime) -> Plan:
    """A plan as seen from another instant that is meant to be the same moment."""
    by = at - told.at
    return replace(
        told,
        at=at,
        runs=tuple(replace(run, start_at=shift(run.start_at, by)) for run in told.runs),
        wake_at=shift(told.wake_at, by),
    )
