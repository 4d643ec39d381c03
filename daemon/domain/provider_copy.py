"""A provider snapshot as it is recorded: who asked for it, what it holds, how far it is.

It is a copy by itself beside the runs. Nothing of it is ever verified, and mostly it ends with the
account of the server that it was made of: see `daemon.domain.copy_fate`.
"""

import enum
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from daemon.domain.identifier import check_name, check_run_id
from daemon.domain.instant import as_utc
from daemon.domain.run import Failure, RunKind
from daemon.errors import IllegalTransition, InvalidValue

_WHOLE: Final = 100


class CopyState(enum.Enum):
    """How far a provider copy is; the values are on record."""

    #: The provider was asked, or is about to be; what it copies is as of that moment.
    CREATING = "creating"
    #: It can be restored from, by the provider's own means.
    COMPLETE = "complete"
    #: The provider refused it or gave it up.
    FAILED = "failed"
    #: It was removed.
    DELETED = "deleted"


@dataclass(frozen=True, slots=True, kw_only=True)
class CopiedVolume:
    """One disk of a copy.

    Attributes:
        id: The copy's, at the provider.
        volume: The disk's.
        size: Bytes of the disk.
    """

    id: str
    volume: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CopySight:
    """What the provider says of a copy.

    Attributes:
        volumes: All disks.
        begun_at: When it began (UTC): the copy is of that moment.
        progress: Per cent.
        complete: Whether it can be restored from.
    """

    volumes: tuple[CopiedVolume, ...]
    begun_at: datetime
    progress: int
    complete: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderCopy:
    """One provider snapshot of one server.

    Attributes:
        run: Its id, of the form of a run's; the provider keeps it as a label.
        server: Name of the server.
        reason: Why it was asked for.
        kind: By which interface; see `ProviderMachine`.
        provider: Whose; None where no contract said.
        account: In which it lives; None for the server's own.
        region: Where it lives; None where the interface has none.
        machine: The server's id at the provider.
        state: See `CopyState`.
        started_at: When it was claimed (UTC). It holds nothing older than that.
        begun_at: When the provider says that it began (UTC); None before it has said so.
        looked_at: When the provider was last asked (UTC).
        ended_at: When it was found complete or failed (UTC); None before.
        deleted_at: When it was removed (UTC); None before.
        progress: Per cent.
        volumes: Its disks; none before the provider has named them.
        problem: Why it failed, or why the provider could not be asked the last time.
        failures: How many attempts and looks in a row went wrong, of copies before this one too.
        epoch: Number of the claim; a write that carries an older one is refused.
        owner: Who holds or last held the claim.
        lease_until: When others may look after it (UTC).
    """

    run: str
    server: str
    reason: RunKind
    kind: str
    provider: str | None
    account: str | None
    region: str | None
    machine: str
    state: CopyState
    started_at: datetime
    begun_at: datetime | None = None
    looked_at: datetime
    ended_at: datetime | None = None
    deleted_at: datetime | None = None
    progress: int = 0
    volumes: tuple[CopiedVolume, ...] = ()
    problem: Failure | None = None
    failures: int = 0
    epoch: int
    owner: str
    lease_until: datetime

    def __post_init__(self) -> None:
        check_run_id(self.run)
        check_name(self.server)
        if self.state is CopyState.COMPLETE and not self.volumes:
            raise InvalidValue(f"The provider snapshot {self.run} is complete without a disk.")
        if (self.ended_at is None) != (self.state is CopyState.CREATING):
            raise InvalidValue(f"The provider snapshot {self.run} ends when it is not under way.")
        for name in _INSTANTS:
            at = getattr(self, name)
            if at is not None:
                object.__setattr__(self, name, as_utc(at))

    @property
    def size(self) -> int | None:
        """Bytes of all disks; None before they are known."""
        return sum(volume.size for volume in self.volumes) if self.volumes else None

    @property
    def is_creating(self) -> bool:
        """Whether it is under way."""
        return self.state is CopyState.CREATING

    def redated(self, anew: Callable[[datetime], datetime]) -> "ProviderCopy":
        """The same with what was dated by the database's clock dated otherwise."""
        ended_at = None if self.ended_at is None else anew(self.ended_at)
        return replace(self, started_at=anew(self.started_at), ended_at=ended_at)


_INSTANTS: Final = (
    *("started_at", "begun_at", "looked_at", "ended_at", "deleted_at", "lease_until"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderStanding:
    """What planning knows of one server's provider copies.

    Attributes:
        can_copy: Its record says how to ask its provider for one.
        copies: All that were not removed, the newest claim first.
    """

    can_copy: bool
    copies: tuple[ProviderCopy, ...] = ()

    @property
    def attempt(self) -> ProviderCopy | None:
        """The newest, however it went."""
        return self.copies[0] if self.copies else None

    @property
    def newest(self) -> ProviderCopy | None:
        """The newest that is complete."""
        complete = (copy for copy in self.copies if copy.state is CopyState.COMPLETE)
        return next(complete, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedCopy:
    """A provider snapshot that is called for.

    Attributes:
        server: Its name.
        contract: The contract whose stop it is about.
        kind: What it will be recorded as: RESCUE after the stop, SCHEDULED before.
        explanation: Why, as a sentence with figures.
        start_at: When it is wanted; at or before `now` means: ask for it.
        begin_by: The provider makes none from then on.
        after: The run of the newest copy that was known when this was decided; None for none.
    """

    server: str
    contract: str
    kind: RunKind
    explanation: str
    start_at: datetime
    begin_by: datetime
    after: str | None = None


def observe(copy: ProviderCopy, sight: CopySight, at: datetime) -> ProviderCopy:
    """A copy under way after the provider has told how far it is; `at` is now."""
    _require_creating(copy)
    return replace(
        copy,
        state=CopyState.COMPLETE if sight.complete else CopyState.CREATING,
        volumes=sight.volumes,
        begun_at=sight.begun_at,
        progress=_WHOLE if sight.complete else sight.progress,
        looked_at=at,
        ended_at=at if sight.complete else None,
        problem=None,
        failures=0,
    )


def stumble(copy: ProviderCopy, problem: Failure, at: datetime) -> ProviderCopy:
    """A copy under way after the provider could not be asked: what came of it is not known."""
    _require_creating(copy)
    return replace(copy, problem=problem, failures=copy.failures + 1, looked_at=at)


def give_up(copy: ProviderCopy, problem: Failure, at: datetime) -> ProviderCopy:
    """A copy that comes to nothing; the next attempt is another one."""
    failed = stumble(copy, problem, at)
    return replace(failed, state=CopyState.FAILED, ended_at=at)


def remove(copy: ProviderCopy, at: datetime) -> ProviderCopy:
    """A copy that is no more. Raises IllegalTransition while it is under way."""
    if copy.is_creating or copy.state is CopyState.DELETED:
        raise IllegalTransition(f"The provider snapshot {copy.run} is {copy.state.value}.")
    return replace(copy, state=CopyState.DELETED, deleted_at=at, looked_at=at)


def _require_creating(copy: ProviderCopy) -> None:
    if not copy.is_creating:
        raise IllegalTransition(
            f"The provider snapshot {copy.run} is {copy.state.value}: it does not change any more."
        )
