"""Finds the servers that planning has to look at among all that there are."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from daemon.domain.estimate import estimate_run, rate_limit_of
from daemon.domain.instant import LATEST, shift
from daemon.domain.need import Need, look_at
from daemon.domain.outlook import Attempt, Outlook
from daemon.domain.plan import Assumptions, Limits
from daemon.domain.policy import Policy, choose_policy
from daemon.domain.schedule import Block, length_of, to_ticks

#: A run that takes longer than expected is expected to take this part of its time once more.
_OVERTIME: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Near:
    """What planning looks at.

    Attributes:
        needs: Servers whose seed is due, in the order of their deadlines.
        busy: Runs under way, of any server, with what is left of them.
        changes_at: The first instant at which any of this changes by itself.
    """

    needs: tuple[Need, ...]
    busy: tuple[Block, ...]
    changes_at: datetime


def near_ones(
    outlooks: Sequence[Outlook],
    policies: Sequence[Policy],
    limits: Limits,
    assumptions: Assumptions,
    now: datetime,
) -> Near:
    """The servers that call for something, or may soon, and the runs under way."""
    fitting: dict[frozenset[str], Policy] = {}
    # Most servers are far from their stop: of each, this decides it with two additions. Many
    # contracts share one course, so what it says is kept by the object that says it.
    stops: dict[int, timedelta] = {}
    busy, needs, changes_at = [], [], LATEST
    for outlook in outlooks:
        attempt, life = outlook.attempt, outlook.life
        policy = fitting.get(outlook.labels)
        if policy is None:
            policy = fitting[outlook.labels] = choose_policy(policies, outlook.labels)
        if attempt is not None and attempt.finished_at is None and attempt.lease_until > now:
            busy.append(_remainder(outlook, attempt, policy, limits, assumptions, now=now))
            changes_at = min(changes_at, attempt.lease_until)
        if life is None:
            continue
        course = life.timeline.course
        stop = stops.get(id(course))
        if stop is None:
            stop = stops[id(course)] = course.stop
        seed_at = shift(life.timeline.expires, stop - policy.seed)
        if seed_at > now:
            changes_at = min(changes_at, seed_at)
        else:
            needs.append(look_at(outlook, life, policy, limits, assumptions, now=now))
    needs.sort(key=_urgency)
    for need in needs:
        changes_at = min(changes_at, need.changes_at)
    return Near(needs=tuple(needs), busy=tuple(busy), changes_at=changes_at)


def _urgency(need: Need) -> tuple[datetime, int, str]:
    return need.final_by, -need.outlook.value, need.outlook.server


def _remainder(
    outlook: Outlook,
    attempt: Attempt,
    policy: Policy,
    limits: Limits,
    assumptions: Assumptions,
    *,
    now: datetime,
) -> Block:
    """What is left of a run under way, beginning now."""
    limit = rate_limit_of(outlook.bandwidth, limits.bandwidth, limits.stores.get(outlook.store))
    gap = None if outlook.copy is None else max(timedelta(), attempt.started_at - outlook.copy.at)
    estimate = estimate_run(outlook, gap, policy.quantile, assumptions, limit)
    began = min(attempt.started_at, now)
    overtime = shift(now, max(limits.lead, (now - began) / _OVERTIME))
    end = shift(began, estimate.high)
    return Block(
        rank=0,
        server=outlook.server,
        ready=to_ticks(now),
        length=length_of((end if end > now else overtime) - now),
        rate=estimate.rate,
        store=outlook.store,
    )
