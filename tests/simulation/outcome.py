"""What came of a world: its stops, its copies, what it took, and what should not have happened."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from daemon.domain.contract import Contract, Expiry
from tests.simulation.scenario import Scenario
from tests.simulation.traffic import Flight


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """A verified copy, in true time."""

    began: datetime
    ended: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A stop that came while it was on record."""

    server: str
    contract: str
    stop_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that must not happen."""

    seed: str
    rule: str
    server: str
    at: datetime
    what: str

    def __str__(self) -> str:
        return (
            f"{self.seed}: {self.rule}: {self.server} at {self.at:%Y-%m-%d %H:%M:%S}: {self.what}"
        )


@dataclass(slots=True, kw_only=True)
class Record:
    """Everything worth knowing about one world that was played."""

    scenario: Scenario
    stops: list[Outcome] = field(default_factory=list)
    copies: dict[str, list[Copy]] = field(default_factory=dict)
    flights: list[Flight] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    known: dict[str, list[tuple[Expiry, datetime]]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    broken: int = 0
    paused: int = 0
    refused: int = 0
    sweeps: int = 0

    def count(self, what: str) -> int:
        """The next number of its kind, from 1."""
        self.counts[what] += 1
        return self.counts[what]

    def find(self, rule: str, server: str, at: datetime, what: str) -> None:
        """Note something that must not happen."""
        seed = self.scenario.seed
        self.findings.append(Finding(seed=seed, rule=rule, server=server, at=at, what=what))

    def acted(self, contract: Contract, now: datetime) -> None:
        """Remember since when a contract's end is on record."""
        told = self.known.setdefault(contract.name, [])
        if not told or told[-1][0] != contract.expiry:
            told.append((contract.expiry, now))

    def known_before(self, stop: Outcome) -> datetime:
        """Since when the end that led to a stop had been on record."""
        return max(at for _, at in self.known[stop.contract] if at <= stop.stop_at)

    def took_off(self, flight: Flight) -> None:
        """A run began."""
        self.flights.append(flight)

    def landed(self, flight: Flight, copy: Copy) -> None:
        """A run ended with a verified copy."""
        self.copies.setdefault(flight.machine.name, []).append(copy)

    def newest(self, server: str, at: datetime) -> Copy | None:
        """The newest copy that was complete at an instant."""
        ended = [copy for copy in self.copies.get(server, ()) if copy.ended <= at]
        return max(ended, key=lambda copy: copy.began, default=None)

    def age_at_stop(self, stop: Outcome) -> timedelta | None:
        """How old the newest copy was when the server stopped; None where there was none."""
        copy = self.newest(stop.server, stop.stop_at)
        return None if copy is None else stop.stop_at - copy.began
