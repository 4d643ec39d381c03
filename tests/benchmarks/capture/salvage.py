"""What is left when the server dies in the middle: restorable bytes over delivered ones.

Both ends are behind lines so slow that a run takes about a minute, whatever the size of the tree.
The bound of ours is what rsync had delivered one checkpoint interval before the cut: nothing can
be in a checkpoint that came after the last one that was due.
"""

import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from math import ceil
from pathlib import Path

from rich.console import Console
from rich.table import Table

from backends.rsync.scratch import WITHIN
from tests.benchmarks.capture.contestants import Rsync, RsyncThenRestic, Step
from tests.benchmarks.capture.line import LineUnavailable
from tests.benchmarks.capture.measure import Command, CommandFailed, measure, say
from tests.benchmarks.capture.ours import Lapseguard
from tests.benchmarks.capture.remains import Remains, find_remains, put_back, read_snapshots
from tests.benchmarks.capture.rig import Rig, rig
from tests.benchmarks.capture.trees import Tree

#: Seconds that a run is to take, which the lines are made for.
_SECONDS = 60
#: Seconds between two checkpoints; a sixtieth of a usual run, as a minute is of an hour.
EVERY = 5
_END_SECONDS = 600


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
class Salvage:
    """What a cut left.

    Attributes:
        contestant, tree: Names.
        moment: When the server was cut off, as a share of the undisturbed run.
        seconds: Likewise in seconds.
        delivered: See `Delivered`.
        at_once: What stock restic restores of what was in the store at that very moment.
        in_the_end: Likewise when the run had ended by itself.
    """

    contestant: str
    tree: str
    moment: float
    seconds: float
    delivered: Delivered
    at_once: Remains
    in_the_end: Remains

    def row(self) -> tuple[str, ...]:
        """For the table."""
        then, before = self.delivered.then, self.delivered.before
        beginnings = (self.at_once.beginnings, self.in_the_end.beginnings)
        return (
            self.contestant,
            self.tree,
            f"{self.moment:.0%} ({self.seconds:.0f} s)",
            f"{then / 1e6:.1f}",
            _share(self.at_once.whole, then),
            _share(self.at_once.whole, before),
            _share(self.in_the_end.whole, then),
            f"{self.delivered.begun / 1e6:.0f}",
            " / ".join(f"{size / 1e6:.0f}" for size in beginnings),
        )


_HEADINGS = (
    "",
    "tree",
    "cut at",
    "delivered MB",
    "restorable then",
    f"of what was there {EVERY} s before",
    "when it ended",
    "begun, MB",
    "kept of it, then / in the end",
)


def measure_salvage(
    scratch: Path, trees: list[Tree], moments: tuple[float, ...], console: Console
) -> list[object]:
    """Cut the server off in the middle of runs of ours and of rsync + restic; also for JSON."""
    found: list[Salvage] = []
    for tree in trees:
        try:
            found += _over_slow_lines(scratch, tree, moments, console)
        except CommandFailed as error:
            console.print(f"salvage of {tree.name} could not be measured: {error}")
    title = f"salvage: the server is cut off; a checkpoint every {EVERY} s"
    table = Table(title=title, title_justify="left")
    for heading in _HEADINGS:
        table.add_column(heading, justify="left" if heading in {"", "tree"} else "right")
    for each in found:
        table.add_row(*each.row())
    console.print(table)
    return [each.row() for each in found]


def _over_slow_lines(
    scratch: Path, tree: Tree, moments: tuple[float, ...], console: Console
) -> list[Salvage]:
    megabits = max(1, ceil(tree.bytes * 8 / 1e6 / _SECONDS))
    try:
        with rig(scratch, megabits) as both:
            return [*_of_ours(both, tree, moments), *_of_rival(both, tree, moments)]
    except LineUnavailable as error:
        console.print(f"salvage is measured over slow lines only: {error}")
    return []


def _of_ours(rig: Rig, tree: Tree, moments: tuple[float, ...]) -> list[Salvage]:
    settings = f'[capture]\ncheckpoint_every = "{EVERY}s"'
    seconds = _undisturbed(Lapseguard(rig, tree, "whole", settings=settings))
    found = []
    for moment in moments:
        ours = Lapseguard(rig, tree, f"cut-{moment}", settings=settings)
        ours.begin()
        command = ours.command(Step.FIRST)
        assert command is not None
        then: dict[str, bytes] = {}

        def look(ours: Lapseguard = ours, then: dict[str, bytes] = then) -> None:
            then.update(read_snapshots(rig, ours.repository))

        delivered = _cut(rig, command, seconds * moment, look, ours.staging)
        in_the_end = find_remains(ours.restic, tree, read_snapshots(rig, ours.repository))
        put_back(rig, ours.repository, then)
        at_once = find_remains(ours.restic, tree, then)
        found.append(
            Salvage(
                contestant=ours.name,
                tree=tree.name,
                moment=moment,
                seconds=seconds * moment,
                delivered=delivered,
                at_once=at_once,
                in_the_end=in_the_end,
            )
        )
        say(f"salvage: {found[-1].row()}")
        ours.end()
    return found


def _of_rival(rig: Rig, tree: Tree, moments: tuple[float, ...]) -> list[Salvage]:
    """Its second step begins only when rsync has succeeded, as `rsync && restic` does."""
    seconds = _undisturbed(Rsync(rig, tree, "whole"))
    found = []
    for moment in moments:
        rival = RsyncThenRestic(rig, tree, f"cut-{moment}")
        rival.begin()
        command = rival.command(Step.FIRST)
        assert command is not None
        first = Command(argvs=command.argvs[:1])
        delivered = _cut(rig, first, seconds * moment, lambda: None, rival.staging)
        kept = find_remains(rival.env, tree, read_snapshots(rig, rival.prefix))
        found.append(
            Salvage(
                contestant=rival.name,
                tree=tree.name,
                moment=moment,
                seconds=seconds * moment,
                delivered=delivered,
                at_once=kept,
                in_the_end=kept,
            )
        )
        rival.end()
    return found


def _undisturbed(contestant: Lapseguard | Rsync) -> float:
    contestant.begin()
    command = contestant.command(Step.FIRST)
    assert command is not None
    seconds = measure(command).seconds
    say(f"salvage: {contestant.name} takes {seconds:.1f} s undisturbed")
    contestant.end()
    return seconds


def _cut(
    rig: Rig, command: Command, after: float, look: Callable[[], None], staging: Path
) -> Delivered:
    """Start, cut the server off after so many seconds, look, and let the program end."""
    env = {**os.environ, **command.env}
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command.argvs[0], env=env, stdout=said, stderr=said)
        time.sleep(after)
        at = time.time()
        rig.host.stop()
        look()
        try:
            delivered = _delivered(staging, at)
            process.wait(_END_SECONDS)
        finally:
            process.kill()
            rig.host.start()
    return delivered


def _delivered(staging: Path, at: float) -> Delivered:
    """By the change times of staged files, which their renaming into place has set."""
    then = before = begun = 0
    for path, stat in _regular_files(staging):
        if _is_unfinished(path):
            begun += stat.st_size
            continue
        then += stat.st_size
        before += stat.st_size if stat.st_ctime <= at - EVERY else 0
    beside = _regular_files(staging.with_name(f"{staging.name}~pull"))
    begun += sum(stat.st_size for _, stat in beside)
    return Delivered(then=then, before=before, begun=begun)


def _regular_files(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                path = Path(place) / name
                yield path, path.lstat()


def _is_unfinished(path: Path) -> bool:
    """Plain rsync writes `.name.XXXXXX` beside what is complete; ours has a folder for it."""
    if path.parent.name == WITHIN:
        return True
    return path.name.startswith(".") and path.name[-7:-6] == "."


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "no whole file yet"
