"""One provider snapshot of one server: asked for, looked at until it is complete, removed.

Each of these is short, however long the provider takes, and any process can do the next one. What
a crash leaves between asking and writing it down is found by its label: nothing is paid for twice.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final, TypeAlias

from backends.errors import BackendError
from backends.provider.snapshot import (
    ProviderSnapshot,
    ProviderSnapshots,
    SnapshotState,
    why_failed,
)
from backends.source_errors import (
    ProviderSnapshotFailed,
    ProviderSnapshotPending,
    ProviderTargetMissing,
)
from daemon.clock import Clock
from daemon.domain.copy_retention import pause_before_look
from daemon.domain.identifier import new_run_id
from daemon.domain.machine import ProviderMachine
from daemon.domain.policy import Policy
from daemon.domain.provider_copy import (
    CopiedVolume,
    CopySight,
    CopyState,
    ProviderCopy,
    give_up,
    observe,
    remove,
    stumble,
)
from daemon.domain.run import RunKind
from daemon.domain.server import Server
from daemon.errors import Interrupted, LapseguardError, NotFound, RunActive, UsageError
from daemon.services.ownership import is_gone
from daemon.services.shortfall import failure_of
from daemon.services.units import Units
from daemon.store.unit_of_work import UnitOfWork

#: Longer than any single question to a provider can take with all its attempts.
LEASE: Final = timedelta(minutes=10)
#: A provider may list a snapshot only some time after it has begun it.
_UNLISTED: Final = timedelta(minutes=5)
#: A person who waits does not want to wait for an hour after a few failures.
_PATIENT: Final = Policy(retry_first=timedelta(seconds=2), retry_most=timedelta(seconds=30))

#: What has become of a copy, once it is known when.
_Outcome: TypeAlias = Callable[[datetime], ProviderCopy]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderTools:
    """What provider snapshots are made with.

    Attributes:
        units: Opens transactions.
        clock: For ids only; what is recorded is dated by the database.
        random: Gives unpredictable bytes.
        owner: Us; see `name_owner`.
        open: The interface that a machine is copied by. Raises ProviderError.
    """

    units: Units
    clock: Clock
    random: Callable[[int], bytes]
    owner: str
    open: Callable[[ProviderMachine], ProviderSnapshots]


def require_machine(server: Server) -> ProviderMachine:
    """What the provider calls a server. Raises UsageError where its record does not say."""
    if server.machine is None:
        raise UsageError(
            f"Nothing says what the provider calls the server {server.name}.",
            hint=f"Record it: lapseguard server machine set {server.name} --help",
        )
    return server.machine


def begin_copy(
    tools: ProviderTools,
    name: str,
    reason: RunKind,
    *,
    is_expected: Callable[[ProviderCopy | None], bool] = lambda _: True,
) -> ProviderCopy:
    """Ask the provider for a snapshot of a server; one that is under way is gone on with.

    Args:
        tools: See `ProviderTools`.
        name: Of the server.
        reason: Why.
        is_expected: Whether the newest copy is the one that the decision was made by.

    Returns:
        The copy as it is now: mostly `creating`, and `failed` where the provider will not.

    Raises:
        NotFound, UsageError: there is no such server, or nothing says what its provider calls it.
        RunActive: somebody else looks after one at this moment, or has just made one.
    """
    with tools.units() as work:
        server = work.servers.get(name)
        contracts = work.contracts.of_server(name)
        copy = work.provider_copies.claim(
            run=new_run_id(tools.clock.now(), tools.random(3)),
            server=name,
            reason=reason,
            machine=require_machine(server),
            provider=contracts[0].provider if contracts else None,
            owner=tools.owner,
            lease=LEASE,
            is_gone=lambda other: is_gone(other, tools.owner),
            is_expected=is_expected,
        )
        work.commit()
    return _go_on(tools, server.machine, copy)


def look_again(tools: ProviderTools, run: str) -> ProviderCopy:
    """Ask the provider how far a copy is, or whether it is still there, and record it.

    Raises:
        NotFound: there is no such copy.
        RunActive: somebody else looks after it at this moment.
    """
    copy, machine = _hold(tools, run)
    if copy.is_creating:
        return _go_on(tools, machine, copy)
    if copy.state is CopyState.COMPLETE:
        return _record(tools, _confirm(tools, machine, copy))
    return _record(tools, lambda _: copy)


def await_copy(
    tools: ProviderTools,
    copy: ProviderCopy,
    *,
    told: Callable[[ProviderCopy], None],
    stop: threading.Event,
) -> ProviderCopy:
    """Look at a copy until it is complete or has failed, however long that takes.

    Args:
        tools: See `ProviderTools`.
        copy: Just begun.
        told: What each look has shown.
        stop: Once set, nobody waits any more.

    Raises:
        Interrupted: `stop` was set; the provider goes on.
        NotFound: the copy is on record no more.
    """
    while copy.is_creating:
        told(copy)
        pause = pause_before_look(copy, _PATIENT).total_seconds()
        if tools.clock.wait(pause, stop):
            raise Interrupted(f"Nobody waits for the provider snapshot {copy.run} any more.")
        try:
            copy = look_again(tools, copy.run)
        except RunActive:
            # A daemon looks at it as well; what it sees is on record.
            with tools.units(read_only=True) as work:
                copy = work.provider_copies.get(copy.run)
    return copy


def remove_copy(tools: ProviderTools, run: str) -> ProviderCopy:
    """Let the provider remove a copy that is not under way.

    Raises:
        NotFound, RunActive: see `look_again`.
        IllegalTransition: it is under way, or removed already.
        ProviderError: the provider did not do it; nothing has changed on record.
    """
    copy, machine = _hold(tools, run)
    try:
        remove(copy, copy.looked_at)
        _open(tools, machine, copy).delete(copy.run)
    except BaseException:
        _record(tools, lambda _: copy)
        raise
    return _record(tools, partial(remove, copy))


def _hold(tools: ProviderTools, run: str) -> tuple[ProviderCopy, ProviderMachine | None]:
    with tools.units(at_once=True) as work:
        copy = work.provider_copies.hold(
            run,
            owner=tools.owner,
            lease=LEASE,
            is_gone=lambda other: is_gone(other, tools.owner),
        )
        machine = _machine_on_record(work, copy.server)
        work.commit()
    return copy, machine


def _machine_on_record(work: UnitOfWork, server: str) -> ProviderMachine | None:
    """None as well where the server is registered no more: its copies outlive that."""
    try:
        return work.servers.get(server).machine
    except NotFound:
        return None


def _go_on(
    tools: ProviderTools, machine: ProviderMachine | None, copy: ProviderCopy
) -> ProviderCopy:
    """Ask, and record what came of it; whatever happens, the claim is given back."""
    try:
        outcome = _ask(_open(tools, machine, copy), copy)
    except (BackendError, LapseguardError) as error:
        outcome = partial(_after_failure, copy, error)
    except Exception as error:
        _record(tools, partial(give_up, copy, failure_of(error)))
        raise
    except BaseException:
        # Told to end: the provider goes on with it, and the next look finds it.
        _record(tools, lambda _: copy)
        raise
    return _record(tools, outcome)


def _confirm(tools: ProviderTools, machine: ProviderMachine | None, copy: ProviderCopy) -> _Outcome:
    """Whether a complete copy is still there; what cannot be asked is taken to be."""
    try:
        seen = _open(tools, machine, copy).find(copy.run)
    except (BackendError, LapseguardError):
        return lambda _: copy
    there = {each.id for each in seen.copies} if seen is not None else set()
    gone = [each.id for each in copy.volumes if each.id not in there]
    if not gone:
        return lambda at: replace(copy, looked_at=at)
    problem = ProviderSnapshotFailed(f"The provider has {', '.join(gone)} no more.")
    return partial(remove, replace(copy, problem=failure_of(problem)))


def _ask(provider: ProviderSnapshots, copy: ProviderCopy) -> _Outcome:
    if not copy.volumes:
        seen: ProviderSnapshot | None = provider.create(copy.machine, copy.run)
    else:
        seen = provider.find(copy.run)
    if seen is None:
        return partial(_unlisted, copy)
    return partial(_seen, copy, seen)


def _seen(copy: ProviderCopy, seen: ProviderSnapshot, at: datetime) -> ProviderCopy:
    sight = CopySight(
        volumes=tuple(
            CopiedVolume(id=each.id, volume=each.volume, size=each.size) for each in seen.copies
        ),
        begun_at=seen.begun_at,
        progress=seen.progress,
        complete=seen.state is SnapshotState.COMPLETED,
    )
    after = observe(copy, sight, at)
    if seen.state is not SnapshotState.FAILED:
        return after
    failure = failure_of(ProviderSnapshotFailed(why_failed(seen)))
    return give_up(replace(after, failures=copy.failures), failure, at)


def _unlisted(copy: ProviderCopy, at: datetime) -> ProviderCopy:
    missing = f"The provider does not list the snapshot of {copy.run}"
    if at - copy.started_at < _UNLISTED:
        return stumble(copy, failure_of(ProviderSnapshotPending(f"{missing} yet.")), at)
    return give_up(copy, failure_of(ProviderSnapshotFailed(f"{missing} any more.")), at)


def _after_failure(
    copy: ProviderCopy, error: BackendError | LapseguardError, at: datetime
) -> ProviderCopy:
    """What is under way over there stays so, whatever keeps us from asking."""
    if not (error.retryable or copy.volumes):
        return give_up(copy, failure_of(error), at)
    return stumble(copy, failure_of(error), at)


def _open(
    tools: ProviderTools, machine: ProviderMachine | None, copy: ProviderCopy
) -> ProviderSnapshots:
    """The interface for a copy that may have been made when the record said otherwise."""
    if machine is None or machine.kind != copy.kind:
        raise ProviderTargetMissing(
            f"Nothing says any more how the snapshot of {copy.run} is reached.",
            hint=f"Record it again: lapseguard server machine set {copy.server} {copy.kind} …",
        )
    return tools.open(replace(machine, id=copy.machine, region=copy.region))


def _record(tools: ProviderTools, outcome: _Outcome) -> ProviderCopy:
    with tools.units(at_once=True) as work:
        copy = work.provider_copies.save(outcome(work.now()))
        work.commit()
    return copy
