"""What the planner decided: a value for each run that is called for, with its reasons."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta

from daemon.domain.bandwidth import Stretch
from daemon.domain.provider_copy import PlannedCopy
from daemon.domain.run import RunKind


class Reason(enum.Enum):
    """Why a run is called for; the values are what `plan --json` says."""

    #: There is no verified copy, and the stop is near enough for the first.
    SEED = "seed"
    #: The newest copy is, or will be, older than the ladder allows.
    LADDER = "ladder"
    #: The last run, timed to end at the stop less the margin.
    FINAL = "final"
    #: The server should have stopped, and may still answer.
    RESCUE = "rescue"


class Basis(enum.Enum):
    """What an estimate rests on, best first."""

    #: The server's own runs.
    HISTORY = "history"
    #: The size that the server told, and an assumed rate.
    MEASURED = "measured"
    #: Nothing but assumptions.
    ASSUMED = "assumed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """How long a run takes, from the claim to the verified end.

    Attributes:
        low: A lucky one.
        high: A pessimistic one; what is planned with.
        basis: See `Basis`.
        rate: Bytes a second that the run is expected to move, for the budgets.
    """

    low: timedelta
    high: timedelta
    basis: Basis
    rate: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumptions:
    """What is taken for granted where nothing is known.

    Attributes:
        size: Bytes of a server that nobody measured.
        rate: Bytes a second.
        overhead: What even an unchanged server takes.
        safety: Estimates are multiplied by it.
    """

    size: int = 50 * 1024**3
    rate: int = 10 * 1024**2
    overhead: timedelta = timedelta(seconds=30)
    safety: float = 1.25


@dataclass(frozen=True, slots=True, kw_only=True)
class QuietHours:
    """A stretch of each day in which only deadlines start runs; it may cross midnight.

    Attributes:
        begin: Civil time.
        end: Civil time, exclusive.
        timezone: IANA name.
    """

    begin: time
    end: time
    timezone: str = "UTC"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What runs have to share.

    Attributes:
        slots: Runs at the same time, over all daemons.
        bandwidth: Bytes a second of all runs together, or None. Of `rates` the lowest.
        stores: The same for each store that has a limit, by name.
        rates: The same of all runs by the time of the day; empty where it is one number.
        store_rates: Likewise of stores, by name.
        quiet: See `QuietHours`.
        lead: Everything starts this much before it has to: how long a decision takes to act.
    """

    slots: int = 2
    bandwidth: int | None = None
    stores: Mapping[str, int] = field(default_factory=dict)
    rates: tuple[Stretch, ...] = ()
    store_rates: Mapping[str, tuple[Stretch, ...]] = field(default_factory=dict)
    quiet: tuple[QuietHours, ...] = ()
    lead: timedelta = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """One run that is called for, before it is known what else is.

    Attributes:
        server: Its name.
        contract: The contract whose stop it is about.
        kind: What the run will be recorded as.
        reason: See `Reason`.
        explanation: The same as a sentence, with figures.
        due_at: From when on it is wanted; may be past. A pause after failures is in it.
        finish_by: When it must have ended.
        final_by: The stop less the margin: past this, nothing is certain any more.
        estimate: How long it takes.
        value: See `Outlook.value`.
        store: Where it writes to.
        bandwidth: The server's own limit, or None.
        priority: The server's most precious paths.
        optional: A copy counts as the last one already; this run makes a younger one where there
            is room. No deadline depends on it, so a lucky estimate decides whether it is made.
    """

    server: str
    contract: str
    kind: RunKind
    reason: Reason
    explanation: str
    due_at: datetime
    finish_by: datetime
    final_by: datetime
    estimate: Estimate
    value: int
    store: str
    bandwidth: int | None = None
    priority: tuple[str, ...] = ()
    optional: bool = False

    @property
    def length(self) -> timedelta:
        """How much time before `finish_by` it is given."""
        return self.estimate.low if self.optional else self.estimate.high


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRun:
    """A demand among all others.

    Attributes:
        demand: What is called for.
        start_by: Latest start that keeps every deadline, with all others taken into account.
        start_at: When it is expected to start; at or before `now` means: start it.
        feasible: Whether it is expected to end by `demand.finish_by`.
        misses_by: By how much it is not; zero if feasible.
        overrides_quiet: Whether it starts in quiet hours, since waiting would be late.
        remedies: What would make it fit, a sentence each; empty if feasible.
    """

    demand: Demand
    start_by: datetime
    start_at: datetime
    feasible: bool
    misses_by: timedelta
    overrides_quiet: bool = False
    remedies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All that is called for at one moment, the most urgent first.

    Attributes:
        at: The present that was planned for.
        runs: In the order in which they get their turn.
        pauses: Names of servers whose run should stop at its next checkpoint, since one that is
            more urgent would otherwise be late.
        wake_at: When the plan can change by itself: nothing is gained by planning again before,
            unless the database changes.
        copies: Provider snapshots that are called for, the earliest first; they take no slot.
    """

    at: datetime
    runs: tuple[PlannedRun, ...]
    pauses: tuple[str, ...] = ()
    wake_at: datetime
    copies: tuple[PlannedCopy, ...] = ()
