"""Everybody in turn, on the same trees, several times; what it took of whom in which case."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from tests.benchmarks.capture.contestants import Contestant, Enter, Step
from tests.benchmarks.capture.measure import CommandFailed, Cost, measure, say, settle
from tests.benchmarks.capture.rig import Rig
from tests.benchmarks.capture.trees import Tree, change


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is measured.

    Attributes:
        letter: As in the list of goals.
        tree: Its name.
        step: See `Step`.
        line: Megabits a second to both ends, or None.
    """

    letter: str
    tree: str
    step: Step
    line: int | None = None

    def __str__(self) -> str:
        where = f", {self.line} Mbit/s lines" if self.line else ""
        return f"({self.letter}) {self.tree}, {self.step.value}{where}"


@dataclass(slots=True)
class Results:
    """Costs by case and contestant, and bytes stored after each step."""

    costs: dict[Case, dict[str, list[Cost]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(list))
    )
    stored: dict[Case, dict[str, int]] = field(default_factory=lambda: defaultdict(dict))
    notes: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        """A line below the tables, once."""
        if text not in self.notes:
            self.notes.append(text)


def compete(
    rig: Rig,
    tree: Tree,
    cases: Mapping[Step, Case],
    entries: Sequence[Enter],
    results: Results,
    *,
    rounds: int,
    cold: bool,
) -> None:
    """Let all save a tree from nothing, then changed, then unchanged, so many times.

    A step without a case is made all the same where a later one needs it, and not reported. Who
    comes first in a round comes last in the next one.
    """
    last = max(tuple(Step).index(step) for step in cases)
    for number in range(rounds):
        turn = number % len(entries)
        order = (*entries[turn:], *entries[:turn])
        with _entered(rig, tree, order, number) as contestants:
            for step in tuple(Step)[: last + 1]:
                if step is Step.CHANGED and Step.CHANGED not in cases:
                    continue
                if step is Step.CHANGED:
                    change(tree, number)
                for contestant in contestants:
                    _run(rig, contestant, step, cases.get(step), results, cold=cold)


@contextmanager
def _entered(
    rig: Rig, tree: Tree, entries: Sequence[Enter], number: int
) -> Iterator[tuple[Contestant, ...]]:
    label = f"{tree.name.replace(' ', '-')}-{number}"
    with ExitStack() as held:
        contestants = tuple(enter(rig, tree, label) for enter in entries)
        for contestant in contestants:
            contestant.begin()
            held.callback(contestant.end)
        yield contestants


def _run(
    rig: Rig, contestant: Contestant, step: Step, case: Case | None, results: Results, *, cold: bool
) -> None:
    command = contestant.command(step)
    if command is None:
        return
    results.note(settle(cold=cold))
    try:
        cost = measure(command, rig.far)
    except CommandFailed as error:
        say(f"{case}: {contestant.name}: {error}")
        results.note(f"{case or step.value}: {contestant.name} FAILED at least once: {error}")
        return
    if case is None:
        return
    say(f"{case}: {contestant.name} {cost.seconds:.2f} s")
    results.costs[case][contestant.name].append(cost)
    stored = contestant.stored()
    if stored is not None:
        results.stored[case][contestant.name] = stored
