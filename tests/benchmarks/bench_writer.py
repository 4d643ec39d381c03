"""The writer against `restic backup`, on the same files, into the same kind of repository.

    python -m tests.benchmarks.bench_writer [--tree FOLDER] [--files 48000] [--large-mib 1024]

Makes a tree of small files and two large ones (or takes FOLDER for the small ones), then runs both
programs in turn, each in a process of its own, and prints the medians and their ratios. Ours walks
the tree and writes tree blobs too, so that both end in a repository snapshot of the same files.
"""

import argparse
import json
import multiprocessing
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from backends.objectstore.directory import DirectoryStore
from backends.repository.repository import Repository
from backends.repository.unpacked import ObjectKind, save_unpacked
from backends.repository.writer import RepositoryWriter, StoredFile
from backends.types import BlobKind

PASSWORD = "benchmark"  # noqa: S105 - guards nothing
POOL = 24 << 20
NOON = "2026-05-01T12:00:00Z"


@dataclass(frozen=True, kw_only=True)
class Run:
    """What one run took: seconds, seconds of CPU, peak MiB, stored bytes."""

    wall: float
    cpu: float
    peak: float
    stored: int


def main() -> None:
    arguments = parse_arguments()
    if arguments.save:
        save_tree(*map(Path, arguments.save))
        return
    with tempfile.TemporaryDirectory(prefix="bench", dir=arguments.scratch) as scratch:
        base = Path(scratch)
        trees = {
            "small files": arguments.tree or make(make_small, base / "small", arguments.files),
            "large files": make(make_large, base / "large", arguments.large_mib << 20),
        }
        for name, tree in trees.items():
            print_table(name, tree, compare(tree, base / "repository", arguments.rounds))


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tree", type=Path, help="take these small files instead of making some")
    parser.add_argument("--files", type=int, default=48_000)
    parser.add_argument("--large-mib", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scratch", type=Path, help="where to put everything")
    parser.add_argument("--save", nargs=2, metavar=("TREE", "REPOSITORY"), help=argparse.SUPPRESS)
    return parser.parse_args()


def make(content: Callable[[Path, int], None], folder: Path, amount: int) -> Path:
    """Fill a folder in another process: a child's peak memory begins with that of its parent."""
    process = multiprocessing.get_context("spawn").Process(target=content, args=(folder, amount))
    process.start()
    process.join()
    assert process.exitcode == 0
    return folder


def make_small(folder: Path, count: int) -> None:
    """Files as a server has them: half under 4 KB, 12 KB on average; text, code and binaries."""
    chance = random.Random(1)  # noqa: S311 - repeatable test data
    pools = [text_pool(chance), text_pool(chance), binary_pool(chance)]
    for number in range(count):
        place = folder / str(number // 100)
        place.mkdir(parents=True, exist_ok=True)
        size = min(int(chance.lognormvariate(8.2, 1.5)), 400_000)
        pool = chance.choice(pools)
        start = chance.randrange(len(pool) - size)
        (place / f"{number}.txt").write_bytes(b"%d\n" % number + pool[start : start + size])


def make_large(folder: Path, total: int) -> None:
    """One file that hardly compresses, and one that does."""
    folder.mkdir()
    chance = random.Random(2)  # noqa: S311 - repeatable test data
    mixed = binary_pool(chance) + text_pool(chance)
    with (folder / "noise").open("wb") as noise, (folder / "mixed").open("wb") as image:
        for number in range(total // (8 << 20)):
            noise.write(chance.randbytes(4 << 20))
            start = chance.randrange(len(mixed) - (4 << 20))
            image.write(b"%d" % number + mixed[start : start + (4 << 20)])


def text_pool(chance: random.Random) -> bytes:
    """Words of a vocabulary as unevenly frequent as in any language."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = ["".join(chance.choices(letters, k=chance.randint(2, 11))) for _ in range(20_000)]
    weights = [1 / rank for rank in range(1, len(words) + 1)]
    drawn = chance.choices(words, weights, k=POOL // 6)
    lines = (" ".join(drawn[at : at + 12]) for at in range(0, len(drawn), 12))
    return "\n".join(lines).encode()


def binary_pool(chance: random.Random) -> bytes:
    """Records with repeating fields and noise between, like programs and databases."""
    fields = [chance.randbytes(chance.randint(4, 24)) for _ in range(3000)]
    drawn = chance.choices(fields, k=POOL // 20)
    return b"".join(field + chance.randbytes(6) for field in drawn)


def compare(tree: Path, repository: Path, rounds: int) -> dict[str, list[Run]]:
    """Both programs in turn, so that whatever else the machine does hits both."""
    runs: dict[str, list[Run]] = {"ours": [], "restic": []}
    commands = {"ours": our_command, "restic": restic_command}
    for _ in range(rounds):
        for name, command in commands.items():
            runs[name].append(measure(command, tree, repository))
    return runs


def measure(command: Callable[[Path, Path], list[str]], tree: Path, repository: Path) -> Run:
    """Run one program on a new repository."""
    Repository.create(DirectoryStore(repository, create=True), PASSWORD)
    os.sync()
    before, environment = time.perf_counter(), {**os.environ, "RESTIC_PASSWORD": PASSWORD}
    process = subprocess.Popen(command(tree, repository), env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - before
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    stored = sum(info.size for info in DirectoryStore(repository).list("data/"))
    shutil.rmtree(repository)
    cpu, peak = usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024
    return Run(wall=wall, cpu=cpu, peak=peak, stored=stored)


def our_command(tree: Path, repository: Path) -> list[str]:
    module = "tests.benchmarks.bench_writer"
    return [sys.executable, "-m", module, "--save", str(tree), str(repository)]


def restic_command(tree: Path, repository: Path) -> list[str]:
    return ["restic", "-q", "--no-cache", "-r", str(repository), "backup", str(tree)]


def save_tree(tree: Path, place: Path, readers: int = 2) -> None:
    """Store all files by `readers` threads, then the trees, then a repository snapshot."""
    repository = Repository.open(DirectoryStore(place), PASSWORD)
    with RepositoryWriter(repository, repository.load_index()) as writer:
        stored = save_files(writer, tree, readers)
        root = save_folder(writer, str(tree), stored)
    fields = {"time": NOON, "tree": root, "paths": [str(tree)], "hostname": "bench"}
    save_unpacked(repository, ObjectKind.SNAPSHOT, json.dumps(fields).encode())


def save_files(writer: RepositoryWriter, tree: Path, readers: int) -> dict[str, StoredFile]:
    paths, taking = walk(tree), threading.Lock()
    stored: dict[str, StoredFile] = {}

    def read() -> None:
        while True:
            with taking:
                batch = list(islice(paths, 16))
            if not batch:
                return
            for path in batch:
                descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
                with os.fdopen(descriptor, "rb", buffering=0) as stream:
                    stored[path] = writer.save_file(stream)

    threads = [threading.Thread(target=read) for _ in range(readers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return stored


def walk(tree: Path) -> Iterator[str]:
    for folder, _, names in os.walk(tree):
        for name in names:
            path = os.path.join(folder, name)  # noqa: PTH118 - pathlib would be what is measured
            if not os.path.islink(path):  # noqa: PTH114 - likewise
                yield path


def save_folder(writer: RepositoryWriter, folder: str, stored: dict[str, StoredFile]) -> str:
    nodes = [
        node(writer, entry, stored)
        for entry in sorted(os.scandir(folder), key=lambda entry: os.fsencode(entry.name))
        if entry.is_dir(follow_symlinks=False) or entry.path in stored
    ]
    document = json.dumps({"nodes": nodes}, separators=(",", ":")).encode() + b"\n"
    return writer.save_blob(BlobKind.TREE, document).hex()


def node(
    writer: RepositoryWriter, entry: "os.DirEntry[str]", stored: dict[str, StoredFile]
) -> dict[str, object]:
    stat = entry.stat(follow_symlinks=False)
    fields: dict[str, object] = {"name": entry.name, "mode": stat.st_mode & 0o777, "mtime": NOON}
    fields |= {"atime": NOON, "ctime": NOON, "uid": stat.st_uid, "gid": stat.st_gid}
    if entry.is_dir(follow_symlinks=False):
        subtree = save_folder(writer, entry.path, stored)
        return fields | {"type": "dir", "mode": fields["mode"], "subtree": subtree}
    blobs = [blob.hex() for blob in stored[entry.path].blobs]
    return fields | {"type": "file", "size": stat.st_size, "content": blobs}


def print_table(name: str, tree: Path, runs: dict[str, list[Run]]) -> None:
    sizes = [Path(path).stat().st_size for path in walk(tree)]
    print(f"\n{name}: {len(sizes)} files, {sum(sizes) / 1e6:.0f} MB")
    print(f"{'':14}{'ours':>10}{'restic':>10}{'ratio':>8}")
    for label, unit, field in (
        ("wall", "s", "wall"),
        ("CPU", "s", "cpu"),
        ("peak memory", "MiB", "peak"),
        ("stored", "MB", "stored"),
    ):
        scale = 1e6 if field == "stored" else 1
        ours, restic = (
            statistics.median(getattr(run, field) for run in runs[who]) / scale
            for who in ("ours", "restic")
        )
        print(f"{label + ' ' + unit:14}{ours:10.2f}{restic:10.2f}{ours / restic:8.2f}")


if __name__ == "__main__":
    main()
