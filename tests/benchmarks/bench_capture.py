"""A whole backup against what an operator would use today, in one run, on the same files.

    python -m tests.benchmarks.bench_capture [--only a,b,c,d,e] [--rounds 3] [--quick]
        [--measure cases,profile,memory,growth,salvage,reading] [--report FILE.md]

Brings up sshd and an S3 server on loopback. Rivals: `rsync` alone (the floor: nothing is stored);
the same called as ours calls it (what ours cannot do without);
`rsync`, then stock `restic backup` into the same S3; `rclone sync`; `ssh tar | zstd | rclone rcat`.
Ours is `lapseguard backup-now` from the command line: claim, pull, store with every blob decoded
and hashed again before upload, proof, manifest; and beside it the same by a daemon that is up.
They run in turn, each from nothing (a: many small files, b: two large ones), with a hundredth
changed (c), unchanged (d), and once more from nothing with both ends behind slow lines (e).

What is measured is printed as Markdown. A report is kept with its figures in a JSON file beside
it; another run with the same `--report` replaces what it has measured anew, and keeps the rest.
"""

import argparse
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.benchmarks.capture.contest import Contest
from tests.benchmarks.capture.contestants import (
    Enter,
    OurRsync,
    RcloneSync,
    Rsync,
    RsyncThenRestic,
    Step,
    TarPipe,
)
from tests.benchmarks.capture.line import LineUnavailable
from tests.benchmarks.capture.machine import describe_machine, tell_origin
from tests.benchmarks.capture.measure import CommandFailed, say
from tests.benchmarks.capture.ours import Lapseguard
from tests.benchmarks.capture.profile import measure_profiles
from tests.benchmarks.capture.reading import measure_library, measure_reading
from tests.benchmarks.capture.record import Case, Origin, Report, keep, merge
from tests.benchmarks.capture.report import sections, write_report
from tests.benchmarks.capture.rig import rig
from tests.benchmarks.capture.salvage import measure_salvage
from tests.benchmarks.capture.served import Served
from tests.benchmarks.capture.sizes import GROWTH_TIMES, MEMORY_TIMES, measure_sizes
from tests.benchmarks.capture.trees import Tree, make_large, make_small

RIVALS: dict[str, Enter] = {
    "rsync": Rsync,
    "called": OurRsync,
    "restic": RsyncThenRestic,
    "rclone": RcloneSync,
    "tar": TarPipe,
}
LETTERS = "abcde"
PARTS = ("cases", "profile", "memory", "growth", "salvage", "reading")
#: Parts that work on the trees of the cases.
_OF_TREES = frozenset({"cases", "profile", "salvage", "reading"})


def main() -> None:
    """Measure part by part, print each as it is done, and keep the report."""
    arguments = parse_arguments()
    # Servers, networks and folders go with it however it ends.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("told to end"))
    found = Report(machine=describe_machine())
    with tempfile.TemporaryDirectory(prefix="bench-", dir=arguments.scratch) as name:
        for part in measured_parts(arguments, Path(name)):
            print("\n".join(sections(part)), flush=True)
            found = merge(found, part)
            if arguments.report:
                write_report(part, arguments.report)
    if arguments.json:
        keep(found, arguments.json)


def measured_parts(arguments: argparse.Namespace, scratch: Path) -> Iterator[Report]:
    """What was asked for, one part after the other; what cannot be measured is noted."""
    wanted = set(arguments.measure)
    origin = tell_origin("tests.benchmarks.bench_capture", sys.argv[1:])
    trees = make_trees(arguments, scratch) if wanted & _OF_TREES else []
    parts: dict[str, Callable[[], Iterator[Report]]] = {
        "cases": lambda: measure_near(arguments, scratch, trees, origin),
        "lines": lambda: measure_far(arguments, scratch, trees, origin),
        "profile": lambda: measure_profile(arguments, scratch, trees, origin),
        "reading": lambda: measure_restores(arguments, scratch, trees, origin),
        "sizes": lambda: measure_growth(arguments, scratch, origin),
        "salvage": lambda: measure_cuts(arguments, scratch, trees, origin),
    }
    if "cases" in wanted and "e" in arguments.only:
        wanted.add("lines")
    if wanted & {"memory", "growth"}:
        wanted.add("sizes")
    for part, carry_out in parts.items():
        if part in wanted:
            say(f"{part} begins")
            try:
                yield from carry_out()
            except LineUnavailable as error:
                yield note(f"{part} could not be measured: {error}")
            except CommandFailed as error:
                say(f"{part} broke off: {error}")
                yield note(f"{part} broke off: {error.brief()}")


def note(text: str) -> Report:
    """A report that says only this."""
    return Report(machine=describe_machine(), notes=(text,))


def measure_near(
    arguments: argparse.Namespace, scratch: Path, trees: list[tuple[str, Tree]], origin: Origin
) -> Iterator[Report]:
    """Cases a to d, on loopback."""
    for letter, tree in trees:
        steps = {Step.FIRST: letter, Step.CHANGED: "c", Step.UNCHANGED: "d"}
        letters = {step: each for step, each in steps.items() if each in arguments.only}
        if letters:
            yield measure_cases(arguments, scratch, tree, letters, origin)


def measure_far(
    arguments: argparse.Namespace, scratch: Path, trees: list[tuple[str, Tree]], origin: Origin
) -> Iterator[Report]:
    """Case e. Raises LineUnavailable."""
    for _, tree in trees:
        letters = {Step.FIRST: "e"}
        yield measure_cases(arguments, scratch, tree, letters, origin, line=arguments.line)


def measure_cases(
    arguments: argparse.Namespace,
    scratch: Path,
    tree: Tree,
    letters: dict[Step, str],
    origin: Origin,
    *,
    line: int | None = None,
) -> Report:
    """All contestants in one rig."""
    entries: list[Enter] = [RIVALS[name] for name in arguments.rivals.split(",") if name]
    entries += [Lapseguard, *([] if arguments.no_daemon else [Served])]
    with rig(scratch, line) as both:
        contest = Contest(both, tree, letters, origin, cold=not arguments.warm)
        cases: tuple[Case, ...] = contest.compete(entries, arguments.rounds)
    return Report(machine=describe_machine(), cases=cases)


def measure_profile(
    arguments: argparse.Namespace, scratch: Path, trees: list[tuple[str, Tree]], origin: Origin
) -> Iterator[Report]:
    """Where the time goes."""
    for _, tree in trees:
        with rig(scratch) as both:
            for each in measure_profiles(
                both, tree, origin, cold=not arguments.warm, keep=arguments.profile
            ):
                yield Report(machine=describe_machine(), profiles=(each,))


def measure_restores(
    arguments: argparse.Namespace, scratch: Path, trees: list[tuple[str, Tree]], origin: Origin
) -> Iterator[Report]:
    """Restore and check beside restic's."""
    for _, tree in trees:
        readings = measure_reading(scratch, tree, arguments.rounds, origin, cold=not arguments.warm)
        yield Report(machine=describe_machine(), readings=readings)
        readings = measure_library(scratch, tree, arguments.rounds, origin)
        yield Report(machine=describe_machine(), readings=readings)


def measure_growth(
    arguments: argparse.Namespace, scratch: Path, origin: Origin
) -> Iterator[Report]:
    """Memory and cost by size."""
    times = GROWTH_TIMES if "growth" in arguments.measure else MEMORY_TIMES
    yield from measure_sizes(scratch, arguments.share, arguments.trees, times, origin)


def measure_cuts(
    arguments: argparse.Namespace, scratch: Path, trees: list[tuple[str, Tree]], origin: Origin
) -> Iterator[Report]:
    """What is left when the server dies. Raises LineUnavailable."""
    for _, tree in trees:
        for each in measure_salvage(scratch, tree, arguments.cut_at, origin):
            yield Report(machine=describe_machine(), salvages=(each,))


def parse_arguments() -> argparse.Namespace:
    """What is to be measured, and how often."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", type=letters, default=LETTERS, help="cases, like a,c,e")
    parser.add_argument("--measure", type=parts, help=f"of {', '.join(PARTS)}; or all; else cases")
    parser.add_argument("--trees", choices=("small", "large", "both"), default="both")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="a tenth of the data")
    parser.add_argument("--share", type=float, help="so much of the data")
    parser.add_argument("--rivals", default=",".join(RIVALS), help=f"of {', '.join(RIVALS)}")
    parser.add_argument("--no-daemon", action="store_true", help="our command only")
    parser.add_argument(
        "--cut-at", type=moments, default=(0.25, 0.5, 0.75), help="of the time, in salvage"
    )
    parser.add_argument("--line", type=int, default=200, help="megabits a second of case e")
    parser.add_argument("--warm", action="store_true", help="do not drop caches")
    parser.add_argument("--small", type=Path, help="copy small files from here, not /usr/share")
    parser.add_argument(
        "--profile", type=Path, metavar="FOLDER", help="profile, and keep the raw stacks there"
    )
    parser.add_argument("--scratch", type=Path, help="where to put everything")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write figures there as well")
    parser.add_argument("--report", type=Path, metavar="FILE.md", help="keep a report there")
    arguments = parser.parse_args()
    arguments.share = arguments.share or (0.1 if arguments.quick else 1.0)
    if arguments.profile and not arguments.measure:
        arguments.measure = ("profile",)
    arguments.measure = arguments.measure or ("cases",)
    return arguments


def parts(text: str) -> tuple[str, ...]:
    """What is measured."""
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


if __name__ == "__main__":
    main()
