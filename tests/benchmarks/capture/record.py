"""What was measured, part by part: kept as JSON beside a report, and merged with what is new."""

import statistics
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from pydantic import TypeAdapter

from tests.benchmarks.capture.contestants import Step
from tests.benchmarks.capture.measure import Cost


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Where it was measured; nothing that tells one machine of a kind from another.

    Attributes:
        cores: That this process may use.
        memory: Bytes.
        versions: Of each program that matters, and of the kernel.
    """

    cores: int
    memory: int
    versions: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a figure comes from.

    Attributes:
        commit: Of the code.
        command: That measured it, without anything of this machine.
        day: When, in UTC.
        load: Of the machine when it began, as the kernel averages it over a minute.
    """

    commit: str
    command: str
    day: str
    load: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One contestant in one case.

    Attributes:
        contestant: Its name.
        costs: Of each round.
        stored: Bytes in the store after it; None of those that store nothing.
    """

    contestant: str
    costs: tuple[Cost, ...]
    stored: int | None = None

    def median(self, figure: Callable[[Cost], float] = lambda cost: cost.seconds) -> float:
        """Of a figure, over all rounds; seconds on the wall if not said otherwise."""
        return statistics.median(map(figure, self.costs))


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One kind of work, and everybody who did it.

    Attributes:
        letter: As in the list of goals.
        tree: Its name.
        step: How the tree stood to what was saved before.
        line: Megabits a second to both ends, or None.
        files, bytes: Of the tree.
        entries: In the order in which they were first measured.
        notes: How it was measured, and what went wrong.
        origin: See `Origin`.
    """

    letter: str
    tree: str
    step: Step
    line: int | None
    files: int
    bytes: int
    entries: tuple[Entry, ...]
    notes: tuple[str, ...]
    origin: Origin

    def of(self, contestant: str) -> Entry | None:
        """What that contestant did, if it did it at all."""
        return next((each for each in self.entries if each.contestant == contestant), None)

    @property
    def key(self) -> Hashable:
        """What a newer measurement replaces."""
        return self.letter, self.tree, self.step, self.line

    def __str__(self) -> str:
        where = f", {self.line} Mbit/s lines" if self.line else ""
        return f"({self.letter}) {self.tree}, {self.step.value}{where}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Peak:
    """The most memory seen at one moment, in bytes; what processes share is counted once.

    Attributes:
        everything: All processes.
        own: Python's.
        theirs: Of rsync and ssh.
    """

    everything: int
    own: int
    theirs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """Processor time of one contestant's run by program.

    Attributes:
        contestant: Its name.
        seconds: On the wall; the looking on costs a little.
        programs: Processor seconds by name.
        peak: Of the memory of all its processes.
    """

    contestant: str
    seconds: float
    programs: tuple[tuple[str, float], ...]
    peak: Peak


@dataclass(frozen=True, slots=True, kw_only=True)
class Lap:
    """What passed between two events of our log.

    Attributes:
        name: Of the event that it began with.
        seconds: On the wall.
        ours: Processor seconds of our own processes.
        others: Of all other programs that worked for the run.
    """

    name: str
    seconds: float
    ours: float
    others: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """One of our functions as a sampling profiler saw it.

    Attributes:
        place: Its name and file.
        itself: Share of all samples in which it was at work itself, native code included.
        below: Share in which it or something that it had called was.
    """

    place: str
    itself: float
    below: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Where the time of one case goes.

    Attributes:
        tree, step: The case.
        sides: Ours and the rival's.
        laps: Of ours.
        spots: The most expensive functions of ours, dearest first.
        origin: See `Origin`.
    """

    tree: str
    step: Step
    sides: tuple[Side, ...]
    laps: tuple[Lap, ...]
    spots: tuple[Spot, ...]
    origin: Origin

    @property
    def key(self) -> Hashable:
        """What a newer measurement replaces."""
        return self.tree, self.step


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """A backup by us of a tree that is so many times as large as usual.

    Attributes:
        tree, step: As in a case; a tree of one file is what every run costs.
        times: How much larger than the tree of the cases.
        files, bytes: Of it.
        cost: Of the run, the watching of memory included.
        peak: Of its memory.
        origin: See `Origin`.
    """

    tree: str
    step: Step
    times: float
    files: int
    bytes: int
    cost: Cost
    peak: Peak
    origin: Origin

    @property
    def key(self) -> Hashable:
        """What a newer measurement replaces."""
        return self.tree, self.step, self.times


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """Bytes of files that rsync had completed.

    Attributes:
        then: At the cut.
        before: One checkpoint interval before it.
        begun: Of files that were not complete at the cut.
    """

    then: int
    before: int
    begun: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Remains:
    """Bytes that stock restic gives back.

    Attributes:
        whole: Of files that are equal to the tree's.
        beginnings: Of files kept as unfinished that are how one of the tree's begins.
    """

    whole: int = 0
    beginnings: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Salvage:
    """What a cut left.

    Attributes:
        contestant, tree: Names.
        files, bytes: Of the tree.
        moment: When the server was cut off, as a share of the undisturbed run.
        seconds: Likewise in seconds.
        every: Seconds between two checkpoints.
        delivered: See `Delivered`.
        at_once: What stock restic restores of what was in the store at that very moment.
        in_the_end: Likewise when the run had ended by itself.
        origin: See `Origin`.
    """

    contestant: str
    tree: str
    files: int
    bytes: int
    moment: float
    seconds: float
    every: int
    delivered: Delivered
    at_once: Remains
    in_the_end: Remains
    origin: Origin

    @property
    def key(self) -> Hashable:
        """What a newer measurement replaces."""
        return self.contestant, self.tree, self.moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Restore or check of one repository, by restic and by us.

    Attributes:
        what: Of the repository, in words with its amount.
        verb: What was done with it.
        theirs, ours: Of each round.
        origin: See `Origin`.
    """

    what: str
    verb: str
    theirs: tuple[Cost, ...]
    ours: tuple[Cost, ...]
    origin: Origin

    @property
    def key(self) -> Hashable:
        """What a newer measurement replaces."""
        return self.what, self.verb


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything that was measured so far."""

    machine: Machine
    cases: tuple[Case, ...] = ()
    profiles: tuple[Profile, ...] = ()
    sizes: tuple[Size, ...] = ()
    salvages: tuple[Salvage, ...] = ()
    readings: tuple[Reading, ...] = ()
    notes: tuple[str, ...] = ()


class Keyed(Protocol):
    """Something measured that a newer measurement may replace."""

    @property
    def key(self) -> Hashable:
        """The same for both."""


Kept = TypeVar("Kept", bound=Keyed)
_JSON = TypeAdapter(Report)


def merge(old: Report, new: Report) -> Report:
    """Both, what is new in place of what was measured of the same before."""
    return Report(
        machine=new.machine,
        cases=_newest(old.cases, new.cases),
        profiles=_newest(old.profiles, new.profiles),
        sizes=_newest(old.sizes, new.sizes),
        salvages=_newest(old.salvages, new.salvages),
        readings=_newest(old.readings, new.readings),
        notes=tuple(dict.fromkeys((*old.notes, *new.notes))),
    )


def load(path: Path) -> Report | None:
    """What was kept there; None where there is nothing yet."""
    return _JSON.validate_json(path.read_bytes()) if path.exists() else None


def keep(report: Report, path: Path) -> None:
    """Write it, for `load`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_JSON.dump_json(report, indent=1) + b"\n")


def _newest(old: Iterable[Kept], new: Iterable[Kept]) -> tuple[Kept, ...]:
    return tuple({each.key: each for each in (*old, *new)}.values())
