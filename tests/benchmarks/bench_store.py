"""What the database costs: recording a fleet, reading all of it for a plan, claiming runs.

    python -m tests.benchmarks.bench_store [--kind sqlite|postgresql] [--count 100000]

Makes so many servers, each with a contract and a standing of ten samples, in a database of its
own. Processor time of this process stands beside wall time: on PostgreSQL the rest is the server.
"""

import argparse
import random
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from daemon.clock import SystemClock
from daemon.domain.candidate import Candidate
from daemon.domain.contract import Contract, Expiry
from daemon.domain.outlook import Sample
from daemon.domain.run import RunKind
from daemon.domain.server import Server
from daemon.store.engine import open_engine
from daemon.store.migration import upgrade
from daemon.store.samples import write_samples
from daemon.store.tables import STANDINGS
from daemon.store.unit_of_work import UnitOfWork
from tests.factories import HOST_KEY
from tests.parts.databases import PostgresCluster, postgres_programs, unprivileged_user

NOW = datetime(2026, 11, 23, tzinfo=UTC)
PIECE = 10_000
CHANCE = random.Random(1)  # noqa: S311 - chance that can be repeated


@contextmanager
def timed(what: str) -> Iterator[None]:
    wall, processor = time.perf_counter(), time.process_time()
    yield
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    print(f"{what:<48} {wall:7.2f} s {processor:7.2f} s", flush=True)


@contextmanager
def database(kind: str) -> Iterator[str]:
    folder = Path(tempfile.mkdtemp(prefix="lapseguard-bench-"))
    try:
        if kind == "sqlite":
            yield f"sqlite:///{folder}/lapseguard.db"
        else:
            with cluster(folder) as server:
                server.execute("CREATE DATABASE bench")
                yield server.url("bench")
    finally:
        shutil.rmtree(folder)


@contextmanager
def cluster(folder: Path) -> Iterator[PostgresCluster]:
    programs = postgres_programs()
    assert programs is not None, "PostgreSQL is not installed"
    server = PostgresCluster(folder=folder, programs=programs, user=unprivileged_user())
    if server.user:
        shutil.chown(folder, server.user)
    options = ("-A", "trust", "-U", "lapseguard", "-E", "UTF8", "--locale=C", "--no-sync")
    server.run("initdb", *options, "-D", folder / "data")
    server.start()
    try:
        yield server
    finally:
        server.stop()


def a_server(number: int) -> Server:
    return Server(
        name=f"server-{number:06}",
        host=f"host-{number}.example",
        user="backup",
        host_key=HOST_KEY,
        paths=("/srv", "/etc"),
        created_at=NOW,
    )


def a_contract(number: int) -> Contract:
    end = NOW + timedelta(hours=CHANCE.randrange(20_000))
    return Contract(
        name=f"contract-{number:06}",
        provider="aliyun",
        servers=(f"server-{number:06}",),
        expiry=Expiry(text=end.strftime("%Y-%m-%dT%H:%M"), timezone="Asia/Shanghai"),
        labels=("prod",),
        created_at=NOW,
    )


def a_sample() -> Sample:
    return Sample(
        seconds=round(CHANCE.uniform(10, 9000), 3),
        verify_seconds=round(CHANCE.uniform(1, 100), 3),
        bytes=CHANCE.randrange(10**12),
        new_bytes=CHANCE.randrange(10**10),
        gap_seconds=round(CHANCE.uniform(3600, 86_400), 3),
    )


def a_standing(number: int) -> dict[str, Any]:
    at, run = NOW - timedelta(seconds=CHANCE.randrange(10**6)), f"20261123T060101Z-{number:06x}"
    return {
        "server": f"server-{number:06}",
        "copy_run": run,
        "copy_at": at,
        "copy_depth": "stored",
        "copy_store": "main",
        "run": run,
        "kind": "scheduled",
        "state": "verified",
        "started_at": at,
        "finished_at": at + timedelta(minutes=9),
        "failures": 0,
        "owner": f"ops-{number % 3}:{number}:aa",
        "lease_until": at + timedelta(minutes=2),
        "samples": write_samples(a_sample() for _ in range(10)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kind", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--count", type=int, default=100_000)
    given = parser.parse_args()
    print(f"{given.kind}, {given.count} servers {'wall':>32} {'processor':>11}")
    with database(given.kind) as url:
        measure(url, given.count)


def measure(url: str, count: int) -> None:
    upgrade(url)
    engine, clock = open_engine(url), SystemClock()

    def unit(**given: bool) -> UnitOfWork:
        return UnitOfWork(engine, clock=clock, actor="bench", **given)

    for start in range(0, count, PIECE):
        numbers = range(start, min(start + PIECE, count))
        servers, contracts = [a_server(n) for n in numbers], [a_contract(n) for n in numbers]
        with timed(f"record {len(servers)} servers and contracts"), unit() as work:
            work.servers.add_all(servers)
            work.contracts.add_all(contracts)
            work.commit()
        with engine.begin() as connection:
            connection.execute(insert(STANDINGS), [a_standing(n) for n in numbers])
    with timed("read all of it for a plan"), unit(read_only=True) as work:
        with timed("  servers"):
            servers_ = work.planning.servers()
        with timed("  contracts"):
            contracts_ = work.planning.contracts()
        with timed("  standings"):
            standings = work.planning.standings()
    assert len(servers_) == len(contracts_) == len(standings) == count
    with timed("look 1000 times whether anything has changed"):
        for _ in range(1000):
            with unit(read_only=True) as work:
                work.audit.head()
    fleet = [
        Candidate(server=server.name, kind=RunKind.SCHEDULED, store="main")
        for server in servers_[:200]
    ]
    with timed("claim a run of each of 200 servers"):
        for number in range(len(fleet)):
            with unit(at_once=True) as work:
                work.runs.claim_first(
                    fleet,
                    run=f"20261124T060101Z-{number:06x}",
                    owner="ops-1:1:aa",
                    lease=timedelta(minutes=2),
                )
                work.commit()
    engine.dispose()


if __name__ == "__main__":
    main()
