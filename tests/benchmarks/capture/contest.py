"""Everybody in turn, on the same trees, several times; what it took of whom in which case."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from tests.benchmarks.capture.contestants import Contestant, Enter, Step
from tests.benchmarks.capture.measure import CommandFailed, Cost, say, settle
from tests.benchmarks.capture.record import Case, Entry, Origin
from tests.benchmarks.capture.rig import Rig
from tests.benchmarks.capture.trees import Tree, change


@dataclass(slots=True)
class Contest:
    """What was measured so far of one tree in one rig.

    Attributes:
        rig, tree: Where, and what.
        letters: Of the steps that are reported.
        origin: Of the figures.
        cold: Whether caches are dropped before each run.
    """

    rig: Rig
    tree: Tree
    letters: Mapping[Step, str]
    origin: Origin
    cold: bool
    _costs: dict[Step, dict[str, list[Cost]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(list))
    )
    _stored: dict[tuple[Step, str], int | None] = field(default_factory=dict)
    _notes: dict[Step, dict[str, None]] = field(default_factory=lambda: defaultdict(dict))

    def compete(self, entries: Sequence[Enter], rounds: int) -> tuple[Case, ...]:
        """Let all save a tree from nothing, then changed, then unchanged, so many times.

        A step without a letter is made all the same where a later one needs it, and not reported.
        Who comes first in a round comes last in the next one.
        """
        for number in range(rounds):
            turn = number % len(entries)
            order = (*entries[turn:], *entries[:turn])
            with self._entered(order, number) as contestants:
                for step in self._steps():
                    if step is Step.CHANGED:
                        change(self.tree, number)
                    for contestant in contestants:
                        self._run(contestant, step)
        return tuple(self._case(step, letter) for step, letter in self.letters.items())

    def _steps(self) -> tuple[Step, ...]:
        last = max(tuple(Step).index(step) for step in self.letters)
        steps = tuple(Step)[: last + 1]
        return tuple(each for each in steps if each is not Step.CHANGED or each in self.letters)

    @contextmanager
    def _entered(self, entries: Sequence[Enter], number: int) -> Iterator[tuple[Contestant, ...]]:
        label = f"{self.tree.name.replace(' ', '-')}-{number}"
        with ExitStack() as held:
            contestants = tuple(enter(self.rig, self.tree, label) for enter in entries)
            for contestant in contestants:
                contestant.begin()
                held.callback(contestant.end)
            yield contestants

    def _run(self, contestant: Contestant, step: Step) -> None:
        if not contestant.does(step):
            return
        try:
            contestant.prepare(step)
            self._note(step, settle(cold=self.cold))
            cost = contestant.save(step, self.rig.look)
        except CommandFailed as error:
            say(f"{self.tree.name}, {step.value}: {contestant.name}: {error}")
            self._note(step, f"{contestant.name} FAILED at least once: {error.brief()}")
            return
        say(f"{self.tree.name}, {step.value}: {contestant.name} {cost.seconds:.2f} s")
        self._costs[step][contestant.name].append(cost)
        self._stored[step, contestant.name] = contestant.stored()

    def _note(self, step: Step, text: str) -> None:
        self._notes[step][text] = None

    def _case(self, step: Step, letter: str) -> Case:
        entries = (
            Entry(contestant=name, costs=tuple(costs), stored=self._stored[step, name])
            for name, costs in self._costs[step].items()
        )
        return Case(
            letter=letter,
            tree=self.tree.name,
            step=step,
            line=self.rig.line,
            files=self.tree.files,
            bytes=self.tree.bytes,
            entries=tuple(entries),
            notes=tuple(self._notes[step]),
            origin=self.origin,
        )
