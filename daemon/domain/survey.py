"""The plan together with the latest starts it rests on, and one server planned by those later.

A forecast plans the fleet again and again. Most of what a plan rests on holds for long: latest
starts depend on contracts, estimates and limits only. So after one server's run has ended, that
server alone is planned anew, by the latest starts that were found among all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from daemon.domain.calling import Calls, call_all
from daemon.domain.demand import call_for
from daemon.domain.instant import LATEST, shift
from daemon.domain.nearing import near_ones
from daemon.domain.need import look_at
from daemon.domain.outlook import Outlook
from daemon.domain.plan import Assumptions, Limits, PlannedRun
from daemon.domain.policy import Policy
from daemon.domain.schedule import Capacity
from daemon.domain.timetable import draw_up


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """A plan and its grounds.

    Attributes:
        runs: What `plan` gives for the same.
        counted: See `Calls.counted`.
        latest: See `Calls.latest`.
    """

    runs: tuple[PlannedRun, ...]
    counted: Mapping[str, datetime]
    latest: Mapping[str, datetime]


def survey(
    outlooks: Sequence[Outlook],
    policies: Sequence[Policy],
    limits: Limits,
    assumptions: Assumptions,
    now: datetime,
) -> Survey:
    """Plan, and keep the grounds; the arguments are those of `plan`."""
    near = near_ones(outlooks, policies, limits, assumptions, now)
    calls = call_all(near, limits, now)
    runs = draw_up(calls, near.busy, limits, now).runs
    return Survey(runs=runs, counted=calls.counted, latest=calls.latest)


def plan_one(
    outlook: Outlook,
    policy: Policy,
    limits: Limits,
    assumptions: Assumptions,
    *,
    grounds: Survey,
    now: datetime,
) -> PlannedRun | None:
    """The next run of one server, by the latest starts found among all; None if none is called for.

    Args:
        outlook: The server.
        policy: What it follows.
        limits: What runs have to share.
        assumptions: For what is not known.
        grounds: The last survey; where it does not know the server, it is planned as if alone.
        now: The present, aware.
    """
    life = outlook.life
    if life is None or shift(life.timeline.stop_at, -policy.seed) > now:
        return None
    need = look_at(outlook, life, policy, limits, assumptions, now=now)
    counted = grounds.counted.get(outlook.server, need.alone_start_by)
    latest = min(grounds.latest.get(outlook.server, counted), need.alone_start_by)
    call = call_for(need, counted=counted, latest=latest, lead=limits.lead, now=now)
    if call is None:
        return None
    calls = Calls(
        calls=(call,),
        coming=(),
        counted={outlook.server: counted},
        latest={outlook.server: latest},
        capacity=Capacity(slots=1, bandwidth=limits.bandwidth, stores=limits.stores),
        changes_at=LATEST,
    )
    return next(iter(draw_up(calls, (), limits, now).runs), None)
