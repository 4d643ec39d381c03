"""The same backup of less and of more: what it takes and how much memory, by size."""

import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from tests.benchmarks.capture.contestants import Step
from tests.benchmarks.capture.machine import describe_machine
from tests.benchmarks.capture.measure import CommandFailed, Cost, say, settle
from tests.benchmarks.capture.memory import Watch
from tests.benchmarks.capture.ours import Lapseguard
from tests.benchmarks.capture.record import Origin, Peak, Report, Size
from tests.benchmarks.capture.rig import Rig, rig
from tests.benchmarks.capture.trees import Tree, make_large, make_small

#: For memory, how many times the usual size; for growth something smaller as well.
MEMORY_TIMES = (1.0, 4.0)
GROWTH_TIMES = (0.25, 1.0, 4.0)
#: The name of a tree that holds a single file.
NOTHING = "one file"

_TREES: dict[str, Callable[[Path, float], Tree]] = {"small": make_small, "large": make_large}


def measure_sizes(
    scratch: Path, share: float, trees: str, times: Iterable[float], origin: Origin
) -> Iterator[Report]:
    """Save ever larger trees, each in a rig of its own; a report of each kind of tree."""
    yield _report(_save(scratch, _almost_nothing(scratch / "nothing"), 0.0, origin))
    for name, make in _TREES.items():
        if trees in {name, "both"}:
            found: list[Size | str] = []
            for each in times:
                tree = make(scratch / f"{name}-{each}", share * each)
                found += _save(scratch, tree, each, origin)
                shutil.rmtree(tree.path)
            yield _report(found)


def _report(found: Iterable[Size | str]) -> Report:
    """Sizes, and complaints as notes."""
    parts = tuple(found)
    return Report(
        machine=describe_machine(),
        sizes=tuple(each for each in parts if isinstance(each, Size)),
        notes=tuple(each for each in parts if isinstance(each, str)),
    )


def _save(scratch: Path, tree: Tree, times: float, origin: Origin) -> Iterator[Size | str]:
    """A first backup, and another one after nothing has changed; or why there is none."""
    with rig(scratch) as both:
        ours = Lapseguard(both, tree, "sizes")
        ours.begin()
        for step in (Step.FIRST, Step.UNCHANGED):
            settle(cold=False)
            try:
                cost, peak = _watched(both, ours, step)
            except CommandFailed as error:
                yield f"{times:g} times {tree.name}, {step.value}: FAILED: {error.brief()}"
                return
            yield _told(
                Size(
                    tree=tree.name,
                    step=step,
                    times=times,
                    files=tree.files,
                    bytes=tree.bytes,
                    cost=cost,
                    peak=peak,
                    origin=origin,
                )
            )


def _watched(rig: Rig, ours: Lapseguard, step: Step) -> tuple[Cost, Peak]:
    with Watch(rig) as watch:
        cost = ours.save(step, rig.look)
    return cost, watch.peak


def _told(size: Size) -> Size:
    say(
        f"{size.files:,} files, {size.bytes / 1e6:,.0f} MB, {size.step.value}: "
        f"{size.cost.seconds:.2f} s, {size.cost.processor:.2f} CPU s, "
        f"{size.peak.everything / 1e6:.0f} MB of memory"
    )
    return size


def _almost_nothing(folder: Path) -> Tree:
    folder.mkdir()
    (folder / "file").write_text("Hello\n")
    return Tree(name=NOTHING, path=folder, files=1, bytes=6)
