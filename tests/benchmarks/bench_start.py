"""How much CPU a command takes before it has done anything for anybody.

    python -m tests.benchmarks.bench_start [--rounds 7]

Makes an installation in a temporary folder, then runs each command in a new interpreter and prints
the median of the CPU seconds (user and system) beside what it may take. Ends with 1 if one is over.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

#: Commands and the CPU seconds that they may take; None where nothing was promised.
LIMITS = {
    "--version": 0.3,
    "status": 0.8,
    "--help": None,
    "backup-now --help": None,
    "history": None,
    "server list": None,
    "config validate": None,
}


def cpu_seconds(words: list[str], environment: dict[str, str]) -> float:
    """What one run takes, with everything that it starts."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-m", "daemon", *words],
        env=environment,
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    over = 0
    with tempfile.TemporaryDirectory() as folder:
        settings = Path(folder) / "lapseguard.toml"
        environment = {**os.environ, "LAPSEGUARD_CONFIG": str(settings)}
        new = ("--state-dir", f"{folder}/state", "--store-url", "file:///tmp")
        cpu_seconds(["init", *new], environment)
        print(f"{'command':<18} {'CPU seconds':>11} {'limit':>6}")
        for words, limit in LIMITS.items():
            taken = statistics.median(
                cpu_seconds(words.split(), environment) for _ in range(rounds)
            )
            print(f"{words:<18} {taken:>11.3f} {limit or '':>6}")
            over += limit is not None and taken > limit
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
