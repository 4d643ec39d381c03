"""Many worlds, one after another, until so many server-years have passed; and a report on them.

    python -m tests.simulation.soak --server-years 10000 --seed 1 --report FILE [--workers 2]

Writes FILE as Markdown and, beside it, the same figures as JSON. Ends with 1 if a rule was broken.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import count, islice
from pathlib import Path

from tests.simulation.report import write_report
from tests.simulation.tally import PLANNER, WAYS, Tally, play_seed

#: Worlds that are handed out at once.
BATCH = 16


def soak(server_years: float, seed: str, ways: Sequence[str], workers: int = 1) -> dict[str, Tally]:
    """Play the worlds `SEED-0`, `SEED-1`, … until so many server-years have passed."""
    totals = {way: Tally() for way in ways}
    seeds = (f"{seed}-{number}" for number in count())
    for tallies in _played(seeds, ways, workers):
        for way, figures in tallies.items():
            totals[way].add(figures)
        if totals[ways[0]].server_years >= server_years:
            return totals
    raise AssertionError("Numbers do not end.")


def _played(seeds: Iterator[str], ways: Sequence[str], workers: int) -> Iterator[dict[str, Tally]]:
    play = partial(play_seed, ways=tuple(ways))
    if workers == 1:
        yield from map(play, seeds)
        return
    with ProcessPoolExecutor(workers) as pool:
        while True:
            yield from pool.map(play, list(islice(seeds, BATCH)))


def main() -> int:
    """Soak and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server-years", type=float, default=10_000)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--report", type=Path, default=None)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--alone", action="store_true", help="without the two rivals")
    given = parser.parse_args()
    ways = [PLANNER] if given.alone else list(WAYS)
    totals = soak(given.server_years, given.seed, ways, given.workers)
    text = write_report(totals, given.seed, given.report)
    print(text)
    return 1 if totals[PLANNER].findings else 0


if __name__ == "__main__":
    sys.exit(main())
