"""Which run of a server is called for next, and why."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from daemon.domain.backoff import next_attempt, pause_after
from daemon.domain.duration import write_duration
from daemon.domain.instant import EARLIEST, shift, write_second
from daemon.domain.need import TOLERATED_AHEAD, Need, look_at
from daemon.domain.outlook import Attempt, Outlook
from daemon.domain.plan import Assumptions, Demand, Estimate, Limits, Reason
from daemon.domain.policy import Policy
from daemon.domain.run import RunKind
from daemon.domain.yielding import room_for_optional


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A demand, and what is reserved for its server.

    Attributes:
        demand: What is called for next.
        firm_from: From when on room is reserved for the run that has to happen; None where none
            has to. It may be a later one than the demand's, the final after a run of the ladder.
        firm: How long that run takes.
        patience: From when on quiet hours do not hold the demand back.
        stop_at: When ssh ends.
        has_copy: Whether there is an older copy, should the run not be made.
        room: How long a slot has to be free for it where none is reserved.
        not_before: The end of a pause after a failure; the beginning of time without one.
    """

    demand: Demand
    firm_from: datetime | None
    firm: Estimate
    patience: datetime
    stop_at: datetime
    has_copy: bool
    room: timedelta
    not_before: datetime = EARLIEST


def demands(
    outlook: Outlook, policy: Policy, limits: Limits, assumptions: Assumptions, now: datetime
) -> Demand | None:
    """The next run that this server calls for, as if it were alone.

    None where nothing is called for: no active contract names it, its seed is not due, somebody
    holds a run of it, or it has its final copy.
    """
    if outlook.life is None:
        return None
    if shift(outlook.life.timeline.stop_at, -policy.seed) > now:
        return None
    need = look_at(outlook, outlook.life, policy, limits, assumptions, now=now)
    alone = need.alone_start_by
    call = call_for(need, counted=alone, latest=alone, lead=limits.lead, now=now)
    return None if call is None else call.demand


def latest_safe_start(
    outlook: Outlook, policy: Policy, limits: Limits, assumptions: Assumptions, now: datetime
) -> datetime | None:
    """The stop less the margin and the pessimistic estimate of the final; None without a contract.

    That of a server alone. `PlannedRun.start_by` takes the others into account.
    """
    if outlook.life is None:
        return None
    return look_at(outlook, outlook.life, policy, limits, assumptions, now=now).alone_start_by


def call_for(
    need: Need, *, counted: datetime, latest: datetime, lead: timedelta, now: datetime
) -> Call | None:
    """What a server calls for.

    Args:
        need: The server.
        counted: The latest start of its final among all servers: a copy counts by it.
        latest: The same among those whose final is still to come: a run starts by it.
        lead: See `Limits.lead`.
        now: The present.
    """
    if need.under_way:
        return None
    if now >= need.stop_at:
        return _rescue(need, now)
    if need.policy.final and need.counts_as_final(need.copy_at, counted, lead):
        return _ladder_after_final(need, lead, now)
    if not need.must_run:
        return None
    return _before_stop(need, latest, lead, now)


def _before_stop(need: Need, latest: datetime, lead: timedelta, now: datetime) -> Call | None:
    firm_from = shift(latest, -lead)
    if not need.has_copy:
        due_at, reason = min(need.stale_at, firm_from), Reason.SEED
    elif not need.policy.final:
        due_at, reason = min(need.stale_at, firm_from), Reason.LADDER
    else:
        due_at, reason = _ladder_or_final(need, latest, lead, now)
    finish_by = need.final_by if now <= need.final_by else need.stop_at
    tried_at = _next_try(need, firm_from, finish_by, now)
    demand = _demand(
        need,
        reason,
        due_at=max(due_at, tried_at),
        finish_by=finish_by,
        estimate=need.routine if reason is Reason.LADDER else need.last,
        now=now,
    )
    return Call(
        demand=demand,
        firm_from=max(firm_from, tried_at),
        firm=need.firm,
        patience=shift(due_at, need.every) if reason is not Reason.FINAL else due_at,
        stop_at=need.stop_at,
        has_copy=need.has_copy,
        room=demand.estimate.high,
        not_before=tried_at,
    )


def _ladder_or_final(
    need: Need, latest: datetime, lead: timedelta, now: datetime
) -> tuple[datetime, Reason]:
    """A run of the ladder, unless the final would have to start while it is under way.

    If the ladder's run was not made by then, the final does not wait either.
    """
    counts_from = need.final_from(latest, lead)
    if need.stale_at > counts_from:
        return shift(latest, -lead), Reason.FINAL
    if now < counts_from:
        return need.stale_at, Reason.LADDER
    return counts_from, Reason.FINAL


def _ladder_after_final(need: Need, lead: timedelta, now: datetime) -> Call | None:
    """Finals that were made early still grow old.

    Many servers may stop together, or the estimate was a bad one. The pessimistic one would say
    again that there is no time; what is saved already is not at stake, so the lucky one decides.
    """
    latest = shift(need.stop_at, -need.routine.low)
    tried_at = _next_try(need, latest, need.stop_at, now)
    due_at = max(need.stale_at, tried_at)
    if max(due_at, now) > latest:
        return None
    demand = _demand(
        need,
        Reason.LADDER,
        due_at=due_at,
        finish_by=need.stop_at,
        estimate=need.routine,
        now=now,
        optional=True,
    )
    surely_by = shift(need.final_by, -need.routine.high - lead)
    patience = min(surely_by, shift(need.stale_at, need.every))
    return _unreserved(
        need, demand, patience=patience, room=room_for_optional(need, need.routine, lead)
    )


def _rescue(need: Need, now: datetime) -> Call | None:
    """Goes on until there is a copy from after the stop, or the contract is closed or renewed.

    Whether the provider keeps to its calendar, nobody knows: the release ends nothing.
    """
    if need.copy_at is not None and need.copy_at >= need.stop_at:
        return None
    due_at, attempt = need.stop_at, _failed_attempt(need, now)
    if attempt is not None and attempt.finished_at is not None:
        again = attempt.started_at >= need.stop_at
        pause = pause_after(attempt.failures, need.policy)
        due_at = max(
            due_at, shift(attempt.finished_at, need.policy.rescue_every if again else pause)
        )
    release_at = need.life.timeline.release_at
    open_end = shift(max(due_at, now), need.policy.rescue_every + need.routine.high)
    demand = _demand(
        need,
        Reason.RESCUE,
        due_at=due_at,
        finish_by=release_at if now < release_at else open_end,
        estimate=need.routine,
        now=now,
    )
    return _unreserved(need, demand, patience=due_at, room=need.routine.high)


def _unreserved(need: Need, demand: Demand, *, patience: datetime, room: timedelta) -> Call:
    """A call that takes what room there is."""
    return Call(
        demand=demand,
        firm_from=None,
        firm=need.routine,
        patience=patience,
        stop_at=need.stop_at,
        has_copy=need.has_copy,
        room=room,
    )


def _failed_attempt(need: Need, now: datetime) -> Attempt | None:
    """The newest attempt, if it ended without a complete copy at an instant that can be."""
    attempt = need.outlook.attempt
    if attempt is None or attempt.finished_at is None or attempt.failures < 1:
        return None
    return attempt if attempt.finished_at <= shift(now, TOLERATED_AHEAD) else None


def _next_try(need: Need, latest: datetime, finish_by: datetime, now: datetime) -> datetime:
    """Not before this, since the last attempt failed; the beginning of time if none did."""
    attempt = _failed_attempt(need, now)
    if attempt is None or attempt.finished_at is None:
        return EARLIEST
    return next_attempt(
        attempt.finished_at,
        attempt.failures,
        need.policy,
        latest=latest,
        finish_by=finish_by,
    )


def _demand(
    need: Need,
    reason: Reason,
    *,
    due_at: datetime,
    finish_by: datetime,
    estimate: Estimate,
    now: datetime,
    optional: bool = False,
) -> Demand:
    outlook = need.outlook
    return Demand(
        server=outlook.server,
        contract=need.life.contract,
        kind=RunKind.RESCUE if reason is Reason.RESCUE else RunKind.SCHEDULED,
        reason=reason,
        explanation=_explain_again(need) if optional else _explain(need, reason, now),
        due_at=due_at,
        finish_by=finish_by,
        final_by=need.final_by,
        estimate=estimate,
        value=outlook.value,
        store=outlook.store,
        bandwidth=outlook.bandwidth,
        priority=outlook.priority,
        optional=optional,
    )


def _explain(need: Need, reason: Reason, now: datetime) -> str:
    copy = need.outlook.copy
    if reason is Reason.RESCUE:
        stop = write_second(need.stop_at)
        return f"It should have stopped at {stop}; as long as it answers, it can be saved."
    if copy is None:
        said = f"There is no verified copy, and it stops at {write_second(need.stop_at)}."
    elif need.copy_at is None:
        said = f"The newest copy is dated {write_second(copy.at)}, ahead of now: a clock was wrong."
    elif reason is Reason.FINAL:
        stop, margin = write_second(need.stop_at), _words(need.policy.margin)
        said = f"It stops at {stop}; the last run ends {margin} before."
    else:
        said = (
            f"The newest copy is from {write_second(copy.at)}; "
            f"so near the stop none may be older than {_words(need.every)}."
        )
    return said if now <= need.final_by else f"{said} The margin is being used."


def _explain_again(need: Need) -> str:
    made = write_second(need.copy_at) if need.copy_at is not None else "before"
    return f"The last run was early, on {made}; there is time for a younger copy before the stop."


@lru_cache(maxsize=64)
def _words(length: timedelta) -> str:
    """Of the few lengths that policies name."""
    return write_duration(length)
