"""What is left when the server dies in the middle: restorable bytes over delivered ones."""

import filecmp
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.benchmarks.capture.contestants import Rsync, RsyncThenRestic, Step
from tests.benchmarks.capture.line import LineUnavailable
from tests.benchmarks.capture.measure import Command, CommandFailed, measure, run, say
from tests.benchmarks.capture.ours import Lapseguard
from tests.benchmarks.capture.rig import Rig, rig
from tests.benchmarks.capture.trees import Tree

_MOMENTS = (0.25, 0.50, 0.75)
_END_SECONDS = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class Salvage:
    """What a cut left.

    Attributes:
        contestant, tree: Names.
        moment: When the server was cut off, as a share of the undisturbed run.
        seconds: Likewise in seconds.
        delivered: Bytes of files that rsync had completed by then.
        at_once: Bytes that stock restic restores of what was in the store at that very moment.
        in_the_end: Likewise when the run had ended by itself.
    """

    contestant: str
    tree: str
    moment: float
    seconds: float
    delivered: int
    at_once: int
    in_the_end: int


def measure_salvage(
    scratch: Path, trees: list[Tree], line: int, settings: str, console: Console
) -> list[object]:
    """Cut the server off in the middle of runs of ours and of rsync + restic; also for JSON."""
    found: list[Salvage] = []
    for tree in trees:
        try:
            found += _over_slow_lines(scratch, tree, line, settings, console)
        except CommandFailed as error:
            console.print(f"salvage of {tree.name} could not be measured: {error}")
    table = Table(title="salvage: the server is cut off in the middle", title_justify="left")
    for heading in ("", "tree", "cut at", "delivered MB", "restorable then", "when it ended"):
        table.add_column(heading, justify="left" if heading in {"", "tree"} else "right")
    for each in found:
        moment = f"{each.moment:.0%} ({each.seconds:.1f} s)"
        shares = (_share(each.at_once, each.delivered), _share(each.in_the_end, each.delivered))
        delivered = f"{each.delivered / 1e6:.1f}"
        table.add_row(each.contestant, each.tree, moment, delivered, *shares)
    console.print(table)
    return [{name: getattr(each, name) for name in Salvage.__slots__} for each in found]


def _over_slow_lines(
    scratch: Path, tree: Tree, line: int, settings: str, console: Console
) -> list[Salvage]:
    try:
        with rig(scratch, line) as both:
            return _salvage(both, tree, settings)
    except LineUnavailable as error:
        console.print(f"salvage is measured on loopback, not over slow lines: {error}")
    with rig(scratch) as both:
        return _salvage(both, tree, settings)


def _salvage(rig: Rig, tree: Tree, settings: str) -> list[Salvage]:
    return [
        *_of_ours(rig, tree, settings),
        *_of_rival(rig, tree),
    ]


def _of_ours(rig: Rig, tree: Tree, settings: str) -> list[Salvage]:
    whole = Lapseguard(rig, tree, "whole", settings=settings)
    seconds = _undisturbed(whole)
    found = []
    for moment in _MOMENTS:
        ours = Lapseguard(rig, tree, f"cut-{moment}", settings=settings)
        ours.begin()
        command = ours.command(Step.FIRST)
        assert command is not None
        then: dict[str, bytes] = {}

        def look(ours: Lapseguard = ours, then: dict[str, bytes] = then) -> int:
            then.update(_snapshots(rig, ours.repository))
            return _regular_bytes(ours.staging)

        delivered = _cut(rig, command, seconds * moment, look)
        latest = _restorable(ours.restic, tree, _snapshots(rig, ours.repository))
        _put_back(rig, ours.repository, then)
        found.append(
            Salvage(
                contestant=ours.name,
                tree=tree.name,
                moment=moment,
                seconds=seconds * moment,
                delivered=delivered,
                at_once=_restorable(ours.restic, tree, then),
                in_the_end=latest,
            )
        )
        say(f"salvage of {tree.name}: {found[-1]}")
        ours.end()
    return found


def _of_rival(rig: Rig, tree: Tree) -> list[Salvage]:
    """Its second step begins only when rsync has succeeded, as `rsync && restic` does."""
    seconds = _undisturbed(Rsync(rig, tree, "whole"))
    found = []
    for moment in _MOMENTS:
        rival = RsyncThenRestic(rig, tree, f"cut-{moment}")
        rival.begin()
        command = rival.command(Step.FIRST)
        assert command is not None
        first = Command(argvs=command.argvs[:1])
        delivered = _cut(
            rig, first, seconds * moment, lambda rival=rival: _regular_bytes(rival.staging)
        )
        kept = _restorable(rival.env, tree, _snapshots(rig, rival.prefix))
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
    contestant.end()
    return seconds


def _cut(rig: Rig, command: Command, after: float, look: Callable[[], int]) -> int:
    """Start, cut the server off after so many seconds, look, and let the program end."""
    env = {**os.environ, **command.env}
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command.argvs[0], env=env, stdout=said, stderr=said)
        time.sleep(after)
        rig.host.stop()
        seen = look()
        try:
            process.wait(_END_SECONDS)
        finally:
            process.kill()
            rig.host.start()
    return seen


def _snapshots(rig: Rig, prefix: str) -> dict[str, bytes]:
    """The repository snapshots, by id."""
    client, folder = rig.store.client(), f"{prefix}/snapshots/"
    listing = client.list_objects_v2(Bucket=rig.bucket, Prefix=folder)
    return {
        each["Key"].removeprefix(folder): client.get_object(Bucket=rig.bucket, Key=each["Key"])[
            "Body"
        ].read()
        for each in listing.get("Contents", ())
    }


def _put_back(rig: Rig, prefix: str, snapshots: Mapping[str, bytes]) -> None:
    """A newer checkpoint has replaced what was there at that moment; its data is there still."""
    for name, content in snapshots.items():
        key = f"{prefix}/snapshots/{name}"
        rig.store.client().put_object(Bucket=rig.bucket, Key=key, Body=content)


def _restorable(env: dict[str, str], tree: Tree, snapshots: Mapping[str, bytes]) -> int:
    """Bytes of files that the newest of these gives back by stock restic, equal to the tree's."""
    if not snapshots:
        return 0
    argv = ("restic", "snapshots", "--json", *snapshots)
    listed = subprocess.run(argv, env={**os.environ, **env}, capture_output=True, check=True)
    newest = max(json.loads(listed.stdout), key=lambda each: each["time"])["id"]
    target = Path(tempfile.mkdtemp(prefix="restored-", dir=tree.path.parent))
    try:
        run(("restic", "restore", "-q", newest, "--target", str(target)), env)
        return sum(size for path, size in _equal_files(target, tree))
    except CommandFailed as error:
        say(f"restic restores nothing whole: {error}")
        return 0
    finally:
        shutil.rmtree(target)


def _equal_files(target: Path, tree: Tree) -> list[tuple[Path, int]]:
    root = target / tree.path.relative_to("/")
    found = []
    for folder, _, names in os.walk(root):
        for name in names:
            copy = Path(folder) / name
            original = tree.path / copy.relative_to(root)
            if not copy.is_symlink() and filecmp.cmp(copy, original, shallow=False):
                found.append((copy, copy.stat().st_size))
    return found


def _regular_bytes(folder: Path) -> int:
    """Of complete files; rsync's unfinished ones begin with a dot and end with six letters."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                path = os.path.join(place, name)  # noqa: PTH118 - it is called very often
                if not (name.startswith(".") and name[-7:-6] == "."):
                    total += os.lstat(path).st_size
    return total


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "no whole file yet"
