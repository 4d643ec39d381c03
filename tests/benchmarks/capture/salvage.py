"""What is left when the server dies in the middle: restorable bytes over delivered ones.

Both ends are behind lines so slow that a run takes about `_SECONDS`, whatever the size of the tree.
The bound of ours is what rsync had delivered one checkpoint interval before the cut: nothing can
be in a checkpoint that came after the last one that was due.
"""

import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from math import ceil
from pathlib import Path

from backends.rsync.scratch import WITHIN
from tests.benchmarks.capture.contestants import Contestant, RsyncThenRestic, Step
from tests.benchmarks.capture.measure import Command, measure, say
from tests.benchmarks.capture.ours import Lapseguard
from tests.benchmarks.capture.record import Delivered, Origin, Remains, Salvage
from tests.benchmarks.capture.remains import find_remains, put_back, read_snapshots
from tests.benchmarks.capture.rig import Rig, rig
from tests.benchmarks.capture.trees import Tree

#: Seconds that a run is to take, which the lines are made for.
_SECONDS = 50
#: Seconds between two checkpoints; as short against such a run as a minute is against a usual one.
EVERY = 6
_SETTINGS = f'[capture]\ncheckpoint_every = "{EVERY}s"'
_END_SECONDS = 600


def measure_salvage(
    scratch: Path, tree: Tree, moments: tuple[float, ...], origin: Origin
) -> Iterator[Salvage]:
    """Cut the server off in the middle of runs of ours and of rsync + restic.

    Raises:
        LineUnavailable: the system does not let us make slow lines.
        CommandFailed: a run did not come through.
    """
    megabits = max(1, ceil(tree.bytes * 8 / 1e6 / _SECONDS))
    with rig(scratch, megabits) as both:
        seconds = _undisturbed(Lapseguard(both, tree, "whole", settings=_SETTINGS))
        for moment in moments:
            yield _of_ours(both, tree, moment, seconds, origin)
        yield from _of_rival(both, tree, moments, seconds, origin)


def _of_ours(rig: Rig, tree: Tree, moment: float, seconds: float, origin: Origin) -> Salvage:
    ours = Lapseguard(rig, tree, f"cut-{moment}", settings=_SETTINGS)
    ours.begin()
    then: dict[str, bytes] = {}
    delivered = _cut(
        *(rig, ours.command(Step.FIRST), seconds * moment, ours.staging),
        look=lambda: then.update(read_snapshots(rig, ours.repository)),
    )
    ended = read_snapshots(rig, ours.repository)
    in_the_end = find_remains(ours.restic, tree, ended)
    put_back(rig, ours.repository, then)
    at_once = in_the_end if then == ended else find_remains(ours.restic, tree, then)
    ours.end()
    found = _uncut(ours, tree, moment, seconds, origin)
    return _told(replace(found, delivered=delivered, at_once=at_once, in_the_end=in_the_end))


def _of_rival(
    rig: Rig, tree: Tree, moments: tuple[float, ...], seconds: float, origin: Origin
) -> list[Salvage]:
    """One run of its first step, looked at at each moment: the second begins when all is there."""
    rival = RsyncThenRestic(rig, tree, "cut")
    rival.begin()
    seen: list[tuple[Delivered, dict[str, bytes]]] = []

    def look() -> None:
        seen.append((_delivered(rival.staging, time.time()), read_snapshots(rig, rival.prefix)))

    first = Command(argvs=rival.command(Step.FIRST).argvs[:1])
    *early, last = sorted(moments)
    _cut(
        *(rig, first, seconds * last, rival.staging),
        look=look,
        looks=tuple(seconds * each for each in early),
    )
    found = []
    for moment, (delivered, snapshots) in zip(sorted(moments), seen, strict=True):
        kept = find_remains(rival.env, tree, snapshots)
        row = _uncut(rival, tree, moment, seconds, origin)
        found.append(_told(replace(row, delivered=delivered, at_once=kept, in_the_end=kept)))
    rival.end()
    return found


def _uncut(
    contestant: Contestant, tree: Tree, moment: float, seconds: float, origin: Origin
) -> Salvage:
    """Of a contestant of whom nothing is known yet."""
    return Salvage(
        contestant=contestant.name,
        tree=tree.name,
        files=tree.files,
        bytes=tree.bytes,
        moment=moment,
        seconds=seconds * moment,
        every=EVERY,
        delivered=Delivered(then=0, before=0, begun=0),
        at_once=Remains(),
        in_the_end=Remains(),
        origin=origin,
    )


def _told(salvage: Salvage) -> Salvage:
    say(
        f"salvage of {salvage.tree} at {salvage.moment:.0%}: {salvage.contestant}, "
        f"{salvage.at_once.whole / 1e6:.1f} of {salvage.delivered.then / 1e6:.1f} MB"
    )
    return salvage


def _undisturbed(ours: Lapseguard) -> float:
    ours.begin()
    seconds = measure(ours.command(Step.FIRST)).seconds
    say(f"salvage: {ours.name} takes {seconds:.1f} s undisturbed")
    ours.end()
    return seconds


def _cut(
    rig: Rig,
    command: Command,
    after: float,
    staging: Path,
    *,
    look: Callable[[], None],
    looks: tuple[float, ...] = (),
) -> Delivered:
    """Start, cut the server off after so many seconds, look, and let the program end.

    `looks` are seconds at which is looked besides.
    """
    env = {**os.environ, **command.env}
    with tempfile.TemporaryFile() as said:
        begun = time.monotonic()
        process = subprocess.Popen(command.argvs[0], env=env, stdout=said, stderr=said)
        for each in looks:
            time.sleep(max(0.0, begun + each - time.monotonic()))
            look()
        time.sleep(max(0.0, begun + after - time.monotonic()))
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
