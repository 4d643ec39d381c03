"""What one whole sweep costs: read everything, assemble, plan, choose what to start.

    python -m tests.benchmarks.bench_sweep [--kind sqlite|postgresql] [--count 10000] [--days 833]

Makes so many servers, each with a contract that ends within so many days and a standing of ten
samples, in a database of its own, and lets the daemon's own sweeper look at them three times; no
run is carried out. Processor time of this process stands beside wall time: on PostgreSQL the rest
is the server. Ends with 1 if the quickest sweep took more wall time than is allowed: a second for
10,000 contracts, twelve for 100,000, the same in between.
"""

import argparse
import gc
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import insert

from daemon.clock import SystemClock
from daemon.domain.contract import Contract, Expiry
from daemon.domain.plan import Assumptions, Limits
from daemon.domain.planner import plan_present
from daemon.domain.policy import DEFAULT_POLICY
from daemon.domain.present import Present
from daemon.services.planning import Planning
from daemon.services.sweeper import Sweeper, Swept
from daemon.services.units import Units
from daemon.services.workforce import Workforce
from daemon.store.engine import open_engine
from daemon.store.migration import upgrade
from daemon.store.tables import STANDINGS
from daemon.store.unit_of_work import UnitOfWork
from tests.benchmarks.bench_store import CHANCE, PIECE, a_contract, a_server, a_standing, database
from tests.factories import FakeClock

TIMES = 3
#: Contracts, and the seconds that a sweep over so many may take.
GOALS = ((10_000, 1.0), (100_000, 12.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Seconds of one sweep."""

    wall: float
    processor: float


def ending(number: int, days: int) -> Contract:
    """A contract that ends within so many days, but not yet."""
    end = datetime.now(UTC) + timedelta(days=1, minutes=CHANCE.randrange(days * 24 * 60))
    expiry = Expiry(text=end.strftime("%Y-%m-%dT%H:%M"), timezone="UTC")
    return replace(a_contract(number), expiry=expiry)


@contextmanager
def filled(kind: str, count: int, days: int) -> Iterator[Units]:
    """A database with a fleet of that size."""
    with database(kind) as url:
        upgrade(url)
        engine, clock = open_engine(url), SystemClock()

        def unit(*, read_only: bool = False, at_once: bool = False) -> UnitOfWork:
            return UnitOfWork(
                engine, clock=clock, actor="bench", read_only=read_only, at_once=at_once
            )

        for start in range(0, count, PIECE):
            numbers = range(start, min(start + PIECE, count))
            with unit() as work:
                work.servers.add_all([a_server(n) for n in numbers])
                work.contracts.add_all([ending(n, days) for n in numbers])
                work.commit()
            with engine.begin() as connection:
                connection.execute(insert(STANDINGS), [a_standing(n) for n in numbers])
        yield unit
        engine.dispose()


def sweeps(units: Units) -> Iterator[tuple[Cost, Swept]]:
    """Sweeps of one daemon, one after another, each with its cost."""
    planning = Planning(
        units=units,
        clock=SystemClock(),
        policies=(DEFAULT_POLICY,),
        limits=Limits(),
        assumptions=Assumptions(),
        default_store="main",
    )
    workforce = Workforce(lambda *_: None, FakeClock(), lambda: None)
    sweeper = Sweeper(
        units=units, workforce=workforce, planner=plan_present, owner="ops-1:1:0-aa", host="ops-1"
    )
    while True:
        now = datetime.now(UTC)
        gc.collect()
        wall, processor = time.perf_counter(), time.process_time()
        swept = sweeper.sweep(planning, Present(wall=now, carried=now, database=now))
        cost = Cost(wall=time.perf_counter() - wall, processor=time.process_time() - processor)
        yield cost, swept


def allowed(count: int) -> float:
    """Seconds for so many contracts."""
    return next((seconds for most, seconds in GOALS if count <= most), 12.0 * count / 100_000)


def measure(kind: str, count: int, days: int) -> bool:
    """Print the figures; whether the best sweep was quick enough."""
    print(f"{kind}, {count:,} contracts that end within {days} days", flush=True)
    costs: list[Cost] = []
    with filled(kind, count, days) as units:
        for cost, swept in sweeps(units):
            assert len(swept.outlooks) == count
            show(cost, swept)
            costs.append(cost)
            if len(costs) == TIMES:
                break
    return min(cost.wall for cost in costs) <= allowed(count)


def show(cost: Cost, swept: Swept) -> None:
    """One line."""
    called = f"{len(swept.plan.runs):,} runs planned, {len(swept.started)} started"
    print(f"  {cost.wall:6.2f} s wall {cost.processor:6.2f} s processor   {called}", flush=True)


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kind", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--days", type=int, default=833)
    given = parser.parse_args(words)
    return 0 if measure(given.kind, given.count, given.days) else 1


if __name__ == "__main__":
    sys.exit(main())
