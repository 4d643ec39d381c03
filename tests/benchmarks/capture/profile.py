"""Where our processor time goes: by step and program, and by line of ours."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from tests.benchmarks.capture.contestants import Step
from tests.benchmarks.capture.measure import CommandFailed, run, say, settle
from tests.benchmarks.capture.ours import SERVER, Lapseguard
from tests.benchmarks.capture.rig import Rig
from tests.benchmarks.capture.trees import Tree, change

_SAMPLE_SECONDS = 0.05
_US, _RSYNC, _SSH, _FAR, _STORE = "lapseguard", "rsync", "ssh", "server (sshd, rsync)", "S3 server"
_COLUMNS = (_US, _RSYNC, _SSH, _FAR, _STORE)
_LINES = 40


@dataclass(slots=True)
class Watch:
    """Processor seconds by program, read again and again.

    Each process counts with what it was last seen to have used; a short-lived one loses the end.
    """

    rig: Rig
    ours: psutil.Process
    used: dict[tuple[str, int], float] = field(default_factory=dict)

    def look(self) -> None:
        """Read all of them once."""
        groups = [(_US, self.ours), (_FAR, self.rig.host.pid), (_STORE, self.rig.store.pid)]
        for column, root in groups:
            with contextlib.suppress(psutil.Error):
                process = psutil.Process(root) if isinstance(root, int) else root
                for each in (process, *process.children(recursive=True)):
                    self._add(column, each)

    def totals(self) -> Counter[str]:
        """Seconds by column."""
        found: Counter[str] = Counter()
        for (column, _), seconds in self.used.items():
            found[column] += seconds
        return found

    def _add(self, column: str, process: psutil.Process) -> None:
        with contextlib.suppress(psutil.Error):
            times = process.cpu_times()
            name = process.name()
            mine = name if column == _US and name in {_RSYNC, _SSH} else column
            # A child's first moments are those of a copy of its parent, under that one's name.
            self.used.pop((column, process.pid), None)
            self.used[mine, process.pid] = times.user + times.system


@dataclass(frozen=True, slots=True, kw_only=True)
class Lap:
    """What was used between two events.

    Attributes:
        name: The event that it began with.
        seconds: On the wall.
        used: Processor seconds by program.
    """

    name: str
    seconds: float
    used: Counter[str]


def profile(rig: Rig, tree: Tree, console: Console, *, cold: bool, keep: Path) -> None:
    """Each step with its laps, and once more under py-spy; raw stacks stay in the folder `keep`."""
    name = tree.name.replace(" ", "-")
    for wrapped in (False, True):
        ours = Lapseguard(rig, tree, f"profile-{name}-{wrapped}")
        ours.begin()
        for step in Step:
            if step is Step.CHANGED:
                change(tree, 99)
            settle(cold=cold)
            say(f"profile of {tree.name}, {step.value}{', by lines' if wrapped else ''}")
            if wrapped:
                stacks = keep / f"{name}-{step.name.lower()}.raw"
                _print_lines(ours, stacks, f"{tree.name}, {step.value}", console)
            else:
                console.print(_laps_table(f"{tree.name}, {step.value}", _laps(rig, ours)))
        ours.end()


def _laps(rig: Rig, ours: Lapseguard) -> list[Lap]:
    """Run once, and cut the time at each event of the log."""
    argv = (*ours.call(), "--log-json", "backup-now", SERVER)
    laps: list[Lap] = []
    with subprocess.Popen(
        argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        watch = Watch(rig=rig, ours=psutil.Process(process.pid))
        watch.look()
        with _watching(watch):
            name, since, before = "start", time.monotonic(), watch.totals()
            for event in _events(process):
                now, used = time.monotonic(), watch.totals()
                laps.append(Lap(name=name, seconds=now - since, used=used - before))
                name, since, before = event, now, used
            process.wait()
        used = watch.totals()
        laps.append(Lap(name=name, seconds=time.monotonic() - since, used=used - before))
    return _joined(laps)


def _events(process: "subprocess.Popen[str]") -> Iterator[str]:
    """Names of the log's events, as they come; what is no event is shown."""
    assert process.stderr is not None
    for line in process.stderr:
        try:
            said = json.loads(line)
        except ValueError:
            sys.stderr.write(line)
        else:
            event = said.get("event", "")
            yield f"capture: {said['phase']}" if event == "capture.progressed" else event


@contextmanager
def _watching(watch: Watch) -> Iterator[None]:
    done = threading.Event()

    def look() -> None:
        while not done.wait(_SAMPLE_SECONDS):
            watch.look()

    looking = threading.Thread(target=look, daemon=True)
    looking.start()
    try:
        yield
    finally:
        done.set()
        looking.join()


def _joined(laps: list[Lap]) -> list[Lap]:
    """Laps of one name as one."""
    seconds: Counter[str] = Counter()
    used: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for lap in laps:
        seconds[lap.name] += lap.seconds  # type: ignore[assignment]
        used[lap.name] += lap.used
    return [Lap(name=name, seconds=seconds[name], used=used[name]) for name in used]


def _laps_table(title: str, laps: list[Lap]) -> Table:
    table = Table(title=f"processor seconds by step: {title}", title_justify="left")
    table.add_column("since")
    for heading in ("wall s", *_COLUMNS):
        table.add_column(heading, justify="right")
    total: Counter[str] = Counter()
    for lap in laps:
        total += lap.used
        table.add_row(
            lap.name, f"{lap.seconds:.2f}", *(f"{lap.used[column]:.2f}" for column in _COLUMNS)
        )
    wall = sum(lap.seconds for lap in laps)
    table.add_row("all", f"{wall:.2f}", *(f"{total[column]:.2f}" for column in _COLUMNS))
    return table


def _print_lines(ours: Lapseguard, stacks: Path, title: str, console: Console) -> None:
    spy = Path(sys.executable).parent / "py-spy"
    if not spy.exists() and shutil.which("py-spy") is None:
        console.print("no profile by lines: py-spy is not installed")
        return
    options = ("record", "--rate", "200", "--format", "raw", "--threads", "--subprocesses")
    program = str(spy if spy.exists() else "py-spy")
    argv = (*ours.call(), "backup-now", SERVER, "-q")
    with tempfile.TemporaryDirectory() as folder:
        found = Path(folder) / "stacks"
        python = (program, *options, "-o", str(found), "--", sys.executable, *argv)
        run(python, os.environ)
        # py-spy ends with 0 whatever became of its child.
        if ours.newest_state() != "verified":
            raise CommandFailed(f"the profiled run of {title} was not verified")
        stacks.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(found, stacks)
    console.print(_lines_table(title, stacks))


def _lines_table(title: str, stacks: Path) -> Table:
    """The functions that were running most often, and those that were under way with callees."""
    inside: Counter[str] = Counter()
    below: Counter[str] = Counter()
    total = 0
    for line in stacks.read_text().splitlines():
        stack, _, count = line.rpartition(" ")
        frames = [_place(frame) for frame in stack.split(";")]
        total += int(count)
        inside[frames[-1]] += int(count)
        for frame in set(frames):
            below[frame] += int(count)
    table = Table(title=f"where our own time goes: {title} ({stacks})", title_justify="left")
    for heading in ("itself %", "with callees %", "function"):
        table.add_column(heading, justify="left" if heading == "function" else "right")
    for place, count in inside.most_common(_LINES):
        shares = (f"{100 * each / total:.1f}" for each in (count, below[place]))
        table.add_row(*shares, place)
    return table


def _place(frame: str) -> str:
    """A frame without its line number."""
    return frame.rpartition(":")[0] + ")" if ":" in frame and frame.endswith(")") else frame
