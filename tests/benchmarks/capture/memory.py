"""Peak memory of all processes together: ours, and those of the programs that we start."""

import contextlib
import shutil
import threading
from dataclasses import dataclass
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from tests.benchmarks.capture.contestants import Contestant, RsyncThenRestic, Step
from tests.benchmarks.capture.measure import MIB, Command, CommandFailed, measure, say, settle
from tests.benchmarks.capture.ours import Lapseguard
from tests.benchmarks.capture.rig import Rig, rig
from tests.benchmarks.capture.trees import Tree, make_large, make_small

_SAMPLE_SECONDS = 0.1
_SHARES = (1.0, 4.0)
#: Programs that we start and do not write ourselves.
_THEIRS = frozenset({"rsync", "ssh"})


@dataclass(slots=True)
class Peak:
    """The most seen at one moment, in bytes.

    Attributes:
        everything: All processes.
        own: Python's.
        theirs: Of rsync and ssh.
    """

    everything: int = 0
    own: int = 0
    theirs: int = 0

    def take(self, own: int, theirs: int) -> None:
        """One reading."""
        self.everything = max(self.everything, own + theirs)
        self.own, self.theirs = max(self.own, own), max(self.theirs, theirs)


class Watch(threading.Thread):
    """Reads the proportional size of all descendants of this process but those of the rig.

    What several processes share is divided among them, so that the sum counts it once.
    """

    def __init__(self, rig: Rig) -> None:
        super().__init__(daemon=True)
        self.peak = Peak()
        self._far, self._done = set(rig.far), threading.Event()
        self._standing = {each.pid for each in psutil.Process().children(recursive=True)}

    def run(self) -> None:
        """Until `end`."""
        while not self._done.wait(_SAMPLE_SECONDS):
            own = theirs = 0
            for process in self._descendants():
                with contextlib.suppress(psutil.Error, OSError):
                    size = _proportional(process.pid)
                    if process.name() in _THEIRS:
                        theirs += size
                    else:
                        own += size
            self.peak.take(own, theirs)

    def end(self) -> Peak:
        """Stop reading; the peak."""
        self._done.set()
        self.join()
        return self.peak

    def _descendants(self) -> list[psutil.Process]:
        children = psutil.Process().children()
        found = [each for each in children if each.pid not in self._standing | self._far]
        for child in tuple(found):
            with contextlib.suppress(psutil.Error):
                found.extend(child.children(recursive=True))
        return found


def measure_memory(scratch: Path, share: float, trees: str, console: Console) -> list[object]:
    """Ours and rsync + restic at 1 and at 4 times the data; as a table, and for JSON."""
    table = Table(title="peak memory of all processes, MiB", title_justify="left")
    table.add_column("")
    for heading in ("files", "MB", "", "all", "own", "rsync, ssh", "step"):
        table.add_column(heading, justify="right")
    found: list[object] = []
    for name, make in (("small", make_small), ("large", make_large)):
        if trees not in {name, "both"}:
            continue
        for times in _SHARES:
            tree = make(scratch / f"{name}-{times}", share * times)
            for row in _rows(scratch, tree, f"{name}-{times}"):
                table.add_row(
                    f"{name} {times:.0f}x", f"{tree.files:,}", f"{tree.bytes / 1e6:.0f}", *row
                )
                found.append([name, times, tree.files, tree.bytes, *row])
            shutil.rmtree(tree.path)
    console.print(table)
    return found


def _rows(scratch: Path, tree: Tree, label: str) -> list[tuple[str, ...]]:
    rows = []
    with rig(scratch) as both:
        for enter in (RsyncThenRestic, Lapseguard):
            contestant: Contestant = enter(both, tree, label)
            contestant.begin()
            for step in (Step.FIRST, Step.UNCHANGED):
                command = contestant.command(step)
                assert command is not None
                settle(cold=False)
                sizes = _sizes(both, command)
                say(f"{label}, {step.value}: {contestant.name} {sizes[0]} MiB")
                rows.append((contestant.name, *sizes, step.value))
            contestant.end()
    return rows


def _sizes(rig: Rig, command: Command) -> tuple[str, str, str]:
    try:
        peak = _peak(rig, command)
    except CommandFailed as error:
        say(str(error))
        return ("FAILED", "", "")
    return (
        f"{peak.everything / MIB:.0f}",
        f"{peak.own / MIB:.0f}",
        f"{peak.theirs / MIB:.0f}",
    )


def _peak(rig: Rig, command: Command) -> Peak:
    watch = Watch(rig)
    watch.start()
    try:
        measure(command)
    finally:
        peak = watch.end()
    return peak


def _proportional(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0
