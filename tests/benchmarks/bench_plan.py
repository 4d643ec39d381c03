"""How much CPU a plan takes, by the size of the fleet and how crowded its stops are.

    python -m tests.benchmarks.bench_plan [--only NAME]

Prints the CPU seconds of one plan as a daemon makes it, beside what it may take, how many runs it
names and how many of them cannot be in time. Since machines differ, it also prints what a plan
costs for each server that is near its stop, as so many times the making of one plain value. Ends
with 1 if one takes longer than it may.
"""

import argparse
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from daemon.domain.garbage import paused_collection
from daemon.domain.outlook import Life, Outlook, Sample, VerifiedCopy
from daemon.domain.phase import UNKNOWN_COURSE, Timeline
from daemon.domain.plan import Assumptions, Limits, Plan
from daemon.domain.planner import decide
from daemon.domain.remedies import Ground
from daemon.domain.schedule import Block
from daemon.domain.verification import Depth

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
_GIB = 1024**3


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A fleet: so many servers, whose stops lie within so many days.

    Attributes:
        limit: CPU seconds that its plan may take.
    """

    servers: int
    days: int
    limits: Limits
    limit: float


CASES = {
    "10k-year": Case(servers=10_000, days=365, limits=Limits(slots=50), limit=0.1),
    "100k-year": Case(servers=100_000, days=365, limits=Limits(slots=200), limit=1),
    "100k-crowded": Case(servers=100_000, days=25, limits=Limits(slots=2000), limit=5),
    "100k-overload": Case(servers=100_000, days=25, limits=Limits(slots=200), limit=5),
    "10k-bandwidth": Case(
        servers=10_000, days=25, limits=Limits(slots=50, bandwidth=500 * 1024**2), limit=1
    ),
}


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=CASES)
    only = parser.parse_args().only
    over = 0
    columns = ("fleet", "CPU s", "limit", "runs", "late", "values per run")
    print("{:<14} {:>7} {:>6} {:>7} {:>7} {:>15}".format(*columns))
    for name, case in CASES.items():
        if only in {None, name}:
            over += _measure(name, case)
    return 1 if over else 0


def _measure(name: str, case: Case) -> bool:
    fleet = _draw(case)
    ground = Ground(
        outlooks=fleet, policies=(), limits=case.limits, assumptions=Assumptions(), now=NOW
    )
    before = _cost_of_a_value()
    taken, made = min((_plan(ground) for _ in range(2)), key=lambda result: result[0])
    value = (before + _cost_of_a_value()) / 2
    late = sum(not run.feasible for run in made.runs)
    per_run = taken / max(1, len(made.runs)) / value
    print(
        f"{name:<14} {taken:>7.2f} {case.limit:>6} {len(made.runs):>7} {late:>7} {per_run:>15.0f}"
    )
    return taken > case.limit


def _plan(ground: Ground) -> tuple[float, Plan]:
    begun = time.process_time()
    made = decide(ground)
    return time.process_time() - begun, made


def _cost_of_a_value() -> float:
    """CPU seconds for one frozen value of six fields."""
    with paused_collection():
        begun = time.process_time()
        made = [
            Block(rank=place, server="", ready=place, length=1, rate=1, store="")
            for place in range(20_000)
        ]
        return (time.process_time() - begun) / len(made)


def _draw(case: Case) -> Sequence[Outlook]:
    chance = random.Random(1)  # noqa: S311 - the same fleet each time
    return [_draw_one(number, case.days, chance) for number in range(case.servers)]


def _draw_one(number: int, days: int, chance: random.Random) -> Outlook:
    expires = NOW + timedelta(hours=chance.randrange(days * 24))
    saved = chance.random() < 0.8
    copy = VerifiedCopy(
        run=f"run-{number}",
        at=NOW - timedelta(seconds=chance.randrange(10 * 86400)),
        depth=Depth.HASHED,
        store="main",
    )
    samples = tuple(
        Sample(
            seconds=chance.randrange(60, 4000),
            verify_seconds=10,
            bytes=10 * _GIB,
            new_bytes=chance.randrange(_GIB),
            gap_seconds=86400,
        )
        for _ in range(5)
    )
    return Outlook(
        server=f"server-{number}",
        store="main",
        value=chance.randrange(100),
        life=Life(
            contract=f"contract-{number}",
            provider="any",
            account=None,
            timeline=Timeline(expires=expires, course=UNKNOWN_COURSE),
        ),
        copy=copy if saved else None,
        samples=samples if saved else (),
    )


if __name__ == "__main__":
    sys.exit(main())
