"""What a daemon costs that has nothing to do: all contracts are far from their stop.

python -m tests.benchmarks.bench_idle [--contracts 10000] [--seconds 310]
"""

import argparse
import tempfile
import time
from pathlib import Path

import psutil

from tests.parts.daemons import Daemon
from tests.parts.program import HOST_KEY, Program
from tests.program_spawner import Spawner

_SERVER = """
[servers.server-{number:06}]
host = "192.0.2.7"
user = "backup"
host_key = "{key}"
paths = ["/srv"]
"""
_CONTRACT = """
[contracts.contract-{number:06}]
provider = "somebody"
expires = "2099-12-31"
timezone = "UTC"
servers = ["server-{number:06}"]
"""


def measure(contracts: int, seconds: float) -> None:
    """Print what an idle daemon uses."""
    with tempfile.TemporaryDirectory() as folder, Spawner() as spawner:
        program = Program(folder=Path(folder), spawner=spawner)
        program.install()
        fleet = program.folder / "fleet.toml"
        fleet.write_text(
            "".join(
                _SERVER.format(number=number, key=HOST_KEY) + _CONTRACT.format(number=number)
                for number in range(contracts)
            )
        )
        program.do("import", str(fleet))
        daemon = Daemon(program)
        try:
            daemon.await_word("READY=1")
            process = psutil.Process(daemon.process.pid)
            time.sleep(10)
            before = sum(process.cpu_times()[:2])
            time.sleep(seconds)
            used = sum(process.cpu_times()[:2]) - before
            print(
                f"{contracts:,} contracts: {100 * used / seconds:.2f} % of one processor over "
                f"{seconds:.0f} s, {process.memory_info().rss / 2**20:.0f} MiB"
            )
        finally:
            daemon.close()


if __name__ == "__main__":
    reading = argparse.ArgumentParser()
    reading.add_argument("--contracts", type=int, default=10_000)
    # A little more than the longest time between two sweeps, so that one is part of it.
    reading.add_argument("--seconds", type=float, default=310)
    given = reading.parse_args()
    measure(given.contracts, given.seconds)
