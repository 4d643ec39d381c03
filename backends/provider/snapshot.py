"""What a provider snapshot is, and what every provider's interface must do for us."""

import enum
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from backends.errors import (
    TransferInterrupted,
)
from backends.source_errors import (
    ProviderError,
    ProviderSnapshotFailed,
    ProviderSnapshotPending,
    ProviderTargetMissing,
)

#: Seconds between two looks at a snapshot under way, at first and at most.
_FIRST_PAUSE: Final = 2.0
_LONGEST_PAUSE: Final = 30.0
_RUN: Final = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{6}", re.ASCII)


class SnapshotState(enum.Enum):
    """How far a provider snapshot is; the values are on record."""

    #: The provider is still copying. What it copies is as of the moment it was asked.
    PENDING = "pending"
    #: It can be restored from.
    COMPLETED = "completed"
    #: The provider gave it up.
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeCopy:
    """One disk of a provider snapshot.

    Attributes:
        id: The copy's, at the provider.
        volume: The disk's.
        size: Bytes of the disk.
        begun_at: When the provider began (UTC).
        state: See `SnapshotState`.
        progress: Per cent, as the provider tells it.
        reason: What the provider says of a failure; else empty.
    """

    id: str
    volume: str
    size: int
    begun_at: datetime
    state: SnapshotState
    progress: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSnapshot:
    """All disks of one machine, as of one moment.

    Attributes:
        run: The run that asked for it; the provider keeps it as a label.
        machine: At the provider.
        copies: One for each disk, at least one, by the disk's id.

    Raises:
        ProviderTargetMissing: on construction, without a disk: nothing would be saved.
    """

    run: str
    machine: str
    copies: tuple[VolumeCopy, ...]

    def __post_init__(self) -> None:
        if not self.copies:
            raise ProviderTargetMissing(f"{self.machine} has no disk that can be copied")
        ordered = tuple(sorted(self.copies, key=lambda copy: copy.volume))
        object.__setattr__(self, "copies", ordered)

    @property
    def begun_at(self) -> datetime:
        """When the provider began with the first disk (UTC)."""
        return min(copy.begun_at for copy in self.copies)

    @property
    def state(self) -> SnapshotState:
        """Failed as soon as one disk is, completed once all are."""
        states = {copy.state for copy in self.copies}
        for state in (SnapshotState.FAILED, SnapshotState.PENDING):
            if state in states:
                return state
        return SnapshotState.COMPLETED

    @property
    def progress(self) -> int:
        """Per cent of all bytes."""
        total = sum(copy.size for copy in self.copies)
        done = sum(copy.size * copy.progress for copy in self.copies)
        return done // total if total else 0

    @property
    def size(self) -> int:
        """Bytes of all disks."""
        return sum(copy.size for copy in self.copies)


class ProviderSnapshots(Protocol):
    """A provider's interface for copies of a machine's disks; safe between threads."""

    @property
    def kind(self) -> str:
        """Its name in settings and history."""

    def create(self, machine: str, run: str) -> ProviderSnapshot:
        """Ask for a snapshot of all disks; one that this run has already asked for is returned.

        Raises:
            ProviderError: nothing was begun, as far as is known.
        """

    def find(self, run: str) -> ProviderSnapshot | None:
        """The snapshot that a run has asked for. Raises ProviderError."""

    def delete(self, run: str) -> None:
        """Remove what a run has asked for; none is fine. Raises ProviderError."""


def wait_for(
    provider: ProviderSnapshots,
    run: str,
    *,
    timeout: float,
    stop: threading.Event,
    on_progress: Callable[[ProviderSnapshot], None] = lambda _: None,
    clock: Callable[[], float] = time.monotonic,
) -> ProviderSnapshot:
    """Look until a snapshot is completed.

    A provider that does not answer is asked again until the time is over.

    Args:
        provider: Where.
        run: Who asked for it.
        timeout: Seconds.
        stop: Once set, waiting ends.
        on_progress: Told each look.
        clock: Monotonic, in seconds.

    Raises:
        ProviderSnapshotFailed: the provider gave it up, or has it no more.
        ProviderSnapshotPending: the time is over.
        TransferInterrupted: `stop` was set; the provider goes on.
        ProviderError: the provider refuses to tell.
    """
    deadline, pause = clock() + timeout, _FIRST_PAUSE
    while True:
        seen = _look(provider, run, patient=clock() < deadline)
        if seen is not None:
            on_progress(seen)
            if seen.state is SnapshotState.COMPLETED:
                return seen
            if seen.state is SnapshotState.FAILED:
                raise ProviderSnapshotFailed(why_failed(seen))
        if clock() >= deadline:
            done = f"{seen.progress} per cent" if seen else "an unknown part"
            raise ProviderSnapshotPending(f"The snapshot of {run} is at {done} after {timeout:g} s")
        if stop.wait(min(pause, max(0.0, deadline - clock()))):
            raise TransferInterrupted(f"Nobody waits for the snapshot of {run} any more")
        pause = min(pause * 1.5, _LONGEST_PAUSE)


def check_run(run: str) -> str:
    """Give back a run's id; it becomes a label and part of commands.

    Raises:
        ProviderTargetMissing: it is none.
    """
    if not _RUN.fullmatch(run):
        raise ProviderTargetMissing(f"{run!r} is not the id of a run")
    return run


def _look(provider: ProviderSnapshots, run: str, *, patient: bool) -> ProviderSnapshot | None:
    try:
        seen = provider.find(run)
    except ProviderError as error:
        if error.retryable and patient:
            return None
        raise
    if seen is None:
        raise ProviderSnapshotFailed(f"The provider has no snapshot of {run} any more")
    return seen


def why_failed(seen: ProviderSnapshot) -> str:
    """What is to be said of a snapshot that the provider gave up."""
    (failed, *_) = (copy for copy in seen.copies if copy.state is SnapshotState.FAILED)
    why = f": {failed.reason}" if failed.reason else ""
    return f"The provider gave up the snapshot {failed.id} of {failed.volume}{why}"
