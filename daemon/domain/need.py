"""What is known of one server near its stop, before anything is said about the others."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from daemon.domain.estimate import Pace, rate_limit_of
from daemon.domain.instant import LATEST, shift
from daemon.domain.line import tables_of
from daemon.domain.outlook import Life, Outlook
from daemon.domain.plan import Assumptions, Estimate, Limits
from daemon.domain.policy import Policy

#: A copy or an attempt dated more than this after now was dated by a clock that was wrong.
TOLERATED_AHEAD: Final = timedelta(minutes=5)
#: A copy older than this many times what the ladder asked for was not saved by the ladder.
_KEPT: Final = 1.25
#: A gap that goes on growing is counted in steps, so that estimates change at few instants.
_STEP: Final = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """One server from its seed on.

    Attributes:
        outlook: The server.
        life: Its contract.
        policy: What it follows.
        stop_at: When ssh ends.
        final_by: The stop less the margin.
        copy_at: When its newest copy's run began; None without one, or one whose date cannot be.
        stale_at: From when on the ladder wants another copy.
        every: The interval of the rung that says so.
        routine: How long a run called for by the ladder takes.
        last: How long its final takes.
        under_way: Whether somebody holds a run of it.
        changes_at: The first instant after now at which something of this changes by itself.
    """

    outlook: Outlook
    life: Life
    policy: Policy
    stop_at: datetime
    final_by: datetime
    copy_at: datetime | None
    stale_at: datetime
    every: timedelta
    routine: Estimate
    last: Estimate
    under_way: bool
    changes_at: datetime

    @property
    def has_copy(self) -> bool:
        """Whether there is a verified copy, whatever its date."""
        return self.outlook.copy is not None

    @property
    def firm(self) -> Estimate:
        """How long the run takes that room is reserved for."""
        return self.last if self.policy.final else self.routine

    @property
    def alone_start_by(self) -> datetime:
        """The latest safe start of that run if nothing else had to run."""
        return shift(self.final_by, -self.firm.high)

    @property
    def must_run(self) -> bool:
        """Whether a run has to end by the stop less the margin, if no copy counts as final."""
        if self.policy.final or not self.has_copy:
            return True
        return shift(self.stale_at, self.routine.high) <= self.final_by

    def counts_as_final(self, began_at: datetime | None, latest: datetime, lead: timedelta) -> bool:
        """Whether a run that began then makes a final unnecessary.

        One that began less than its own length before the final was due would have been under
        way when it was: it counts.

        Args:
            began_at: When it began; None never counts.
            latest: The latest start of the final.
            lead: See `Limits.lead`.
        """
        return began_at is not None and began_at >= self.final_from(latest, lead)

    def final_from(self, latest: datetime, lead: timedelta) -> datetime:
        """From when on a run counts as the final, its latest start being `latest`."""
        return shift(latest, -lead - self.last.high)


def look_at(
    outlook: Outlook,
    life: Life,
    policy: Policy,
    limits: Limits,
    assumptions: Assumptions,
    *,
    now: datetime,
) -> Need:
    """What a server needs whose seed is due or past."""
    stop_at = life.timeline.stop_at
    final_by = shift(stop_at, -policy.margin)
    copy_at, credible_from = _credible_copy(outlook, now)
    stale_at, every = stale_from(policy, stop_at, copy_at)
    gap, last_gap, next_step = _gaps(outlook, policy, copy_at, stale_at, every, now=now)
    limit = rate_limit_of(outlook.bandwidth, limits.bandwidth, limits.stores.get(outlook.store))
    tables = tables_of(outlook, limits)
    pace = Pace(outlook, policy.quantile, assumptions, limit, tables=tables)
    routine = pace.estimate(gap)
    last = routine if last_gap == gap else pace.estimate(last_gap)
    under_way, released_at = _under_way(outlook, now)
    changes = (stop_at, final_by, stale_at, credible_from, next_step, released_at)
    return Need(
        outlook=outlook,
        life=life,
        policy=policy,
        stop_at=stop_at,
        final_by=final_by,
        copy_at=copy_at,
        stale_at=stale_at,
        every=every,
        routine=routine,
        last=last,
        under_way=under_way,
        changes_at=min([at for at in changes if at > now], default=LATEST),
    )


def stale_from(
    policy: Policy, stop_at: datetime, copy_at: datetime | None
) -> tuple[datetime, timedelta]:
    """From when on a copy is older than the ladder allows, and the interval of the rung.

    Rungs only become denser, so it is the earliest of what each of them says from its beginning
    on. Without a copy it is the beginning of the first.
    """
    if copy_at is None:
        return shift(stop_at, -policy.seed), policy.ladder[0].every
    return min(
        [
            (max(shift(stop_at, -rung.within), shift(copy_at, rung.every)), rung.every)
            for rung in policy.ladder
        ]
    )


def _credible_copy(outlook: Outlook, now: datetime) -> tuple[datetime | None, datetime]:
    """When the newest copy's run began, if that can be; and from when on it can."""
    if outlook.copy is None:
        return None, LATEST
    credible_from = shift(outlook.copy.at, -TOLERATED_AHEAD)
    return (outlook.copy.at if credible_from <= now else None), credible_from


def _gaps(
    outlook: Outlook,
    policy: Policy,
    copy_at: datetime | None,
    stale_at: datetime,
    every: timedelta,
    *,
    now: datetime,
) -> tuple[timedelta | None, timedelta | None, datetime]:
    """What a routine run and the final build upon, and when that changes.

    As long as the ladder is kept, the final finds what the last rung lets gather; afterwards
    everything since the copy. Without a copy both have everything to move.
    """
    if outlook.copy is None:
        return None, None, LATEST
    if copy_at is None:
        return every, every, LATEST
    planned = max(every, stale_at - copy_at)
    gap = planned * _KEPT
    if shift(copy_at, gap) >= now:
        return planned, min(planned, policy.ladder[-1].every), _after(shift(copy_at, gap))
    age = now - copy_at
    while gap < age:
        gap *= _STEP
    return gap, gap, _after(shift(copy_at, gap))


def _after(at: datetime) -> datetime:
    return shift(at, timedelta(microseconds=1))


def _under_way(outlook: Outlook, now: datetime) -> tuple[bool, datetime]:
    """Whether somebody holds a run of it, and until when."""
    attempt = outlook.attempt
    if attempt is None or attempt.finished_at is not None:
        return False, LATEST
    return attempt.lease_until > now, attempt.lease_until
