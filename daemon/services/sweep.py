"""What a daemon starts of a plan. Pure: no clock, no database."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from daemon.domain.instant import shift
from daemon.domain.plan import Plan, PlannedRun

#: How long a run is left to the host that has the server's staging, before another one takes it.
AFFINITY: Final = timedelta(seconds=60)


def choose(
    plan: Plan,
    free_slots: int,
    host: str,
    hosts: Mapping[str, str],
    now: datetime,
    *,
    left_since: Mapping[str, datetime] | None = None,
    carried: datetime | None = None,
    lead: timedelta = timedelta(),
) -> tuple[PlannedRun, ...]:
    """The runs that a daemon starts at this moment, the most urgent first.

    A server whose staging is on another host is left to that host for a while: here all of it
    would have to be transferred once more.

    Args:
        plan: Of the moment.
        free_slots: How many runs there is room for.
        host: Ours.
        hosts: Where each server's staging is, for hosts on which a daemon is alive.
        now: The present, by the clock that the plan is told in.
        left_since: Since when each server has been left to its host; absent: since now.
        carried: The present by the clock that `left_since` goes by, which no step puts back; the
            same as `now` where nobody doubts that.
        lead: So much before its latest start a run is left to nobody.
    """
    chosen: list[PlannedRun] = []
    steady = carried or now
    for planned in plan.runs:
        if len(chosen) >= free_slots:
            break
        server = planned.demand.server
        if planned.start_at > now:
            continue
        if hosts.get(server, host) != host:
            since = (left_since or {}).get(server, steady)
            has_time = max(now, steady) < shift(planned.start_by, -lead)
            if has_time and timedelta() <= steady - since < AFFINITY:
                continue
        chosen.append(planned)
    return tuple(chosen)


def left_to_others(
    plan: Plan, host: str, hosts: Mapping[str, str], now: datetime
) -> frozenset[str]:
    """Servers whose run is due and whose staging is on another host that is alive."""
    return frozenset(
        planned.demand.server
        for planned in plan.runs
        if planned.start_at <= now and hosts.get(planned.demand.server, host) != host
    )
