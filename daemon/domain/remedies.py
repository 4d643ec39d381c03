"""What would let a run be in time that cannot: each is tried by planning anew before it is said.

The work is bounded: a fleet in which many servers are near their stop is planned anew a few times
only, and a very large one not at all.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from functools import partial
from typing import Final

from daemon.domain.bandwidth import raise_to
from daemon.domain.instant import EARLIEST, LATEST, shift
from daemon.domain.outlook import Outlook
from daemon.domain.plan import Assumptions, Limits, Plan, PlannedRun, Reason
from daemon.domain.policy import DEFAULT_POLICY, Policy

#: Servers planned, summed over all trials.
_EFFORT: Final = 10_000
_MOST_TRIALS: Final = 60
#: Slots more, and times the bandwidth, in the order in which they are tried.
_SLOTS: Final = (1, 2, 4, 8)
_TIMES: Final = (1.1, 1.25, 1.5, 2.0, 3.0, 5.0)
_MIB: Final = 1024**2
#: A date without a zone may begin so much before it does in UTC.
_EARLIEST_ZONE: Final = timedelta(hours=14)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What a plan is made from; see `daemon.domain.planner.plan`."""

    outlooks: Sequence[Outlook]
    policies: Sequence[Policy]
    limits: Limits
    assumptions: Assumptions
    now: datetime


#: Plans without looking for remedies.
Decide = Callable[[Ground], Plan]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    """One thing that could be otherwise.

    Attributes:
        sentence: What a person would have to do.
        ground: Everything as it would be then.
        servers: Those for which it is worth a look; None for all.
    """

    sentence: str
    ground: Ground
    servers: frozenset[str] | None = None


def with_remedies(plan: Plan, ground: Ground, decide: Decide) -> Plan:
    """The plan, each run that cannot be in time with what would help.

    Args:
        plan: Made from `ground`.
        ground: What it was made from.
        decide: Plans anew.
    """
    late = [each for each in plan.runs if _can_be_helped(each)]
    if not late or len(plan.runs) > _EFFORT:
        return plan
    near = _near(ground, plan)
    trials = min(_MOST_TRIALS, _EFFORT // max(1, len(near.outlooks)))
    search = _Search(late, decide, trials)
    for ladder in _ladders(near, late):
        search.climb(ladder)
    found = search.found
    return replace(
        plan,
        runs=tuple(
            replace(each, remedies=tuple(found.get(each.demand.server, ()))) for each in plan.runs
        ),
    )


def _can_be_helped(run: PlannedRun) -> bool:
    return not run.feasible and run.demand.reason is not Reason.RESCUE


def _near(ground: Ground, plan: Plan) -> Ground:
    """Only the servers that have any part in it."""
    called = {run.demand.server for run in plan.runs}
    seed = max(policy.seed for policy in (*ground.policies, DEFAULT_POLICY))
    outlooks = [
        each
        for each in ground.outlooks
        if each.server in called
        or (each.attempt is not None and each.attempt.finished_at is None)
        or (each.life is not None and shift(each.life.timeline.stop_at, -seed) <= ground.now)
    ]
    return replace(ground, outlooks=outlooks)


class _Search:
    """Tries changes; of each ladder, a server keeps the first that helps it."""

    def __init__(self, late: Iterable[PlannedRun], decide: Decide, trials: int) -> None:
        self.found: dict[str, list[str]] = {}
        self._late = [each.demand.server for each in late]
        self._decide = decide
        self._left = trials

    def climb(self, ladder: Iterable[_Change]) -> None:
        """Try one after the other until everybody is helped that can be."""
        unhelped = set(self._late)
        for change in ladder:
            concerned = unhelped if change.servers is None else unhelped & change.servers
            if not concerned or not self._left:
                return
            self._left -= 1
            runs = {run.demand.server: run for run in self._decide(change.ground).runs}
            helped = {each for each in concerned if each not in runs or runs[each].feasible}
            for server in sorted(helped):
                self.found.setdefault(server, []).append(change.sentence)
            unhelped -= helped


def _ladders(ground: Ground, late: Sequence[PlannedRun]) -> Iterator[Iterator[_Change]]:
    """Changes of one sort each, the smallest first."""
    yield _more_slots(ground, late)
    yield _more_bandwidth(ground)
    for store in sorted({each.demand.store for each in late} & set(ground.limits.stores)):
        yield _more_for_store(ground, store)
    by_contract: dict[str, list[PlannedRun]] = {}
    for each in late:
        by_contract.setdefault(each.demand.contract, []).append(each)
    for contract, runs in by_contract.items():
        yield _renewal(ground, contract, runs)
    for each in late:
        if each.demand.bandwidth is not None:
            yield _own_limit(ground, each)


def _more_slots(ground: Ground, late: Sequence[PlannedRun]) -> Iterator[_Change]:
    """For those that would be in time if they began now."""
    slots = ground.limits.slots
    servers = frozenset(
        each.demand.server
        for each in late
        if shift(ground.now, each.demand.estimate.high) <= each.demand.finish_by
    )
    for more in _SLOTS:
        limits = replace(ground.limits, slots=slots + more)
        word = "One more slot" if more == 1 else f"{more} more slots"
        yield _Change(
            sentence=f"{word} ({slots + more} instead of {slots}).",
            ground=replace(ground, limits=limits),
            servers=servers,
        )


def _more_bandwidth(ground: Ground) -> Iterator[_Change]:
    for raised, words in _raised(ground.limits.bandwidth):
        rates = raise_to(ground.limits.rates, raised)
        limits = replace(ground.limits, bandwidth=raised, rates=rates)
        yield _Change(
            sentence=f"{words} for all runs together.", ground=replace(ground, limits=limits)
        )


def _more_for_store(ground: Ground, store: str) -> Iterator[_Change]:
    for raised, words in _raised(ground.limits.stores[store]):
        stores: Mapping[str, int] = {**ground.limits.stores, store: raised}
        rates = raise_to(ground.limits.store_rates.get(store, ()), raised)
        store_rates = {**ground.limits.store_rates, store: rates}
        limits = replace(ground.limits, stores=stores, store_rates=store_rates)
        yield _Change(
            sentence=f"{words} for the store {store}.", ground=replace(ground, limits=limits)
        )


def _own_limit(ground: Ground, late: PlannedRun) -> Iterator[_Change]:
    server = late.demand.server
    for raised, words in _raised(late.demand.bandwidth):
        yield _Change(
            sentence=f"{words} for {server} itself.",
            ground=_changed(ground, {server}, partial(_with_limit, raised)),
            servers=frozenset({server}),
        )


def _raised(limit: int | None) -> Iterator[tuple[int, str]]:
    """Higher limits, in whole tenths of a MiB/s, and how they are told."""
    if limit is None:
        return
    for times in _TIMES:
        tenths = math.ceil(limit * times * 10 / _MIB)
        raised = tenths * _MIB // 10
        if raised > limit:
            more = math.ceil((raised - limit) * 10 / _MIB) / 10
            yield raised, f"{more:.1f} MiB/s more bandwidth ({raised / _MIB:.1f} MiB/s)"


def _renewal(ground: Ground, contract: str, runs: Sequence[PlannedRun]) -> Iterator[_Change]:
    """A later expiry, by a whole date, if the provider still takes a renewal."""
    lives = [each.life for each in ground.outlooks if each.life and each.life.contract == contract]
    if not lives or not lives[0].timeline.phase(ground.now).renewal:
        return
    expires = lives[0].timeline.expires
    missed = max(each.misses_by for each in runs)
    until = _date_after(shift(max(expires, ground.now), missed))
    by = shift(until, -_EARLIEST_ZONE) - expires
    if until in {EARLIEST, LATEST}:
        return
    servers = frozenset(each.demand.server for each in runs)
    named = {
        each.server for each in ground.outlooks if each.life and each.life.contract == contract
    }
    yield _Change(
        sentence=f"Renew {contract} until {until.date().isoformat()} or later.",
        ground=_changed(ground, named, partial(_prolonged, by)),
        servers=servers,
    )


def _with_limit(limit: int, outlook: Outlook) -> Outlook:
    return replace(outlook, bandwidth=limit, rates=raise_to(outlook.rates, limit))


def _date_after(at: datetime) -> datetime:
    """The midnight that begins a date which is surely after this instant in every zone."""
    day = shift(at, _EARLIEST_ZONE + timedelta(days=1))
    return datetime.combine(day.date(), time(), UTC)


def _prolonged(by: timedelta, outlook: Outlook) -> Outlook:
    life = outlook.life
    if life is None:
        return outlook
    timeline = replace(life.timeline, expires=shift(life.timeline.expires, by))
    return replace(outlook, life=replace(life, timeline=timeline))


def _changed(
    ground: Ground, servers: Iterable[str], change: Callable[[Outlook], Outlook]
) -> Ground:
    named = frozenset(servers)
    outlooks = [change(each) if each.server in named else each for each in ground.outlooks]
    return replace(ground, outlooks=outlooks)
