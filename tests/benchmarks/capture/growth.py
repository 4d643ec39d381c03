"""What a file and what a byte costs, against how many there are: growth must show as a rise."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from tests.benchmarks.capture.contestants import Step
from tests.benchmarks.capture.measure import CommandFailed, Cost, measure, say, settle
from tests.benchmarks.capture.ours import Lapseguard
from tests.benchmarks.capture.rig import rig
from tests.benchmarks.capture.trees import Tree, make_large, make_small

_SHARES = (0.125, 0.25, 0.5, 1.0, 2.0)
_WIDTH = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One size.

    Attributes:
        amount: Files or bytes.
        wall: Of one of them, in seconds.
        processor: Likewise, of everything that runs on our side.
    """

    amount: int
    wall: float
    processor: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """What is counted.

    Attributes:
        title: Of the plot.
        scale: From seconds to what is shown.
    """

    title: str
    scale: float


_FILE = Unit(title="of a file (µs) by number of files", scale=1e6)
_BYTE = Unit(title="of a byte (ns) by number of bytes", scale=1e9)


def measure_growth(scratch: Path, share: float, trees: str, console: Console) -> list[object]:
    """Save more and more, and plot what each file or byte took; also for JSON.

    What a run takes that saves a single file is taken off, or else it would be divided by ever
    more and hide a rise.
    """
    base = _save(scratch, _almost_nothing(scratch / "growth-base"))
    console.print(f"a run with a single file: {base.seconds:.2f} s, {base.processor:.2f} CPU s")
    found: list[object] = [["base", base.seconds, base.processor]]
    for name, make in (("small", make_small), ("large", make_large)):
        if trees not in {name, "both"}:
            continue
        points = []
        for times in _SHARES:
            tree = make(scratch / f"growth-{name}-{times}", share * times)
            try:
                cost = _save(scratch, tree)
            except CommandFailed as error:
                console.print(f"{tree.files:,} files, {tree.bytes:,} bytes: FAILED: {error}")
                continue
            finally:
                shutil.rmtree(tree.path)
            points.append(_point(tree.files if name == "small" else tree.bytes, cost, base))
            found.append([name, times, tree.files, tree.bytes, cost.seconds, cost.processor])
        _plot(console, points, _FILE if name == "small" else _BYTE)
    return found


def _save(scratch: Path, tree: Tree) -> Cost:
    """A first backup in a rig of its own."""
    with rig(scratch) as both:
        ours = Lapseguard(both, tree, "growth")
        ours.begin()
        command = ours.command(Step.FIRST)
        assert command is not None
        settle(cold=False)
        cost = measure(command)
    say(f"{tree.files:,} files, {tree.bytes / 1e6:.0f} MB: {cost.seconds:.2f} s")
    return cost


def _almost_nothing(folder: Path) -> Tree:
    folder.mkdir()
    (folder / "file").write_text("Hello\n")
    return Tree(name="a file", path=folder, files=1, bytes=6)


def _point(amount: int, cost: Cost, base: Cost) -> Point:
    return Point(
        amount=amount,
        wall=max(0.0, cost.seconds - base.seconds) / amount,
        processor=max(0.0, cost.processor - base.processor) / amount,
    )


def _plot(console: Console, points: list[Point], unit: Unit) -> None:
    """A bar a size: level bars mean that the cost grows as the data does, and no faster."""
    for title, costs in (
        ("wall time", [point.wall for point in points]),
        ("processor time", [point.processor for point in points]),
    ):
        console.print(f"\n{title} {unit.title}")
        most = max(costs, default=0.0) or 1.0
        for point, cost in zip(points, costs, strict=True):
            bar = "█" * round(_WIDTH * cost / most)
            console.print(f"{point.amount:>14,} {cost * unit.scale:>9.2f} {bar}")
