"""All that planning looks at: one value for each server, read fresh from the database each time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from daemon.domain.bandwidth import Stretch
from daemon.domain.phase import Timeline
from daemon.domain.provider_copy import ProviderStanding
from daemon.domain.run import Failure, RunKind, RunState
from daemon.domain.verification import Depth


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedCopy:
    """The newest copy that stands proven; newest by the claim's epoch, not by any clock.

    Attributes:
        run: The run that made it.
        at: When the run began: what the server changed later is not in it.
        depth: How deep it was verified.
        store: Name of the store that holds it.
    """

    run: str
    at: datetime
    depth: Depth
    store: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """The newest run of a server, however it went.

    Attributes:
        run: Its id.
        kind: Why it was started.
        state: How far it is or how it ended.
        started_at: When it was claimed.
        finished_at: When it ended; None while it is under way.
        failures: How many attempts in a row, this one included, saved nothing complete; those that
            were told to end are not counted, and after one of them it is none.
        error: Why it did not end well; None otherwise.
        owner: Who holds or held it.
        lease_until: When others may take over, should it be under way still.
    """

    run: str
    kind: RunKind
    state: RunState
    started_at: datetime
    finished_at: datetime | None
    failures: int
    error: Failure | None
    owner: str
    lease_until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What one complete run took: the ground for estimates. Newest last where there are several.

    Attributes:
        seconds: From the claim to the end.
        verify_seconds: Of these, after everything was stored.
        bytes: Size of the server's files.
        new_bytes: Of these, what the repository did not have.
        gap_seconds: Since the beginning of the complete run before it; None for a first one.
    """

    seconds: float
    verify_seconds: float
    bytes: int
    new_bytes: int
    gap_seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """One active contract that names a server.

    Attributes:
        contract: The contract's name.
        provider: Whose it is.
        account: Billed to; None where it is not known.
        timeline: Its expiry and what follows.
        doubts: What is uncertain about the timeline, a sentence each: the zone, the preset.
    """

    contract: str
    provider: str
    account: str | None
    timeline: Timeline
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """One server as planning sees it.

    Attributes:
        server: Its name.
        store: Name of the store it is saved to.
        labels: Its own and its contract's; they choose the policy.
        value: Declared; of what cannot all be saved, the highest goes first.
        priority: Most precious paths, in order.
        bandwidth: Bytes a second at most, or None. Of `rates` the lowest.
        rates: The same by the time of the day; empty where it is one number.
        depth: How deep its runs are verified, where it says so itself.
        life: The active contract that stops first; None where no active one names it.
        closed: Why the newest closed contract was closed, where no active one names the server.
        acknowledged: What a person decided about the present expiry, as a sentence; or empty.
        copy: See `VerifiedCopy`.
        attempt: See `Attempt`.
        samples: Of the newest complete runs, oldest first, at most ten.
        measured_bytes: What the server said of its size when it was last asked.
        host: The host that has its staging, by the newest run's owner; None before any.
        same_fate: Why its store would perish with it; empty where it would not.
        fate_accepted: A person said that this is known and meant.
        provider: Its provider snapshots; None where it has none and nobody knows how to get one.
    """

    server: str
    store: str
    labels: frozenset[str] = frozenset()
    value: int = 0
    priority: tuple[str, ...] = ()
    bandwidth: int | None = None
    rates: tuple[Stretch, ...] = ()
    depth: Depth | None = None
    life: Life | None = None
    closed: str | None = None
    acknowledged: str = ""
    copy: VerifiedCopy | None = None
    attempt: Attempt | None = None
    samples: Sequence[Sample] = ()
    measured_bytes: int | None = None
    host: str | None = None
    same_fate: tuple[str, ...] = ()
    fate_accepted: bool = False
    provider: ProviderStanding | None = None

    def age(self, now: datetime) -> timedelta | None:
        """How old the newest verified copy is; None where there is none. Negative after a step."""
        return None if self.copy is None else now - self.copy.at
