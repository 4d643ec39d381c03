"""A whole backup against what an operator would use today, in one run, on the same files.

    python -m tests.benchmarks.bench_capture [--only a,b,c,d,e] [--rounds 3] [--quick] [--json FILE]

Brings up sshd and an S3 server on loopback. Rivals: `rsync` alone (the floor: nothing is stored);
`rsync`, then stock `restic backup` into the same S3; `rclone sync`; `ssh tar | zstd | rclone rcat`.
Ours is `lapseguard backup-now` from the command line: claim, pull, store with every blob decoded
and hashed again before upload, proof, manifest. They run in turn, each from nothing (a: many
small files, b: two large ones), with a hundredth changed (c), unchanged (d), and once more from
nothing with both ends behind slow lines (e).
"""

import argparse
import signal
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from tests.benchmarks.capture.contest import Case, Results, compete
from tests.benchmarks.capture.contestants import (
    Enter,
    RcloneSync,
    Rsync,
    RsyncThenRestic,
    Step,
    TarPipe,
)
from tests.benchmarks.capture.growth import measure_growth
from tests.benchmarks.capture.line import LineUnavailable
from tests.benchmarks.capture.measure import say
from tests.benchmarks.capture.memory import measure_memory
from tests.benchmarks.capture.ours import Lapseguard
from tests.benchmarks.capture.profile import profile
from tests.benchmarks.capture.rig import Rig, rig
from tests.benchmarks.capture.salvage import measure_salvage
from tests.benchmarks.capture.table import print_tables, write_json
from tests.benchmarks.capture.trees import Tree, make_large, make_small

RIVALS: dict[str, Enter] = {
    "rsync": Rsync,
    "restic": RsyncThenRestic,
    "rclone": RcloneSync,
    "tar": TarPipe,
}
LETTERS = "abcde"
PARTS = ("cases", "memory", "growth", "salvage")
_WIDTH = 150


def main() -> None:
    """Run and print."""
    arguments = parse_arguments()
    # Servers, networks and folders go with it however it ends.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("told to end"))
    results, console = Results(), Console(width=_WIDTH)
    more: dict[str, object] = {"command": sys.argv}
    with tempfile.TemporaryDirectory(prefix="bench-", dir=arguments.scratch) as name:
        scratch = Path(name)
        needed = arguments.profile or {"cases", "salvage"} & set(arguments.measure)
        trees = make_trees(arguments, scratch) if needed else []
        if arguments.profile:
            profile_ours(arguments, scratch, trees)
            return
        if "cases" in arguments.measure:
            measure_near(arguments, scratch, trees, results)
            measure_far(arguments, scratch, trees, results)
            print_tables(results, console)
        more |= measure_more(arguments, scratch, [tree for _, tree in trees], console)
    if arguments.json:
        write_json(results, arguments.json, more)


def measure_more(
    arguments: argparse.Namespace, scratch: Path, trees: list[Tree], console: Console
) -> dict[str, object]:
    """Memory, growth and salvage, as far as asked for; printed, and given for JSON."""
    found: dict[str, object] = {}
    if "memory" in arguments.measure:
        found["memory"] = measure_memory(scratch, arguments.share, arguments.trees, console)
    if "growth" in arguments.measure:
        found["growth"] = measure_growth(scratch, arguments.share, arguments.trees, console)
    if "salvage" in arguments.measure:
        found["salvage"] = measure_salvage(scratch, trees, arguments.cut_at, console)
    return found


def parse_arguments() -> argparse.Namespace:
    """What is to be measured, and how often."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", type=letters, default=LETTERS, help="cases, like a,c,e")
    parser.add_argument(
        "--measure",
        type=parts,
        default=("cases",),
        help="of cases, memory, growth, salvage; or all",
    )
    parser.add_argument("--trees", choices=("small", "large", "both"), default="both")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="a tenth of the data")
    parser.add_argument("--share", type=float, help="so much of the data")
    parser.add_argument("--rivals", default=",".join(RIVALS), help="of rsync, restic, rclone, tar")
    parser.add_argument(
        "--cut-at", type=moments, default=(0.25, 0.5, 0.75), help="of the time, in salvage"
    )
    parser.add_argument("--line", type=int, default=200, help="megabits a second of case e")
    parser.add_argument("--warm", action="store_true", help="do not drop caches")
    parser.add_argument("--small", type=Path, help="copy small files from here, not /usr/share")
    parser.add_argument(
        "--profile", type=Path, metavar="FOLDER", help="only say where our own time goes"
    )
    parser.add_argument("--scratch", type=Path, help="where to put everything")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write figures there as well")
    arguments = parser.parse_args()
    arguments.share = arguments.share or (0.1 if arguments.quick else 1.0)
    return arguments


def parts(text: str) -> tuple[str, ...]:
    """What else is measured."""
    chosen = PARTS if text == "all" else tuple(text.split(","))
    if unknown := set(chosen) - set(PARTS):
        raise argparse.ArgumentTypeError(f"nobody knows {', '.join(sorted(unknown))}")
    return chosen


def moments(text: str) -> tuple[float, ...]:
    """When the server is cut off."""
    return tuple(float(each) for each in text.split(","))


def letters(text: str) -> str:
    """The cases that are asked for."""
    chosen = text.replace(",", "").lower()
    if unknown := set(chosen) - set(LETTERS):
        raise argparse.ArgumentTypeError(f"there is no case {', '.join(sorted(unknown))}")
    return chosen


def make_trees(arguments: argparse.Namespace, scratch: Path) -> list[tuple[str, Tree]]:
    """The trees that the cases need, each with the letter of its first backup."""
    only, found = arguments.only, []
    if arguments.trees != "large" and set(only) & set("acde"):
        found.append(("a", make_small(scratch / "small", arguments.share, arguments.small)))
    if arguments.trees != "small" and set(only) & set("bcde"):
        found.append(("b", make_large(scratch / "large", arguments.share)))
    for _, tree in found:
        say(f"{tree.name}: {tree.files:,} files, {tree.bytes / 1e6:.0f} MB")
    return found


def profile_ours(
    arguments: argparse.Namespace, scratch: Path, trees: list[tuple[str, Tree]]
) -> None:
    """Where the time goes; raw stacks, as flame graph programs read them, stay in the folder."""
    console, cold = Console(width=_WIDTH), not arguments.warm
    for _, tree in trees:
        with rig(scratch) as both:
            profile(both, tree, console, cold=cold, keep=arguments.profile)


def measure_near(
    arguments: argparse.Namespace, scratch: Path, trees: list[tuple[str, Tree]], results: Results
) -> None:
    """Cases a to d, on loopback."""
    for letter, tree in trees:
        steps = ((letter, Step.FIRST), ("c", Step.CHANGED), ("d", Step.UNCHANGED))
        cases = {
            step: Case(letter=each, tree=tree.name, step=step)
            for each, step in steps
            if each in arguments.only
        }
        results.note(f"{tree.name}: {tree.files:,} files, {tree.bytes / 1e6:.0f} MB")
        if cases:
            with rig(scratch) as both:
                measure_cases(arguments, both, tree, cases, results)


def measure_far(
    arguments: argparse.Namespace, scratch: Path, trees: list[tuple[str, Tree]], results: Results
) -> None:
    """Case e, where the system lets us."""
    if "e" not in arguments.only:
        return
    try:
        for _, tree in trees:
            case = Case(letter="e", tree=tree.name, step=Step.FIRST, line=arguments.line)
            with rig(scratch, arguments.line) as both:
                measure_cases(arguments, both, tree, {Step.FIRST: case}, results)
    except LineUnavailable as error:
        results.note(f"case e was not measured: {error}")


def measure_cases(
    arguments: argparse.Namespace,
    both: Rig,
    tree: Tree,
    cases: dict[Step, Case],
    results: Results,
) -> None:
    """All contestants in one rig."""
    entries = (*(RIVALS[name] for name in arguments.rivals.split(",") if name), Lapseguard)
    compete(
        *(both, tree, cases, entries, results), rounds=arguments.rounds, cold=not arguments.warm
    )


if __name__ == "__main__":
    main()
