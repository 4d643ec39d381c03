"""What is to be said of a server's provider snapshots.

They never make a server safe: nothing of them is verified, and most die with the account. One that
outlives the account is better than nothing once the server has stopped: it is at risk then.
"""

from collections.abc import Iterator
from datetime import datetime

from daemon.domain.copy_fate import Bill, CopyFate, fate_of
from daemon.domain.instant import shift, write_second
from daemon.domain.need import TOLERATED_AHEAD
from daemon.domain.outlook import Outlook
from daemon.domain.phase import Timeline
from daemon.domain.provider_copy import CopyState, ProviderCopy
from daemon.domain.situation import Situation


def copy_sentences(situation: Situation) -> Iterator[str]:
    """Everything that a person should know of them."""
    outlook, timeline = situation.outlook, situation.timeline
    provider = outlook.provider
    if provider is not None and provider.newest is not None:
        yield _exists(outlook, provider.newest)
    if provider is not None and provider.attempt is not None:
        yield from _attempt(provider.attempt)
    if timeline is not None and situation.has_stopped and not (provider and provider.can_copy):
        yield from _could_copy(outlook, timeline, situation.now)


def copy_fate(outlook: Outlook, copy: ProviderCopy) -> CopyFate:
    """Whether one of a server's provider copies dies with its account."""
    life = outlook.life
    return fate_of(
        copy, () if life is None else (Bill(contract=life.contract, account=life.account),)
    )


def is_kept_elsewhere(situation: Situation, since: datetime) -> bool:
    """Whether a provider snapshot that outlives the account was begun since then."""
    provider = situation.outlook.provider
    if provider is None:
        return False
    until = shift(situation.now, TOLERATED_AHEAD)
    return any(
        copy.state is CopyState.COMPLETE
        and since <= copy.started_at <= until
        and not copy_fate(situation.outlook, copy).shared
        for copy in provider.copies
    )


def _exists(outlook: Outlook, copy: ProviderCopy) -> str:
    made = write_second(copy.begun_at or copy.started_at)
    fate = copy_fate(outlook, copy)
    if fate.shared:
        return f"A provider snapshot of {made} exists, but it dies with the account: {fate.why}."
    return (
        f"A provider snapshot of {made} exists in the account {copy.account}; nothing of it is "
        "verified."
    )


def _attempt(copy: ProviderCopy) -> Iterator[str]:
    if copy.state is CopyState.FAILED and copy.problem is not None:
        yield f"The provider snapshot {copy.run} has failed: {copy.problem.message}"
    if copy.is_creating and copy.problem is not None:
        yield f"The provider could not be asked about {copy.run}: {copy.problem.message}"
    elif copy.is_creating:
        yield (
            f"The provider makes a snapshot ({copy.run}); it was at {copy.progress} % on "
            f"{write_second(copy.looked_at)}."
        )


def _could_copy(outlook: Outlook, timeline: Timeline, now: datetime) -> Iterator[str]:
    phase, copy = timeline.phase(now), outlook.copy
    if phase.snapshot and not phase.ssh and (copy is None or copy.at < timeline.stop_at):
        yield (
            "Its provider still makes snapshots, but nothing says what it calls the server: "
            f"lapseguard server machine set {outlook.server} --help"
        )
