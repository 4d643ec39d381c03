"""How long a fleet takes to import, once and again, beside inserting the same rows and no more.

    python -m tests.benchmarks.bench_import [--kind sqlite|postgresql] [--count 10000]

Imports so many servers and as many contracts from one fleet file by the program itself, as a
person would; each figure is a whole command, the interpreter's start included. The ratio is to the
floor: a bare `executemany` of the rows that the import leaves, audit events included, into an
empty database. Ends with 1 if the first import took over ten seconds for every 10,000.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from sqlalchemy import Engine, insert, select

from daemon.domain.fleet import Fleet
from daemon.services.fleet_export import write_csv, write_toml
from daemon.store.engine import open_engine
from daemon.store.migration import upgrade
from daemon.store.tables import AUDIT_EVENTS, CONTRACT_SERVERS, CONTRACTS, SERVERS
from tests.benchmarks.bench_store import a_contract, a_server, database

ROWS = (SERVERS, CONTRACTS, CONTRACT_SERVERS, AUDIT_EVENTS)
SECONDS_FOR_EACH = 10.0 / 10_000


def command(folder: Path, *words: str) -> float:
    """The seconds that one command takes, from its start to its end."""
    environment = {**os.environ, "LAPSEGUARD_CONFIG": str(folder / "lapseguard.toml")}
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "daemon", *words],
        env=environment,
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return time.perf_counter() - began


def floor(source: Engine, kind: str) -> float:
    """The seconds for nothing but the rows."""
    with source.connect() as connection:
        rows = [
            (table, [dict(row._mapping) for row in connection.execute(select(table))])
            for table in ROWS
        ]
    with database(kind) as url:
        upgrade(url)
        engine = open_engine(url)
        began = time.perf_counter()
        with engine.begin() as connection:
            for table, values in rows:
                connection.execute(insert(table), values)
        taken = time.perf_counter() - began
        engine.dispose()
    return taken


def measure(kind: str, count: int, folder: Path, url: str) -> bool:
    """Print the figures; whether the first import was quick enough."""
    servers = tuple(map(a_server, range(count)))
    contracts = tuple(map(a_contract, range(count)))
    file, table = folder / "fleet.toml", folder / "contracts.csv"
    file.write_text(write_toml(Fleet(servers=servers, contracts=contracts)))
    table.write_text(write_csv(contracts))
    (folder / "store").mkdir()
    new = ("--state-dir", str(folder / "state"), "--store-url", f"file://{folder}/store")
    command(folder, "init", *new, "--database", url)
    first = command(folder, "import", str(file))
    engine = open_engine(url)
    bare = floor(engine, kind)
    engine.dispose()
    show("import of servers and contracts", first, bare)
    show("the same again", command(folder, "import", str(file)), bare)
    show("contracts again, as CSV", command(folder, "import", str(table)), bare)
    show("dry run", command(folder, "import", "--dry-run", str(file)), bare)
    show("export", command(folder, "export", str(folder / "out.toml")), bare)
    show("bare rows", bare, bare)
    return first <= SECONDS_FOR_EACH * count


def show(what: str, seconds: float, bare: float) -> None:
    print(f"{what:<34} {seconds:8.2f} s {seconds / bare:8.1f} x", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kind", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--count", type=int, default=10_000)
    given = parser.parse_args()
    print(f"{given.kind}, {given.count:,} servers and as many contracts")
    with tempfile.TemporaryDirectory() as folder, database(given.kind) as url:
        quick = measure(given.kind, given.count, Path(folder), url)
    return 0 if quick else 1


if __name__ == "__main__":
    sys.exit(main())
