"""What truly moves: the transfers under way, and how the lines and stores are shared by them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from daemon.domain.plan import Limits
from daemon.domain.run import Run
from daemon.services.allotment import Assignment
from tests.simulation.scenario import Machine, Scenario, Stretch, within

#: What a slow store still takes, of what it usually does.
SLOW = 0.2
#: Seconds between two checkpoints: so much of a run that breaks off is lost.
CHECKPOINT = 60.0


@dataclass(slots=True)
class Disk:
    """How much of one server is safe already.

    Attributes:
        complete: When the newest complete run truly began.
        credit: Bytes of broken runs since, which need not be moved again.
    """

    complete: datetime | None = None
    credit: float = 0.0


@dataclass(slots=True, eq=False, kw_only=True)
class Flight:
    """One run as it truly goes.

    Attributes:
        run: As its owner knows it.
        machine: The server.
        host: Name of the host that carries it.
        started: When it truly began.
        assignment: What its daemon was told of it; None for a rival's.
        need: Bytes to move, all told.
        overhead: Seconds of preparation left.
        left: Bytes left.
        verify: Seconds of verification left.
        rate: Bytes a second at present.
        slowness: What luck makes of its durations.
        moving: Whether anything happens at all: not while its owner is frozen or its store out.
        settled: Until when all this is reckoned.
        version: Counts changes of course, so that outdated ends are known.
    """

    run: Run
    machine: Machine
    host: str
    started: datetime
    assignment: Assignment | None
    need: float
    overhead: float
    left: float
    verify: float
    slowness: float
    rate: float = 0.0
    moving: bool = True
    settled: datetime
    version: int = 0

    def settle(self, now: datetime) -> None:
        """Reckon how far it is."""
        seconds = (now - self.settled).total_seconds()
        self.settled = now
        if not self.moving:
            return
        for part in ("overhead", "left", "verify"):
            pace = self.rate if part == "left" else 1.0
            rest = getattr(self, part)
            if pace <= 0.0:
                return
            spent = min(seconds, rest / pace)
            setattr(self, part, rest - spent * pace if spent * pace < rest else 0.0)
            seconds -= spent

    def ends_at(self) -> datetime | None:
        """When it ends if nothing changes; None if it never would."""
        if not self.moving or (self.left and self.rate <= 0.0):
            return None
        transfer = self.left / self.rate if self.left else 0.0
        return self.settled + timedelta(seconds=self.overhead + transfer + self.verify + 0.001)

    @property
    def saved(self) -> float:
        """Bytes that are restorable should it break off now."""
        return max(0.0, self.need - self.left - self.rate * CHECKPOINT)


def full_seconds(machine: Machine, size: float) -> float:
    """What moving and verifying so many bytes of a server takes with usual luck."""
    return machine.overhead + size / machine.line + 5.0 + size / machine.verify_rate


class Traffic:
    """All flights, and the limits they share."""

    def __init__(self, scenario: Scenario) -> None:
        self.flights: dict[str, Flight] = {}
        self._limits: Limits = scenario.limits
        self._stores: Mapping[str, tuple[tuple[Stretch, ...], tuple[Stretch, ...]]] = {
            store.name: (store.outages, store.slow) for store in scenario.stores
        }

    def is_out(self, store: str, now: datetime) -> bool:
        """Whether a store takes nothing."""
        return within(self._stores[store][0], now)

    def share(self, now: datetime) -> None:
        """Reckon everything, and give each flight its part of what there is."""
        for flight in self.flights.values():
            flight.settle(now)
            flight.rate = 0.0 if self.is_out(flight.machine.store, now) else self._own(flight, now)
            flight.version += 1
        self._squeeze(list(self.flights.values()), self._limits.bandwidth)
        for store, most in self._limits.stores.items():
            self._squeeze([f for f in self.flights.values() if f.machine.store == store], most)

    def _own(self, flight: Flight, now: datetime) -> float:
        slow = SLOW if within(self._stores[flight.machine.store][1], now) else 1.0
        rate = flight.machine.line / flight.slowness
        told = flight.assignment and flight.assignment.bandwidth
        return (rate if told is None else min(rate, told)) * slow

    def _squeeze(self, flights: list[Flight], most: int | None) -> None:
        total = sum(flight.rate for flight in flights)
        if most is not None and total > most:
            for flight in flights:
                flight.rate *= most / total
