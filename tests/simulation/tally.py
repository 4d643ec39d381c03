"""What many worlds come to, in figures that can be added up and told."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from tests.simulation.oracle import judge
from tests.simulation.outcome import Finding, Record
from tests.simulation.planning import Planning
from tests.simulation.play import draw, play
from tests.simulation.rescues import judge_rescues
from tests.simulation.rivals import Nightly, Queue
from tests.simulation.scenario import Scenario
from tests.simulation.watch import Watch
from tests.simulation.world import Chooser

#: The ways that are compared, by what they are called in tables.
WAYS: dict[str, Callable[[Scenario], Chooser]] = {
    "lapseguard": lambda scenario: Planning(Watch(scenario.seed)),
    "queue (FIFO)": lambda _: Queue(),
    "nightly cron": lambda _: Nightly(),
}
PLANNER = "lapseguard"


@dataclass(slots=True, kw_only=True)
class Tally:
    """Figures of one way of saving, over any number of worlds.

    Attributes:
        worlds: How many.
        server_years: How long all servers lived.
        stops: Servers whose stop came while it was on record.
        feasible: Of these, what could be met for certain; see `oracle`.
        missed: Of the feasible ones, those whose copy was older than promised, or absent.
        contended: Stops that could be met alone, but not together with others.
        worth: Declared value of those.
        kept: Declared value of those of them that were met.
        bare: Stops at which there was no copy at all.
        ages: Hours since the newest copy began, for each stop that had one.
        runs: How many were started.
        broken: Of these, those that broke off.
        sweeps: How often it was planned.
        refused: Writes of stale owners that were refused.
        paused: Runs that gave way.
        seconds: Of computing.
        findings: What must not happen.
    """

    worlds: int = 0
    server_years: float = 0.0
    stops: int = 0
    feasible: int = 0
    missed: int = 0
    contended: int = 0
    worth: int = 0
    kept: int = 0
    bare: int = 0
    ages: list[float] = field(default_factory=list)
    runs: int = 0
    broken: int = 0
    sweeps: int = 0
    refused: int = 0
    paused: int = 0
    seconds: float = 0.0
    findings: list[Finding] = field(default_factory=list)

    def add(self, other: "Tally") -> None:
        """Take another one's figures in."""
        for name in self.__dataclass_fields__:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    @property
    def miss_rate(self) -> float:
        """The part of the feasible stops that was missed."""
        return self.missed / self.feasible if self.feasible else 0.0

    @property
    def value_kept(self) -> float:
        """The part of the declared value of contended stops that was saved."""
        return self.kept / self.worth if self.worth else 1.0

    def age(self, quantile: float) -> float:
        """The age of the newest copy at the stop, in hours, that so many do not exceed."""
        ordered = sorted(self.ages)
        return ordered[min(len(ordered) - 1, int(len(ordered) * quantile))] if ordered else 0.0

    def rules(self) -> Counter[str]:
        """How often each rule was broken."""
        return Counter(finding.rule for finding in self.findings)


def tally(record: Record, seconds: float, *, watched: bool) -> Tally:
    """The figures of one world; where it is `watched`, missed stops and rescues are findings."""
    verdicts = judge(record)
    feasible = [verdict for verdict in verdicts if verdict.feasible]
    contended = [verdict for verdict in verdicts if verdict.contended]
    missed = [verdict for verdict in feasible if not verdict.met]
    if watched:
        for verdict in missed:
            what = f"Its newest copy is {verdict.age} old, not from after {verdict.oldest}."
            record.find("missed deadline", verdict.stop.server, verdict.stop.stop_at, what)
        judge_rescues(record)
    ages = [verdict.age for verdict in verdicts if verdict.age is not None]
    return Tally(
        worlds=1,
        server_years=record.scenario.server_years,
        stops=len(verdicts),
        feasible=len(feasible),
        missed=len(missed),
        contended=len(contended),
        worth=sum(verdict.value for verdict in contended),
        kept=sum(verdict.value for verdict in contended if verdict.met),
        bare=len(verdicts) - len(ages),
        ages=[age / timedelta(hours=1) for age in ages],
        runs=len(record.flights),
        broken=record.broken,
        sweeps=record.sweeps,
        refused=record.refused,
        paused=record.paused,
        seconds=seconds,
        findings=record.findings if watched else [],
    )


def play_seed(
    seed: str, ways: Sequence[str] = (PLANNER,), kind: str | None = None
) -> dict[str, Tally]:
    """The same world under each of these ways of saving."""
    scenario = draw(seed, kind)
    tallies = {}
    for way in ways:
        began = time.process_time()
        record = play(scenario, WAYS[way](scenario))
        tallies[way] = tally(record, time.process_time() - began, watched=way == PLANNER)
    return tallies
