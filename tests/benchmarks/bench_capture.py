"""A whole backup against what an operator would use today, in one run, on the same files.

    python -m tests.benchmarks.bench_capture [--small FOLDER] [--large-mib 1300] [--rounds 3]

Brings up sshd and an S3 server on loopback. Rivals: `rsync` alone (the floor: nothing is stored),
and `rsync`, then stock `restic backup` into the same S3. Ours is `lapseguard backup-now` from the
command line: claim, pull, store with every blob decoded and hashed again before upload, proof,
manifest. They run in turn, each from nothing, then again with nothing changed.
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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.parts.object_servers import SeaweedServer
from tests.throwaway_sshd import Sshd

PROGRAM = Path(sys.executable).parent / "lapseguard"
PASSWORD = "benchmark"  # noqa: S105 - guards nothing


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Wall seconds, and the largest process's peak memory in MiB."""

    seconds: float
    peak: float


@dataclass(kw_only=True)
class Bench:
    """Servers and folders of one benchmark."""

    scratch: Path
    host: Sshd
    store: SeaweedServer
    bucket: str
    costs: dict[str, list[Cost]] = field(default_factory=dict)

    def time(self, name: str, *commands: list[str], env: dict[str, str] | None = None) -> None:
        """Run commands one after the other; remember what they cost together."""
        self.costs.setdefault(name, []).append(run(commands, {**os.environ, **(env or {})}))

    def restic_environment(self, prefix: str) -> dict[str, str]:
        """What stock restic needs to reach the same S3."""
        return {
            "RESTIC_REPOSITORY": f"s3:{self.store.endpoint}/{self.bucket}/{prefix}",
            "RESTIC_PASSWORD": PASSWORD,
            "RESTIC_CACHE_DIR": str(self.scratch / "restic-cache"),
            "AWS_ACCESS_KEY_ID": self.store.access_key,
            "AWS_SECRET_ACCESS_KEY": self.store.secret_key,
        }


def run(commands: tuple[list[str], ...], env: dict[str, str]) -> Cost:
    """Seconds and peak memory of some commands, each of which must succeed."""
    begun, peak = time.monotonic(), 0
    for argv in commands:
        with subprocess.Popen(argv, env=env, stdout=subprocess.DEVNULL) as process:
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            sys.exit(f"{argv[0]} ended with {process.returncode}")
        peak = max(peak, usage.ru_maxrss)
    return Cost(seconds=time.monotonic() - begun, peak=peak / 1024)


def ssh_words(bench: Bench) -> str:
    """The remote shell for the rivals' rsync."""
    target = bench.host.target("bench")
    return f"ssh -F none -i {target.identity} -p {target.port} -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"  # noqa: E501 - one argument


def rsync_argv(bench: Bench, tree: Path, staging: Path) -> list[str]:
    """What an operator would type."""
    target = bench.host.target("bench")
    source = f"{target.user}@{target.host}:{tree}/"
    return ["rsync", "-aHAX", "--delete", "-e", ssh_words(bench), source, f"{staging}/"]


def rival_rsync(bench: Bench, name: str, tree: Path, number: int) -> None:
    """`rsync` alone."""
    staging = bench.scratch / f"rsync-{number}"
    staging.mkdir()
    bench.time(f"{name}: rsync alone", rsync_argv(bench, tree, staging))
    shutil.rmtree(staging)


def rival_restic(bench: Bench, name: str, tree: Path, number: int) -> None:
    """`rsync`, then `restic backup`; then both again with nothing changed."""
    staging = bench.scratch / f"restic-{number}"
    staging.mkdir()
    env = bench.restic_environment(f"restic-{name.replace(' ', '-')}-{number}")
    subprocess.run(["restic", "init", "-q"], env={**os.environ, **env}, check=True)
    both = (rsync_argv(bench, tree, staging), ["restic", "backup", "-q", str(staging)])
    bench.time(f"{name}: rsync + restic, first", *both, env=env)
    bench.time(f"{name}: rsync + restic, unchanged", *both, env=env)
    shutil.rmtree(staging)


def ours(bench: Bench, name: str, tree: Path, number: int) -> None:
    """`lapseguard backup-now`, twice."""
    folder = bench.scratch / f"ours-{number}"
    folder.mkdir(mode=0o700)
    call = prepare_lapseguard(bench, folder, tree, f"ours-{name.replace(' ', '-')}-{number}")
    bench.time(f"{name}: lapseguard, first", [*call, "backup-now", "bench", "-q"])
    bench.time(f"{name}: lapseguard, unchanged", [*call, "backup-now", "bench", "-q"])
    shutil.rmtree(folder)


def prepare_lapseguard(bench: Bench, folder: Path, tree: Path, prefix: str) -> list[str]:
    """A fresh installation with the tree's host registered; the words that call it."""
    secrets = {}
    for secret, text in (("id", bench.store.access_key), ("key", bench.store.secret_key)):
        secrets[secret] = folder / secret
        secrets[secret].touch(mode=0o600)
        secrets[secret].write_text(text)
    call = [str(PROGRAM), "--config", str(folder / "lapseguard.toml")]
    target = bench.host.target("bench")
    init = [
        *(*call, "init", "-q", "--state-dir", str(folder / "state")),
        *("--store-url", f"s3://{bench.bucket}/{prefix}", "--endpoint", bench.store.endpoint),
        *("--access-key-id-file", str(secrets["id"])),
        *("--secret-access-key-file", str(secrets["key"])),
    ]
    add = [
        *(*call, "server", "add", "bench", "-q", "--host", target.host),
        *("--port", str(target.port), "--user", target.user, "--identity", target.identity),
        *("--host-key", target.host_key, "--path", str(tree)),
    ]
    for argv in (init, add):
        subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
    return call


def make_large(folder: Path, size: int) -> Path:
    """Two files, one of them incompressible, the other text-like."""
    folder.mkdir(parents=True)
    source = random.Random(1)  # noqa: S311 - the same bytes every time
    words = [source.randbytes(source.randint(3, 9)).hex().encode() for _ in range(4096)]
    with (folder / "random.bin").open("wb") as file:
        for _ in range(size // 2 >> 20):
            file.write(source.randbytes(1 << 20))
    with (folder / "text.log").open("wb") as file:
        for _ in range(size // 2 >> 20):
            file.write(b" ".join(source.choices(words, k=1 << 17))[: 1 << 20])
    return folder


@contextmanager
def servers() -> Iterator[Bench]:
    """Sshd and S3 on loopback, and a folder for everything."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as scratch,
        SeaweedServer(Path(scratch) / "s3") as store,
        Sshd(Path(scratch) / "sshd") as host,
    ):
        bucket = store.make_bucket("bench")
        yield Bench(scratch=Path(scratch), host=host, store=store, bucket=bucket)


def median(costs: list[Cost], figure: Callable[[Cost], float]) -> float:
    """The middle one."""
    return statistics.median(figure(cost) for cost in costs)


def print_table(bench: Bench, names: list[str]) -> None:
    """Medians, and the ratio to `rsync + restic` of the same work."""
    print(f"{'':44} {'seconds':>8} {'peak MiB':>9} {'to rsync+restic':>16} {'to rsync':>9}")
    for label, costs in bench.costs.items():
        name, _, what = label.partition(": ")
        rival = f"{name}: rsync + restic, {what.rpartition(', ')[2]}"
        seconds = median(costs, lambda cost: cost.seconds)
        floor = median(bench.costs[f"{name}: rsync alone"], lambda cost: cost.seconds)
        to_rival = (
            f"{seconds / median(bench.costs[rival], lambda cost: cost.seconds):.2f}"
            if rival in bench.costs
            else ""
        )
        to_floor = f"{seconds / floor:.2f}" if "unchanged" not in what else ""
        peak = median(costs, lambda cost: cost.peak)
        print(f"{label:44} {seconds:8.2f} {peak:9.0f} {to_rival:>16} {to_floor:>9}")
    print(f"medians of {len(next(iter(bench.costs.values())))} rounds; work: {', '.join(names)}")


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--small", type=Path, default=Path("/usr/share"))
    parser.add_argument("--large-mib", type=int, default=1300)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=("small", "large"))
    arguments = parser.parse_args()
    with servers() as bench:
        works: dict[str, Path] = {}
        if arguments.only != "large":
            works["small"] = arguments.small
        if arguments.only != "small":
            works["large"] = make_large(bench.scratch / "large", arguments.large_mib << 20)
        for number in range(arguments.rounds):
            for name, tree in works.items():
                for contestant in (rival_rsync, rival_restic, ours):
                    contestant(bench, name, tree, number)
        print_table(bench, [f"{name} = {tree}" for name, tree in works.items()])


if __name__ == "__main__":
    main()
