"""One attempt to capture one server, and which states may follow which."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from daemon.domain.identifier import check_name, check_run_id, check_sha256
from daemon.domain.instant import as_utc
from daemon.errors import IllegalTransition, Interrupted, InvalidValue, RunPaused


class RunKind(enum.Enum):
    """Why a run was started."""

    #: A person asked for it.
    MANUAL = "manual"
    #: The plan called for it.
    SCHEDULED = "scheduled"
    #: The contract has expired and the server still answers.
    RESCUE = "rescue"


class RunState(enum.Enum):
    """How far a run is."""

    #: Somebody holds the lease; nothing has happened yet.
    CLAIMED = "claimed"
    #: Files arrive from the server, and flow into packs as they do.
    PULLING = "pulling"
    #: Everything has arrived; the rest of it is packed, uploaded, indexed.
    STORING = "storing"
    #: A repository snapshot exists and is compared with what the store holds.
    VERIFYING = "verifying"
    #: Stored and proven to the depth asked for; its manifest is written.
    VERIFIED = "verified"
    #: Something is restorable, but not everything that was asked for.
    PARTIAL = "partial"
    #: It ended with an error.
    FAILED = "failed"
    #: Its owner let the lease lapse and somebody else took over.
    ABANDONED = "abandoned"


#: What may follow what. A run that ends badly can do so from anywhere.
_BAD_ENDS: Final = frozenset({RunState.PARTIAL, RunState.FAILED, RunState.ABANDONED})
_FOLLOWING: Final[Mapping[RunState, frozenset[RunState]]] = {
    RunState.CLAIMED: _BAD_ENDS | {RunState.PULLING},
    RunState.PULLING: _BAD_ENDS | {RunState.STORING},
    RunState.STORING: _BAD_ENDS | {RunState.VERIFYING},
    RunState.VERIFYING: _BAD_ENDS | {RunState.VERIFIED},
    RunState.VERIFIED: frozenset(),
    RunState.PARTIAL: frozenset(),
    RunState.FAILED: frozenset(),
    RunState.ABANDONED: frozenset(),
}
#: States that nothing follows.
FINAL_STATES: Final = frozenset(state for state, next_ in _FOLLOWING.items() if not next_)


#: Codes of errors by which nothing failed: somebody, or the plan, told the run to end.
TOLD_TO_END: Final = frozenset({Interrupted.__name__, RunPaused.__name__})


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a run did not end well.

    Attributes:
        code: Stable name of the error, e.g. `HostKeyChanged`.
        message: What happened.
        hint: What to do next.
    """

    code: str
    message: str
    hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Captured:
    """What a run has put into the repository.

    Attributes:
        files: Regular files in the repository snapshot, hard links counted once each.
        bytes: Their sizes, summed.
        stored_bytes: What was uploaded as packs: compressed and encrypted.
        new_bytes: Of `bytes`, what the repository did not have before.
        snapshot: The repository snapshot's id, in hex.
    """

    files: int
    bytes: int
    stored_bytes: int
    new_bytes: int
    snapshot: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One attempt to capture one server.

    Attributes:
        run: Its id; see `new_run_id`.
        server: Name of the server.
        kind: Why it was started.
        state: How far it is.
        started_at: When it was claimed (UTC).
        verifying_at: When everything was stored and its proof began (UTC); None before.
        finished_at: When it reached a final state (UTC); None before.
        files: This and the next four: see `Captured`; None until known.
        manifest_sha256: Digest, in hex, of its manifest document; None until there is one.
        store: Name of the store it writes to.
        error: Why it did not end well; None otherwise.
        epoch: Number of the claim, rising with each claim of this server; a write that carries
            an older one is refused.
        owner: Who holds the claim: host, process and a random part.
        lease_until: When others may take over (UTC).
    """

    run: str
    server: str
    kind: RunKind
    state: RunState
    started_at: datetime
    verifying_at: datetime | None = None
    finished_at: datetime | None = None
    files: int | None = None
    bytes: int | None = None
    stored_bytes: int | None = None
    new_bytes: int | None = None
    snapshot: str | None = None
    manifest_sha256: str | None = None
    store: str
    error: Failure | None = None
    epoch: int
    owner: str
    lease_until: datetime

    def __post_init__(self) -> None:
        check_run_id(self.run)
        check_name(self.server)
        if (self.finished_at is not None) != self.is_final:
            raise InvalidValue(f"The run {self.run} is {self.state.value} only with an end time.")
        if self.manifest_sha256 is not None:
            check_sha256(self.manifest_sha256, "manifest digest")
        for name in ("started_at", "verifying_at", "finished_at", "lease_until"):
            at = getattr(self, name)
            if at is not None:
                object.__setattr__(self, name, as_utc(at))

    @property
    def is_final(self) -> bool:
        """Whether nothing can follow."""
        return self.state in FINAL_STATES

    @property
    def was_told_to_end(self) -> bool:
        """Whether it is not whole only since it was stopped in good order: no failure."""
        return self.error is not None and self.error.code in TOLD_TO_END


def advance(
    run: Run,
    state: RunState,
    at: datetime,
    *,
    captured: Captured | None = None,
    manifest_sha256: str | None = None,
    error: Failure | None = None,
) -> Run:
    """The run as it is in its next state.

    Args:
        run: As it was.
        state: The next state.
        at: Now; becomes `finished_at` in a final state, `verifying_at` in that one.
        captured: What is known by now; what was known before stays otherwise.
        manifest_sha256: Likewise.
        error: Why it did not end well; only with a final state.

    Raises:
        IllegalTransition: `state` does not follow the present one, or what it asserts is missing:
            a verified run has a repository snapshot and a manifest, a failed one an error.
    """
    if state not in _FOLLOWING[run.state]:
        raise IllegalTransition(
            f"The run {run.run} is {run.state.value}; it cannot become {state.value}."
        )
    final = state in FINAL_STATES
    after = replace(
        _with_captured(run, captured),
        state=state,
        verifying_at=at if state is RunState.VERIFYING else run.verifying_at,
        finished_at=at if final else None,
        manifest_sha256=manifest_sha256 or run.manifest_sha256,
        error=error,
    )
    _require_grounds(after)
    return after


def _with_captured(run: Run, captured: Captured | None) -> Run:
    if captured is None:
        return run
    return replace(
        run,
        files=captured.files,
        bytes=captured.bytes,
        stored_bytes=captured.stored_bytes,
        new_bytes=captured.new_bytes,
        snapshot=captured.snapshot,
    )


def _require_grounds(run: Run) -> None:
    """A state is an assertion; refuse the ones that the run itself does not bear out."""
    if run.state is RunState.VERIFIED and not (run.snapshot and run.manifest_sha256):
        raise IllegalTransition(f"The run {run.run} is not verified without a manifest.")
    if run.state is RunState.FAILED and run.error is None:
        raise IllegalTransition(f"The run {run.run} has not failed without an error.")
    if run.error is not None and run.state not in _BAD_ENDS:
        raise IllegalTransition(f"The run {run.run} has an error, so it is not {run.state.value}.")
