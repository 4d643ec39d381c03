"""Finds the servers that planning has to look at among all that there are."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Final, TypeAlias

from daemon.domain.estimate import estimate_run, rate_limit_of
from daemon.domain.instant import LATEST, shift
from daemon.domain.line import tables_of
from daemon.domain.need import Need, look_at
from daemon.domain.outlook import Attempt, Life, Outlook
from daemon.domain.plan import Assumptions, Limits
from daemon.domain.policy import Policy, choose_policy
from daemon.domain.schedule import Block, length_of, to_instant, to_ticks

#: A run that takes longer than expected is expected to take this many times as long, again and
#: again: in steps, so that a plan changes at few instants.
_OVERTIME: Final = 1.125
#: The least that is expected to be left of a run where decisions take no time.
_MOMENT: Final = timedelta(seconds=1)


#: A server whose seed is due, behind what it is sorted by.
_Close: TypeAlias = tuple[tuple[datetime, int, str], Outlook, Life, Policy]


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
    busy, close, changes_at = [], [], LATEST
    for outlook in outlooks:
        attempt, life = outlook.attempt, outlook.life
        policy = fitting.get(outlook.labels)
        if policy is None:
            policy = fitting[outlook.labels] = choose_policy(policies, outlook.labels)
        if attempt is not None and attempt.finished_at is None and attempt.lease_until > now:
            left = _remainder(outlook, attempt, policy, limits, assumptions, now=now)
            busy.append(left)
            changes_at = min(changes_at, attempt.lease_until, to_instant(left.ready + left.length))
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
            close.append(_close_one(outlook, life, policy, shift(life.timeline.expires, stop)))
    # What is looked at in the order of deadlines also lies in memory in this order, in which all
    # that follows goes through it: in a large fleet that saves a part of the time.
    close.sort(key=itemgetter(0))
    needs = [
        look_at(outlook, life, policy, limits, assumptions, now=now)
        for _, outlook, life, policy in close
    ]
    for need in needs:
        changes_at = min(changes_at, need.changes_at)
    return Near(needs=tuple(needs), busy=tuple(busy), changes_at=changes_at)


def _close_one(outlook: Outlook, life: Life, policy: Policy, stop_at: datetime) -> _Close:
    return (shift(stop_at, -policy.margin), -outlook.value, outlook.server), outlook, life, policy


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
    tables = tables_of(outlook, limits)
    estimate = estimate_run(outlook, gap, policy.quantile, assumptions, limit, tables=tables)
    began = min(attempt.started_at, now)
    expected = estimate.high
    while shift(began, expected) <= now:
        expected = expected * _OVERTIME + max(limits.lead, _MOMENT)
    return Block(
        rank=0,
        server=outlook.server,
        ready=to_ticks(now),
        length=length_of(shift(began, expected) - now),
        rate=estimate.rate,
        store=outlook.store,
    )
