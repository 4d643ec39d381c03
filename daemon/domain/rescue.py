"""When a provider is asked for a snapshot of a server: as a rescue, or as one copy more.

Once ssh has ended, no run can save anything; where the provider still makes snapshots, one is made
as long as nothing else has kept what mattered. Before the stop one is made only where the policy
asks for it.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import pairwise
from typing import TypeAlias

from daemon.domain.backoff import next_attempt
from daemon.domain.instant import EARLIEST, shift, write_second
from daemon.domain.need import TOLERATED_AHEAD, look_at
from daemon.domain.outlook import Life, Outlook
from daemon.domain.phase import RUNNING, Phase, Timeline
from daemon.domain.plan import Assumptions, Limits
from daemon.domain.policy import Policy, choose_policy
from daemon.domain.provider_copy import CopyState, PlannedCopy, ProviderCopy, ProviderStanding
from daemon.domain.run import RunKind

#: From when to when something works.
Stretch: TypeAlias = tuple[datetime, datetime]


def plan_copies(
    outlooks: Sequence[Outlook],
    policies: Sequence[Policy],
    limits: Limits,
    assumptions: Assumptions,
    now: datetime,
) -> tuple[PlannedCopy, ...]:
    """The provider snapshots that are called for, the earliest first; see `plan`."""
    found = (
        plan_copy(each, choose_policy(policies, each.labels), limits, assumptions, now)
        # Mostly there are very many servers, and few that their provider is asked about.
        for each in outlooks
        if each.provider is not None
    )
    return _in_order(each for each in found if each is not None)


def merge_copies(
    first: Iterable[PlannedCopy], second: Iterable[PlannedCopy]
) -> tuple[PlannedCopy, ...]:
    """Of two plans told at the same instant: of each server the one that is wanted earlier."""
    earliest: dict[str, PlannedCopy] = {}
    for planned in (*first, *second):
        other = earliest.get(planned.server)
        if other is None or planned.start_at < other.start_at:
            earliest[planned.server] = planned
    return _in_order(earliest.values())


def plan_copy(
    outlook: Outlook, policy: Policy, limits: Limits, assumptions: Assumptions, now: datetime
) -> PlannedCopy | None:
    """The provider snapshot of one server that is called for next, if any.

    Args:
        outlook: The server.
        policy: What it follows.
        limits: What runs share: they say which copy counts as the last one.
        assumptions: For what is not known.
        now: Aware.
    """
    life, provider = outlook.life, outlook.provider
    if life is None or provider is None or not provider.can_copy:
        return None
    if provider.attempt is not None and provider.attempt.is_creating:
        return None
    stop_at = life.timeline.stop_at
    if now >= stop_at:
        enough = good_enough_from(outlook, life, policy, limits, assumptions, now=now)
        if not _is_kept(outlook, provider, enough, now):
            stretches = _stretches(life.timeline, lambda phase: phase.snapshot and not phase.ssh)
            return _planned(
                outlook, life, policy, provider, stretches, kind=RunKind.RESCUE, now=now
            )
    if not policy.provider_snapshot or shift(stop_at, -policy.seed) > now:
        return None
    due_at = extra_due_at(life.timeline, policy)
    if _began_since(provider.newest, due_at, now):
        return None
    stretches = _cut(_stretches(life.timeline, lambda phase: phase.snapshot), due_at)
    return _planned(outlook, life, policy, provider, stretches, kind=RunKind.SCHEDULED, now=now)


def coming_copies(
    outlook: Outlook,
    policy: Policy,
    limits: Limits,
    assumptions: Assumptions,
    *,
    now: datetime,
    until: datetime,
) -> Iterator[PlannedCopy]:
    """The next provider snapshot up to a date, with the copies that there will be by then."""
    if outlook.life is None:
        return
    timeline = outlook.life.timeline
    instants = {shift(timeline.stop_at, -policy.seed), *(at for at, _ in timeline.beginnings())}
    for at in (now, *sorted(each for each in instants if now < each <= until)):
        planned = plan_copy(outlook, policy, limits, assumptions, at)
        if planned is not None and planned.start_at <= until:
            yield planned
            return


def snapshots_end(timeline: Timeline, now: datetime) -> datetime | None:
    """When the provider stops making snapshots for the next time; None where it makes none."""
    ends = (end for _, end in _stretches(timeline, lambda phase: phase.snapshot))
    return next((end for end in ends if end > now), None)


def good_enough_from(
    outlook: Outlook,
    life: Life,
    policy: Policy,
    limits: Limits,
    assumptions: Assumptions,
    *,
    now: datetime,
) -> datetime:
    """A copy that began since then has all that mattered of a server that has stopped.

    It counts as the last one, or is no older at the stop than the last rung allows.
    """
    need = look_at(outlook, life, policy, limits, assumptions, now=now)
    by_ladder = shift(need.stop_at, -policy.ladder[-1].every)
    return min(by_ladder, need.final_from(need.alone_start_by, limits.lead))


def extra_due_at(timeline: Timeline, policy: Policy) -> datetime:
    """When the copy is made that a policy asks for besides the runs.

    As late as leaves the margin and an interval of the last rung for failures: before the stop, or
    before the provider makes no more snapshots where that is earlier.
    """
    ends = [end for _, end in _stretches(timeline, lambda phase: phase.snapshot)]
    by = min([timeline.stop_at, *ends[:1]])
    return shift(by, -policy.margin - policy.ladder[-1].every)


def _in_order(planned: Iterable[PlannedCopy]) -> tuple[PlannedCopy, ...]:
    return tuple(sorted(planned, key=lambda each: (each.start_at, each.begin_by, each.server)))


def _is_kept(outlook: Outlook, provider: ProviderStanding, since: datetime, now: datetime) -> bool:
    copy, ahead = outlook.copy, shift(now, TOLERATED_AHEAD)
    if copy is not None and since <= copy.at <= ahead:
        return True
    return _began_since(provider.newest, since, now)


def _began_since(copy: ProviderCopy | None, since: datetime, now: datetime) -> bool:
    """One that is dated ahead was dated by a clock that was wrong, and says nothing."""
    return copy is not None and since <= copy.started_at <= shift(now, TOLERATED_AHEAD)


def _stretches(timeline: Timeline, works: Callable[[Phase], bool]) -> tuple[Stretch, ...]:
    """When the phases hold in which something works, in order, neighbours joined."""
    phases = ((EARLIEST, RUNNING), *timeline.beginnings())
    found: list[Stretch] = []
    for (begin, phase), (end, _) in pairwise(phases):
        if not works(phase):
            continue
        if found and found[-1][1] == begin:
            begin = found.pop()[0]  # noqa: PLW2901 - of the joined one
        found.append((begin, end))
    return tuple(found)


def _cut(stretches: Sequence[Stretch], begin: datetime) -> tuple[Stretch, ...]:
    """What of them comes after an instant."""
    return tuple((max(at, begin), end) for at, end in stretches if end > begin)


def _planned(
    outlook: Outlook,
    life: Life,
    policy: Policy,
    provider: ProviderStanding,
    stretches: Sequence[Stretch],
    *,
    kind: RunKind,
    now: datetime,
) -> PlannedCopy | None:
    """The first attempt that the stretches leave room for."""
    for begin, end in stretches:
        start_at = max(begin, _tried_again_at(provider.attempt, policy, end, now))
        if end > now and start_at < end:
            return PlannedCopy(
                server=outlook.server,
                contract=life.contract,
                kind=kind,
                explanation=_explain(outlook, life, policy, kind, end),
                start_at=start_at,
                begin_by=end,
                after=provider.attempt.run if provider.attempt else None,
            )
    return None


def _tried_again_at(
    attempt: ProviderCopy | None, policy: Policy, end: datetime, now: datetime
) -> datetime:
    """Not before this, since the last attempt failed; the beginning of time if it did not."""
    if attempt is None or attempt.state is not CopyState.FAILED or attempt.ended_at is None:
        return EARLIEST
    if attempt.ended_at > shift(now, TOLERATED_AHEAD):
        return EARLIEST
    latest = shift(end, -policy.margin)
    return next_attempt(attempt.ended_at, attempt.failures, policy, latest=latest, finish_by=end)


def _explain(outlook: Outlook, life: Life, policy: Policy, kind: RunKind, end: datetime) -> str:
    stop = write_second(life.timeline.stop_at)
    if kind is RunKind.SCHEDULED:
        return (
            f"The policy {policy.name} asks for a provider snapshot besides the runs; the server "
            f"stops at {stop}."
        )
    copy = outlook.copy
    kept = "There is no verified copy"
    if copy is not None:
        kept = f"The newest verified copy is from {write_second(copy.at)}"
    return (
        f"{kept}, ssh has ended at {stop}, and the provider still makes snapshots until "
        f"{write_second(end)}."
    )
