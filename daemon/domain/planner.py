"""Decides which runs start, when, and what cannot be done in time. Pure; planning changes nothing.

In four steps: what each server needs (`need`); the latest starts, walking back from the
deadlines (`latest`); what is called for (`demand`); and the schedule itself: runs that have to
happen first (`schedule`), routine ones where they leave room (`filling`). Where not everything
fits, `triage` says what is given up, `pausing` which run under way gives way, and `remedies` what
would help.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from daemon.domain.calling import call_all
from daemon.domain.garbage import paused_collection
from daemon.domain.instant import shift
from daemon.domain.nearing import near_ones
from daemon.domain.outlook import Outlook
from daemon.domain.pausing import find_pauses, may_yield_from
from daemon.domain.plan import Assumptions, Limits, Plan
from daemon.domain.policy import Policy
from daemon.domain.present import SAME, Present
from daemon.domain.remedies import Ground, with_remedies
from daemon.domain.rescue import merge_copies, plan_copies
from daemon.domain.sighting import Sightings, date_anew
from daemon.domain.timetable import draw_up, turn

#: Where something is to start at once, the plan is looked at again after the lead, or after this.
_SHORTEST_LOOK: Final = timedelta(seconds=1)


def plan(
    outlooks: Sequence[Outlook],
    policies: Sequence[Policy],
    limits: Limits,
    assumptions: Assumptions,
    now: datetime,
) -> Plan:
    """Everything that is called for at `now`.

    The order of the outlooks does not matter, and planning again with the same gives the same.

    Args:
        outlooks: One for each server.
        policies: Of the settings; see `choose_policy`.
        limits: What runs have to share.
        assumptions: For servers of which nothing is known.
        now: The present, aware.
    """
    ground = Ground(
        outlooks=outlooks, policies=policies, limits=limits, assumptions=assumptions, now=now
    )
    return with_remedies(decide(ground), ground, decide)


@paused_collection()
def decide(ground: Ground) -> Plan:
    """The same without a word of what would help: what a daemon goes by."""
    limits, now = ground.limits, ground.now
    near = near_ones(ground.outlooks, ground.policies, limits, ground.assumptions, now)
    calls = call_all(near, limits, now)
    timetable = draw_up(calls, near.busy, limits, now)
    changes = [near.changes_at, calls.changes_at, may_yield_from(near, now)]
    copies = plan_copies(ground.outlooks, ground.policies, limits, ground.assumptions, now)
    starts = [run.start_at for run in timetable.runs] + [copy.start_at for copy in copies]
    changes += [at for at in starts if at > now]
    if any(at <= now for at in starts):
        changes.append(shift(now, max(limits.lead, _SHORTEST_LOOK)))
    return Plan(
        at=now,
        runs=timetable.runs,
        pauses=find_pauses(near, calls, timetable, limits, now),
        wake_at=min(changes),
        copies=copies,
    )


def plan_present(
    outlooks: Sequence[Outlook],
    policies: Sequence[Policy],
    limits: Limits,
    assumptions: Assumptions,
    present: Present,
    *,
    sightings: Sightings | None = None,
) -> Plan:
    """The plan where the clocks may differ: a run starts as soon as one of them says so.

    A clock that was put forward starts runs earlier; one that was put back starts none later. The
    plan is told in the wall clock's time: what starts in an hour by the other clock starts in an
    hour. Deadlines stay as they are; what happened since the clocks differ is as old by each of
    them, or the same server would be saved over and over.
    """

    def plan_at(now: datetime) -> Plan:
        dated = date_anew(outlooks, sightings, present, now)
        return decide(
            Ground(
                outlooks=dated, policies=policies, limits=limits, assumptions=assumptions, now=now
            )
        )

    wall = plan_at(present.wall)
    if abs(present.carried - present.wall) <= SAME:
        return wall
    return merge(wall, _told_at(plan_at(present.carried), present.wall))


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
        copies=merge_copies(first.copies, second.copies),
    )


def _told_at(told: Plan, at: datetime) -> Plan:
    """A plan as seen from another instant that is meant to be the same moment."""
    by = at - told.at
    return replace(
        told,
        at=at,
        runs=tuple(replace(run, start_at=shift(run.start_at, by)) for run in told.runs),
        wake_at=shift(told.wake_at, by),
        copies=tuple(replace(copy, start_at=shift(copy.start_at, by)) for copy in told.copies),
    )
