"""Where the processor time goes: by program for us and the rival, by step and function of ours."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from tests.benchmarks.capture import memory
from tests.benchmarks.capture.contestants import Contestant, RsyncThenRestic, Step
from tests.benchmarks.capture.measure import CommandFailed, run, say, settle
from tests.benchmarks.capture.ours import SERVER, Lapseguard
from tests.benchmarks.capture.processes import Looking, below, processes
from tests.benchmarks.capture.record import Lap, Origin, Peak, Profile, Side, Spot
from tests.benchmarks.capture.rig import Rig
from tests.benchmarks.capture.trees import Tree, change
from tests.parts.object_servers import find_program

_SAMPLE_SECONDS = 0.05
#: The contestant's own program; those that it starts; the far side's; what no look has seen.
OWN, RSYNC, SSH = "own", "rsync", "ssh"
SSHD, AFAR, STORE, UNSEEN = "sshd", "rsync and all else at the server", "S3 server", "not seen"
PROGRAMS = (OWN, RSYNC, SSH, SSHD, AFAR, STORE, UNSEEN)
_SPOTS = 10
#: A thread on its way to sleep is no work.
_WAITS = ("Condition.wait (", "Thread._wait_for_tstate_lock (", "_worker (concurrent/futures/")


class Watch(Looking):
    """Processor seconds by program, read again and again while it is entered.

    Each process counts with what it was last seen to have used; the ends that are missed are put
    together from what the system knows of all.
    """

    def __init__(self, rig: Rig) -> None:
        super().__init__(_SAMPLE_SECONDS)
        self._rig = rig
        self._roots: list[int] = []
        self._used: dict[int, tuple[str, float]] = {}
        self._before = {each.pid: each.processor for each in processes().values()}

    def meet(self, pid: int) -> None:
        """A process of the contestant."""
        self._roots.append(pid)

    def totals(self) -> Counter[str]:
        """Seconds by program."""
        found: Counter[str] = Counter()
        for name, seconds in tuple(self._used.values()):
            found[name] += seconds  # type: ignore[assignment] # counts need not be whole
        return found

    def look(self) -> None:
        """Read all of them once."""
        there = processes()
        for process in below(there, self._roots):
            name = process.name if process.name in {RSYNC, SSH} else OWN
            self._used[process.pid] = (name, process.processor)
        store = self._rig.store.pid
        for process in below(there, self._rig.far):
            name = SSHD if process.name.startswith("sshd") else AFAR
            used = process.processor - self._before.get(process.pid, 0.0)
            self._used[process.pid] = (STORE if process.pid == store else name, used)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What is profiled side by side, in one rig.

    Attributes:
        rig, tree: Where, and what.
        rival: Rsync and restic.
        ours: Watched by program.
        spied: Ours once more, below py-spy.
    """

    rig: Rig
    tree: Tree
    rival: RsyncThenRestic
    ours: Lapseguard
    spied: Lapseguard


def measure_profiles(
    rig: Rig, tree: Tree, origin: Origin, *, cold: bool, keep: Path | None
) -> Iterator[Profile]:
    """Each step of ours and of the rival, watched; and ours once more under py-spy.

    Raw stacks, as flame graph programs read them, stay in the folder `keep`, if there is one.
    """
    label = tree.name.replace(" ", "-")
    bench = Bench(
        rig=rig,
        tree=tree,
        rival=RsyncThenRestic(rig, tree, f"profile-{label}"),
        ours=Lapseguard(rig, tree, f"profile-{label}"),
        spied=Lapseguard(rig, tree, f"spied-{label}"),
    )
    for each in (bench.rival, bench.ours, bench.spied):
        each.begin()
    for step in Step:
        if step is Step.CHANGED:
            change(tree, 99)
        say(f"profile of {tree.name}, {step.value}")
        stacks = keep and keep / f"{label}-{step.name.lower()}.raw"
        yield _profile(bench, step, origin, cold=cold, stacks=stacks)


def _profile(
    bench: Bench, step: Step, origin: Origin, *, cold: bool, stacks: Path | None
) -> Profile:
    settle(cold=cold)
    theirs = _side(bench.rig, bench.rival, step)
    settle(cold=cold)
    mine, laps = _side_and_laps(bench.rig, bench.ours)
    settle(cold=cold)
    return Profile(
        tree=bench.tree.name,
        step=step,
        sides=(theirs, mine),
        laps=laps,
        spots=_spots(bench.spied, stacks),
        origin=origin,
    )


def _side(rig: Rig, contestant: Contestant, step: Step) -> Side:
    with memory.Watch(rig) as room, Watch(rig) as watch:
        cost = contestant.save(step, rig.look, watch.meet)
    return _told(contestant, cost.seconds, cost.all_processor, watch, room.peak)


def _side_and_laps(rig: Rig, ours: Lapseguard) -> tuple[Side, tuple[Lap, ...]]:
    """Run once, and cut the time at each event of the log."""
    argv = (*ours.call(), "--log-json", "backup-now", SERVER)
    laps: list[Lap] = []
    before, begun = rig.look(), time.monotonic()
    with (
        memory.Watch(rig) as room,
        Watch(rig) as watch,
        subprocess.Popen(
            argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        ) as process,
    ):
        watch.meet(process.pid)
        name, since, used = "start", begun, watch.totals()
        for event in chain(_events(process), ("",)):
            now, by_now = time.monotonic(), watch.totals()
            laps.append(_lap(name, now - since, by_now - used))
            name, since, used = event, now, by_now
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds, far = time.monotonic() - begun, rig.look().since(before)
    if process.returncode:
        raise CommandFailed(f"the watched run ended with {process.returncode}")
    spent = usage.ru_utime + usage.ru_stime + far.server + far.store
    return _told(ours, seconds, spent, watch, room.peak), _joined(laps)


def _told(contestant: Contestant, seconds: float, spent: float, watch: Watch, peak: Peak) -> Side:
    seen = watch.totals()
    seen[UNSEEN] = max(0.0, spent - seen.total())  # type: ignore[assignment] # as above
    programs = tuple((name, float(seen[name])) for name in PROGRAMS)
    return Side(contestant=contestant.name, seconds=seconds, programs=programs, peak=peak)


def _lap(name: str, seconds: float, used: Counter[str]) -> Lap:
    own = float(used[OWN])
    return Lap(name=name, seconds=seconds, ours=own, others=float(used.total()) - own)


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


def _joined(laps: list[Lap]) -> tuple[Lap, ...]:
    """Laps of one name as one."""
    found: dict[str, Lap] = {}
    for lap in laps:
        before = found.get(lap.name, Lap(name=lap.name, seconds=0.0, ours=0.0, others=0.0))
        found[lap.name] = Lap(
            name=lap.name,
            seconds=before.seconds + lap.seconds,
            ours=before.ours + lap.ours,
            others=before.others + lap.others,
        )
    return tuple(found.values())


def _spots(ours: Lapseguard, keep: Path | None) -> tuple[Spot, ...]:
    """Run once below py-spy; nothing where that is not installed."""
    spy = find_program("py-spy")
    if spy is None:
        say("no profile by functions: py-spy is not installed")
        return ()
    options = ("record", "--rate", "200", "--format", "raw", "--threads", "--subprocesses")
    argv = (sys.executable, *ours.call(), "backup-now", SERVER, "-q")
    with tempfile.TemporaryDirectory() as folder:
        stacks = Path(folder) / "stacks"
        run((spy, *options, "-o", str(stacks), "--", *argv))
        # py-spy ends with 0 whatever became of its child.
        if ours.newest_state() != "verified":
            raise CommandFailed("the run below py-spy was not verified")
        if keep is not None:
            keep.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(stacks, keep)
        return hottest(stacks.read_text())


def hottest(stacks: str) -> tuple[Spot, ...]:
    """The functions that were at work most often, of stacks in lines `frame;frame;… count`.

    Samples of threads that were about to wait count for nothing.
    """
    inside: Counter[str] = Counter()
    below_it: Counter[str] = Counter()
    for line in stacks.splitlines():
        stack, _, count = line.rpartition(" ")
        frames = [_place(frame) for frame in stack.split(";")]
        if frames[-1].startswith(_WAITS):
            continue
        inside[frames[-1]] += int(count)
        for frame in set(frames):
            below_it[frame] += int(count)
    total = inside.total()
    return tuple(
        Spot(place=place, itself=count / total, below=below_it[place] / total)
        for place, count in inside.most_common(_SPOTS)
    )


def _place(frame: str) -> str:
    """A frame without its line number, and without where the program lies on this machine."""
    name, _, where = frame.rpartition(" (")
    file = where.removesuffix(")").rpartition(":")[0] or where.removesuffix(")")
    for root in ("site-packages/", f"{Path.cwd()}/", f"{sys.base_prefix}/"):
        file = file.rpartition(root)[2]
    return f"{name} ({file})"
