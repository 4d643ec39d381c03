"""Which provider copies are worth their price no longer, and when one is looked at."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from daemon.domain.backoff import next_attempt, pause_after
from daemon.domain.instant import shift
from daemon.domain.outlook import Outlook
from daemon.domain.policy import Policy
from daemon.domain.provider_copy import CopyState, ProviderCopy

#: Between two looks at a copy under way, at first and at most.
_FIRST_PAUSE: Final = timedelta(seconds=2)
_LONGEST_PAUSE: Final = timedelta(minutes=1)
#: Between two looks whether a complete copy is still there.
_CONFIRMED: Final = timedelta(days=1)
#: Of the time that a copy has taken by now, what may pass before the next look.
_PART: Final = 5


def pause_before_look(
    copy: ProviderCopy, policy: Policy, until: datetime | None = None
) -> timedelta:
    """How long a copy is left alone after a look.

    A complete one for long. One under way the longer, the longer it takes; after a look that went
    wrong, as long as after a run that did.

    Args:
        copy: As it was at that look.
        policy: Says how long pauses after failures are.
        until: The provider begins none from then on: what it could not be asked for yet is asked
            for again before.
    """
    if copy.state is CopyState.COMPLETE:
        return _CONFIRMED
    if copy.failures and not copy.volumes and until is not None:
        latest = shift(until, -policy.margin)
        again = next_attempt(copy.looked_at, copy.failures, policy, latest=latest, finish_by=until)
        return again - copy.looked_at
    if copy.failures:
        return pause_after(copy.failures, policy)
    taken = copy.looked_at - copy.started_at
    return min(max(taken / _PART, _FIRST_PAUSE), _LONGEST_PAUSE)


def replaced_copies(outlook: Outlook, policy: Policy, now: datetime) -> tuple[ProviderCopy, ...]:
    """Copies that a later one replaces, and which may be removed.

    The newest complete ones stay, and those that nothing complete has followed. Nothing is removed
    once the stop is as near as the last rung of the ladder, nor afterwards, until the contract is
    renewed or closed.
    """
    provider = outlook.provider
    if provider is None or not provider.can_copy or _lapses(outlook, policy, now):
        return ()
    alike: dict[tuple[str, str | None, str], list[ProviderCopy]] = defaultdict(list)
    for copy in provider.copies:
        alike[copy.kind, copy.account, copy.machine].append(copy)
    return tuple(
        copy
        for copies in alike.values()
        for copy in _replaced(copies, policy.provider_snapshots_kept)
    )


def _lapses(outlook: Outlook, policy: Policy, now: datetime) -> bool:
    life = outlook.life
    if life is None:
        return False
    return now >= shift(life.timeline.stop_at, -policy.ladder[-1].within)


def _replaced(copies: Sequence[ProviderCopy], kept: int) -> Iterator[ProviderCopy]:
    """Of copies of one machine into one account, the newest first."""
    complete = 0
    for copy in copies:
        if copy.state is CopyState.COMPLETE:
            complete += 1
            if complete > kept:
                yield copy
        elif copy.state is CopyState.FAILED and complete:
            yield copy
