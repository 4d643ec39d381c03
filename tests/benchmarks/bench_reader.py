"""Restore and check against stock restic's, in one run, on the same repositories.

    python -m tests.benchmarks.bench_reader [--scratch FOLDER] [--files 48000]
        [--large-mib 1300] [--rounds 3]

Stock restic saves many small files and two large ones; then it and we restore and check them by
turns, each in a process of its own, at a quarter of the size and at all of it, so that growth is
seen. What is compared is the median of all rounds; processor time stands beside wall time, since a
busy machine disturbs it less. A scratch folder in memory (`/dev/shm`) leaves the disk out of it.
"""

import argparse
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from backends.objectstore.directory import DirectoryStore
from backends.repository.check import check_repository
from backends.repository.reader import BlobReader
from backends.repository.repository import Repository
from backends.repository.restore import restore_tree
from backends.repository.snapshot import find_snapshot

PASSWORD = "benchmark"  # noqa: S105 - guards nothing
MIB = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Wall and processor seconds, and peak memory in MiB."""

    seconds: float
    processor: float
    peak: float


def run(argv: list[str]) -> Cost:
    """Run a command that must succeed."""
    begun = time.monotonic()
    environment = os.environ | {"RESTIC_PASSWORD": PASSWORD}
    with subprocess.Popen(argv, env=environment, stdout=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{argv} ended with {process.returncode}")
    return Cost(
        seconds=time.monotonic() - begun,
        processor=usage.ru_utime + usage.ru_stime,
        peak=usage.ru_maxrss / 1024,
    )


def make_text(size: int, chance: random.Random) -> bytes:
    """Bytes that compress about as well as text does."""
    words = [bytes(chance.choices(b"etaoinshrdlu", k=chance.randint(2, 9))) for _ in range(5000)]
    text = bytearray()
    while len(text) < size:
        text += chance.choice(words) + b" "
    return bytes(text[:size])


def make_many(folder: Path, files: int) -> None:
    """Small files, ten in a folder, most of a few kilobytes."""
    chance = random.Random(1)  # noqa: S311 - the same files every time
    text = make_text(4 * MIB, chance)
    for number in range(files):
        place = folder / f"{number // 200:03d}" / f"{number // 10 % 20:02d}"
        place.mkdir(parents=True, exist_ok=True)
        size = min(200_000, int(chance.lognormvariate(7.5, 1.3)))
        start = chance.randrange(len(text) - size)
        (place / f"{number:05d}").write_bytes(text[start : start + size])


def make_large(folder: Path, mib: int) -> None:
    """One file of noise and one of text."""
    chance = random.Random(2)  # noqa: S311 - the same files every time
    text = make_text(4 * MIB, chance)
    folder.mkdir()
    with (folder / "noise").open("wb") as noise, (folder / "text").open("wb") as prose:
        for _ in range(mib // 2):
            noise.write(chance.randbytes(MIB))
            start = chance.randrange(3 * MIB)
            prose.write(text[start : start + MIB])


def measure(place: Path, scratch: Path, rounds: int) -> dict[str, list[Cost]]:
    """Let restic and us work by turns."""
    restic = ["restic", "-q", "-r", str(place), "--no-cache"]
    ours = [sys.executable, "-m", "tests.benchmarks.bench_reader", "--inside", str(place)]
    costs: dict[str, list[Cost]] = defaultdict(list)
    for _ in range(rounds):
        for who, argv in (("restic", [*restic, "restore", "latest"]), ("ours", [*ours, "restore"])):
            target = scratch / "target"
            costs[f"restore {who}"].append(run([*argv, "--target", str(target)]))
            shutil.rmtree(target)
        costs["check restic"].append(run([*restic, "check", "--read-data"]))
        costs["check ours"].append(run([*ours, "check"]))
    return costs


def show(name: str, costs: dict[str, list[Cost]]) -> None:
    """Print one line for each kind of work."""
    for verb in ("restore", "check"):
        theirs, mine = (
            {
                fact: statistics.median(getattr(cost, fact) for cost in costs[f"{verb} {who}"])
                for fact in ("seconds", "processor", "peak")
            }
            for who in ("restic", "ours")
        )
        print(
            f"{name:<22} {verb:<8} "
            f"restic {theirs['seconds']:6.2f} s (cpu {theirs['processor']:6.2f}, "
            f"{theirs['peak']:4.0f} MiB) ours {mine['seconds']:6.2f} s "
            f"(cpu {mine['processor']:6.2f}, {mine['peak']:4.0f} MiB) "
            f"ratio {mine['seconds'] / theirs['seconds']:.2f} "
            f"(cpu {mine['processor'] / theirs['processor']:.2f})"
        )


def work(place: Path, verb: str, target: Path) -> None:
    """Do our side of it, in a process of its own."""
    repository = Repository.open(DirectoryStore(place), PASSWORD)
    if verb == "check":
        sys.exit(not check_repository(repository, read_data=True).sound)
    reader = BlobReader(repository, repository.load_index())
    tree = find_snapshot(repository, "latest").tree
    # restic does not wait for the disk either.
    sys.exit(not restore_tree(reader, tree, target, durable=False).complete)


def main() -> None:
    """Read the arguments and go."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scratch", type=Path)
    parser.add_argument("--files", type=int, default=48_000)
    parser.add_argument("--large-mib", type=int, default=1300)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--target", type=Path, default=Path(), help=argparse.SUPPRESS)
    parser.add_argument("verb", nargs="?", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        work(options.inside, options.verb, options.target)
    with tempfile.TemporaryDirectory(dir=options.scratch) as folder:
        for part in (4, 1):
            compare("small files", make_many, options.files // part, Path(folder), options.rounds)
            compare("MiB of 2", make_large, options.large_mib // part, Path(folder), options.rounds)


def compare(
    name: str, make: Callable[[Path, int], None], amount: int, scratch: Path, rounds: int
) -> None:
    """Have restic save so much, then measure and show both."""
    source, place = scratch / "source", scratch / "repository"
    make(source, amount)
    run(["restic", "-q", "-r", str(place), "init"])
    run(["restic", "-q", "-r", str(place), "--no-cache", "backup", str(source)])
    shutil.rmtree(source)
    show(f"{amount:,} {name}", measure(place, scratch, rounds))
    shutil.rmtree(place)


if __name__ == "__main__":
    main()
