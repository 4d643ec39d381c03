"""Decides which runs start, when, and what cannot be done in time. Pure; planning changes nothing.

In four steps: what each server needs (`need`); the latest starts, walking back from the
deadlines (`latest`); what is called for (`demand`); and the schedule itself: runs that have to
happen first (`schedule`), routine ones where they leave room (`filling`).
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from daemon.domain.calling import call_all
from daemon.domain.instant import shift
from daemon.domain.nearing import near_ones
from daemon.domain.outlook import Outlook
from daemon.domain.plan import Assumptions, Limits, Plan
from daemon.domain.policy import Policy
from daemon.domain.timetable import draw_up

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
    near = near_ones(outlooks, policies, limits, assumptions, now)
    calls = call_all(near, limits, now)
    timetable = draw_up(calls, near.busy, limits, now)
    changes = [near.changes_at, calls.changes_at]
    changes += [run.start_at for run in timetable.runs if run.start_at > now]
    if any(run.start_at <= now for run in timetable.runs):
        changes.append(shift(now, max(limits.lead, _SHORTEST_LOOK)))
    return Plan(at=now, runs=timetable.runs, pauses=timetable.pauses, wake_at=min(changes))
