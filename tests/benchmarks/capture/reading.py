"""Getting it back, and proving it: restic's commands and ours, in turn, on the same repository."""

import shutil
from pathlib import Path

from tests.benchmarks.capture.contestants import Step
from tests.benchmarks.capture.measure import Command, Cost, measure, run, say, settle
from tests.benchmarks.capture.ours import SERVER, Lapseguard
from tests.benchmarks.capture.record import Origin, Reading
from tests.benchmarks.capture.rig import Rig, rig
from tests.benchmarks.capture.trees import Tree


def measure_reading(
    scratch: Path, trees: list[Tree], rounds: int, origin: Origin, *, cold: bool
) -> tuple[Reading, ...]:
    """Restore and check each tree from the S3 server, so many times. Raises CommandFailed.

    Our restore hashes what it writes and sees it safe on the disk, which restic's does not.
    """
    found: list[Reading] = []
    for tree in trees:
        with rig(scratch) as both:
            ours = Lapseguard(both, tree, "reading")
            ours.begin()
            for argv in ours.command(Step.FIRST).argvs:
                run(argv)
            for verb in ("restore", "check"):
                taken = [_round(both, ours, verb, at, cold=cold) for at in range(rounds)]
                theirs, mine = zip(*taken, strict=True)
                what = f"{tree.name}, {tree.files:,} files, {tree.bytes / 1e6:,.0f} MB"
                found.append(Reading(what=what, verb=verb, theirs=theirs, ours=mine, origin=origin))
    return tuple(found)


def _round(rig: Rig, ours: Lapseguard, verb: str, number: int, *, cold: bool) -> tuple[Cost, Cost]:
    """Restic's and ours; who comes first changes."""
    commands = {"restic": _theirs, "lapseguard": _ours}
    order = sorted(commands, reverse=bool(number % 2))
    costs = {}
    for who in order:
        target = rig.scratch / "restored"
        settle(cold=cold)
        costs[who] = measure(commands[who](ours, verb, target), rig.look)
        say(f"{verb}: {who} {costs[who].seconds:.2f} s")
        shutil.rmtree(target, ignore_errors=True)
    return costs["restic"], costs["lapseguard"]


def _theirs(ours: Lapseguard, verb: str, target: Path) -> Command:
    words = {
        "restore": ("restore", "latest", "--target", str(target)),
        "check": ("check", "--read-data"),
    }
    return Command(argvs=(("restic", "-q", *words[verb]),), env=ours.restic)


def _ours(ours: Lapseguard, verb: str, target: Path) -> Command:
    words = {
        "restore": ("restore", SERVER, "--target", str(target)),
        "check": ("verify", SERVER, "--depth", "hashed"),
    }
    return Command(argvs=((*ours.call(), *words[verb], "-q"),))
