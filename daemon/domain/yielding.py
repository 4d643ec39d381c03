"""When a run under way can give up its slot, and how long that takes."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from daemon.domain.instant import shift
from daemon.domain.need import Need
from daemon.domain.outlook import Attempt
from daemon.domain.plan import Estimate
from daemon.domain.run import RunKind, RunState
from daemon.domain.schedule import Block, length_of

#: How long a run may take for its last checkpoint, and the other one to begin.
YIELDS_IN: Final = timedelta(seconds=90)
#: Before a run has been under way for so long, it is not asked.
_SETTLED: Final = timedelta(minutes=5)
#: From here on a run moves nothing more from its server: its end is near.
_YIELDING: Final = frozenset({RunState.CLAIMED, RunState.PULLING})


def settles_at(attempt: Attempt) -> datetime:
    """From when on a run under way may be asked to give way."""
    return shift(attempt.started_at, _SETTLED)


def yields_ever(need: Need) -> bool:
    """Whether a run under way is one that is asked, sooner or later: a server that fails is not."""
    attempt = need.outlook.attempt
    return (
        need.under_way
        and attempt is not None
        and attempt.kind is RunKind.SCHEDULED
        and attempt.state in _YIELDING
        and attempt.failures == 0
    )


def room_for_optional(need: Need, estimate: Estimate, lead: timedelta) -> timedelta:
    """How long a slot has to be free for a run that nothing depends on.

    It is begun where a lucky one fits, since it gives way when another has to start. That takes a
    while, and one of a server that fails is not asked.
    """
    attempt = need.outlook.attempt
    if attempt is not None and attempt.failures:
        return estimate.high
    return min(estimate.high, max(estimate.low, _SETTLED + YIELDS_IN + lead))


def shorten_optional(
    busy: Sequence[Block], optional: Sequence[Need], lead: timedelta, now: datetime
) -> tuple[Block, ...]:
    """Runs under way, those that nothing depends on with the time until they have given way.

    Args:
        busy: Runs under way, with what is left of them.
        optional: Servers whose run under way is not needed: a copy counts as the last one.
        lead: See `Limits.lead`.
        now: The present.
    """
    within = {need.outlook.server: _yields_within(need, lead, now) for need in optional}
    return tuple(
        replace(each, length=min(each.length, within.get(each.server, each.length)))
        for each in busy
    )


def _yields_within(need: Need, lead: timedelta, now: datetime) -> int:
    attempt = need.outlook.attempt
    asked_at = now if attempt is None else max(now, settles_at(attempt))
    return length_of(asked_at - now + YIELDS_IN + lead)
