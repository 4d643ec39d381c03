"""What a world consists of, before anything happens in it."""

from bisect import bisect_right
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeAlias

from daemon.domain.acknowledgement import Decision
from daemon.domain.contract import Contract, Expiry
from daemon.domain.plan import Assumptions, Limits
from daemon.domain.policy import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """From `begin` until just before `end`."""

    begin: datetime
    end: datetime

    @property
    def length(self) -> timedelta:
        return self.end - self.begin

    def overlap(self, begin: datetime, end: datetime) -> timedelta:
        """For how long it lies between two instants."""
        return max(timedelta(), min(self.end, end) - max(self.begin, begin))


def within(stretches: tuple[Stretch, ...], at: datetime) -> bool:
    """Whether an instant lies in one of these; they are in order and do not touch."""
    place = bisect_right(stretches, at, key=lambda stretch: stretch.begin)
    return place > 0 and at < stretches[place - 1].end


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A server as it truly is.

    Attributes:
        name: As registered.
        born_at: When it is registered.
        gone_at: When nobody asks about it any more; the world's end at the latest.
        size: Bytes at birth.
        growth: Bytes that are added each day.
        churn: Bytes that change each day.
        rate: Bytes a second that the line carries.
        overhead: Seconds that even an unchanged server takes.
        verify_rate: Bytes a second of what is new, when it is verified.
        noise: Spread of the durations, as the sigma of a log-normal.
        reachable: When ssh answers, in order.
        store: Where it is saved.
        value: Declared.
        bandwidth: Declared limit.
        labels: Declared.
        tells_size: Whether it was measured before its first run.
    """

    name: str
    born_at: datetime
    gone_at: datetime
    size: float
    growth: float
    churn: float
    rate: float
    overhead: float
    verify_rate: float
    noise: float
    reachable: tuple[Stretch, ...]
    store: str = "main"
    value: int = 0
    bandwidth: int | None = None
    labels: tuple[str, ...] = ()
    tells_size: bool = False

    def bytes_at(self, at: datetime) -> float:
        """Its size."""
        return self.size + self.growth * max(0.0, (at - self.born_at) / timedelta(days=1))

    def changed(self, since: datetime, until: datetime) -> float:
        """What a run must move if the last complete one began at `since`."""
        days = max(0.0, (until - since) / timedelta(days=1))
        return min(self.bytes_at(until), (self.churn + self.growth) * days)

    @property
    def line(self) -> float:
        """Bytes a second that one run of it can move at most."""
        return self.rate if self.bandwidth is None else min(self.rate, float(self.bandwidth))


@dataclass(frozen=True, slots=True, kw_only=True)
class AddContract:
    """A person enters a contract, or imports it."""

    at: datetime
    contract: Contract


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordRenewal:
    """A person records a renewal, with evidence."""

    at: datetime
    contract: str
    until: Expiry


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveDate:
    """A person corrects the date."""

    at: datetime
    contract: str
    expiry: Expiry


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseContract:
    """A person says that it no longer matters."""

    at: datetime
    contract: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledge:
    """A person says something that changes no backup."""

    at: datetime
    contract: str
    decision: Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class SwapZones:
    """A government changes the clocks: from now on the machine's zone rules are others."""

    at: datetime


Act: TypeAlias = AddContract | RecordRenewal | MoveDate | CloseContract | Acknowledge | SwapZones


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A wall clock is wrong for a while.

    Attributes:
        during: When.
        by: What it shows too much; negative where it shows too little.
        drift: Whether it gets there little by little and not at once.
    """

    during: Stretch
    by: timedelta
    drift: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """One machine that runs the daemon.

    Attributes:
        name: Its name.
        downtimes: When no daemon runs there.
        freezes: When it is stopped as by SIGSTOP.
        steps: What its clock does wrong.
    """

    name: str
    downtimes: tuple[Stretch, ...] = ()
    freezes: tuple[Stretch, ...] = ()
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """Where copies go.

    Attributes:
        name: As configured.
        outages: When it takes nothing.
        slow: When it takes a fifth of what it usually does.
    """

    name: str
    outages: tuple[Stretch, ...] = ()
    slow: tuple[Stretch, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A world's beginning and everything that will befall it."""

    seed: str
    begin: datetime
    end: datetime
    machines: tuple[Machine, ...]
    acts: tuple[Act, ...]
    hosts: tuple[Host, ...]
    stores: tuple[Store, ...]
    database_steps: tuple[Step, ...] = ()
    policies: tuple[Policy, ...] = (Policy(),)
    limits: Limits = field(default_factory=Limits)
    assumptions: Assumptions = field(default_factory=Assumptions)

    @property
    def server_years(self) -> float:
        """How long all servers live, summed."""
        lives = ((machine.gone_at - machine.born_at) for machine in self.machines)
        return sum((life / timedelta(days=365) for life in lives), 0.0)
