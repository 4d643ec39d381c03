"""Getting it back, and proving it: restic's commands and ours, in turn, on the same repository."""

import shutil
from pathlib import Path

from tests.benchmarks import bench_reader
from tests.benchmarks.capture.contestants import Step
from tests.benchmarks.capture.measure import (
    MIB,
    Command,
    CommandFailed,
    Cost,
    Far,
    measure,
    run,
    say,
    settle,
)
from tests.benchmarks.capture.ours import SERVER, Lapseguard
from tests.benchmarks.capture.record import Origin, Reading
from tests.benchmarks.capture.rig import Rig, rig
from tests.benchmarks.capture.trees import Tree

RESTORE, SYNCED, CHECK = "restore", "restore, then written out", "check"


def measure_reading(
    scratch: Path, tree: Tree, rounds: int, origin: Origin, *, cold: bool
) -> tuple[Reading, ...]:
    """Restore and check a tree from the S3 server by both commands, so many times.

    Our restore hashes what it writes and sees it safe on the disk, which restic's does not. So
    restic's is told once more with the writing out of its file system added.

    Raises:
        CommandFailed: one did not come through.
    """
    with rig(scratch) as both:
        ours = Lapseguard(both, tree, "reading")
        ours.begin()
        for argv in ours.command(Step.FIRST).argvs:
            run(argv)
        restores = [_restores(ours, both, number, cold=cold) for number in range(rounds)]
        checks = [_checks(ours, number, cold=cold) for number in range(rounds)]
    theirs, synced, mine = zip(*restores, strict=True)
    their_checks, my_checks = zip(*checks, strict=True)
    what = describe(tree)
    return (
        Reading(what=what, verb=RESTORE, theirs=theirs, ours=mine, origin=origin),
        Reading(what=what, verb=SYNCED, theirs=synced, ours=mine, origin=origin),
        Reading(what=what, verb=CHECK, theirs=their_checks, ours=my_checks, origin=origin),
    )


def measure_library(scratch: Path, tree: Tree, rounds: int, origin: Origin) -> tuple[Reading, ...]:
    """The same by our library alone, in processes of its own, from a repository in a folder.

    Neither side waits for the disk here.

    Raises:
        CommandFailed: one did not come through.
    """
    place = scratch / "repository"
    try:
        bench_reader.run(["restic", "-q", "-r", str(place), "init"])
        bench_reader.run(["restic", "-q", "-r", str(place), "--no-cache", "backup", str(tree.path)])
        costs = bench_reader.measure(place, scratch, rounds)
    except SystemExit as error:
        raise CommandFailed("the benchmark of the library broke off") from error
    finally:
        shutil.rmtree(place, ignore_errors=True)
    return tuple(
        Reading(
            what=f"{describe(tree)}, library",
            verb=verb,
            theirs=tuple(map(_cost, costs[f"{word} restic"])),
            ours=tuple(map(_cost, costs[f"{word} ours"])),
            origin=origin,
        )
        for verb, word in ((RESTORE, "restore"), (CHECK, "check"))
    )


def describe(tree: Tree) -> str:
    """Its name and size."""
    return f"{tree.name}, {tree.files:,} files, {tree.bytes / 1e6:,.0f} MB"


def _cost(cost: bench_reader.Cost) -> Cost:
    peak = int(cost.peak * MIB)
    return Cost(seconds=cost.seconds, processor=cost.processor, far=Far(), peak=peak)


def _restores(ours: Lapseguard, rig: Rig, number: int, *, cold: bool) -> tuple[Cost, Cost, Cost]:
    """Restic's, the same with what then is still to be written out, and ours."""
    target = rig.scratch / "restored"
    theirs = Command(argvs=(_theirs("restore", "latest", "--target", target),), env=ours.restic)
    mine = Command(argvs=(_ours(ours, "restore", SERVER, "--target", target),))
    sync = Command(argvs=(("sync", "-f", str(target)),))
    costs: dict[str, Cost] = {}
    for who, command in _in_turn({"restic": theirs, "lapseguard": mine}, number):
        settle(cold=cold)
        costs[who] = _told(RESTORE, who, measure(command))
        if who == "restic":
            costs["synced"] = _both(costs[who], measure(sync))
        shutil.rmtree(target)
    return costs["restic"], costs["synced"], costs["lapseguard"]


def _checks(ours: Lapseguard, number: int, *, cold: bool) -> tuple[Cost, Cost]:
    theirs = Command(argvs=(_theirs("check", "--read-data"),), env=ours.restic)
    mine = Command(argvs=(_ours(ours, "verify", SERVER, "--depth", "hashed"),))
    costs: dict[str, Cost] = {}
    for who, command in _in_turn({"restic": theirs, "lapseguard": mine}, number):
        settle(cold=cold)
        costs[who] = _told(CHECK, who, measure(command))
    return costs["restic"], costs["lapseguard"]


def _in_turn(commands: dict[str, Command], number: int) -> list[tuple[str, Command]]:
    """Who comes first changes from round to round."""
    return sorted(commands.items(), key=lambda each: each[0], reverse=bool(number % 2))


def _told(verb: str, who: str, cost: Cost) -> Cost:
    say(f"{verb}: {who} {cost.seconds:.2f} s")
    return cost


def _both(first: Cost, second: Cost) -> Cost:
    """One after the other."""
    return Cost(
        seconds=first.seconds + second.seconds,
        processor=first.processor + second.processor,
        far=first.far,
        peak=max(first.peak, second.peak),
    )


def _theirs(*words: object) -> tuple[str, ...]:
    return ("restic", "-q", *map(str, words))


def _ours(ours: Lapseguard, *words: object) -> tuple[str, ...]:
    return (*ours.call(), *map(str, words), "-q")
