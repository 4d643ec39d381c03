"""Many worlds, one after another, until so many server-years have passed; and a report on them.

    python -m tests.simulation.soak --server-years 10000 --seed 1 --report FILE [--workers 2]

Writes FILE as Markdown and, beside it, the same figures as JSON; both after every few worlds, so
that what is finished is told whatever ends the soak. Ends with 1 if a rule was broken.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from itertools import count, islice
from pathlib import Path

from tests.simulation.report import tell, write_report
from tests.simulation.tally import PLANNER, WAYS, Tally, play_seed

#: Worlds that are handed out at once.
BATCH = 16


@dataclass(slots=True, kw_only=True)
class Soak:
    """What has been played so far.

    Attributes:
        wanted: Server-years.
        seed: Worlds are `SEED-0`, `SEED-1`, …
        ours: The planner's figures, of all worlds.
        compared: Every way's figures, of the first worlds.
    """

    wanted: float
    seed: str
    ours: Tally = field(default_factory=Tally)
    compared: dict[str, Tally] = field(default_factory=lambda: {way: Tally() for way in WAYS})

    def add(self, tallies: dict[str, Tally]) -> None:
        """Take one world in."""
        self.ours.add(tallies[PLANNER])
        if len(tallies) == len(WAYS):
            for way, figures in tallies.items():
                self.compared[way].add(figures)

    @property
    def is_done(self) -> bool:
        """Whether as much was played as was wanted."""
        return self.ours.server_years >= self.wanted


def soak(wanted: float, seed: str, beside: float, workers: int = 1) -> Iterator[Soak]:
    """Play worlds until so many server-years have passed; what there is after each few of them.

    Args:
        wanted: Server-years.
        seed: See `Soak`.
        beside: In so many of them the rivals save the same fleets.
        workers: Processes.
    """
    so_far = Soak(wanted=wanted, seed=seed)
    numbers = count()
    with ExitStack() as stack:
        spread = map
        if workers > 1:
            spread = stack.enter_context(ProcessPoolExecutor(workers)).map
        while not so_far.is_done:
            ways: Sequence[str] = tuple(WAYS) if so_far.ours.server_years < beside else (PLANNER,)
            seeds = [f"{seed}-{number}" for number in islice(numbers, BATCH)]
            for tallies in spread(partial(play_seed, ways=ways), seeds):
                so_far.add(tallies)
            yield so_far


def main() -> int:
    """Soak and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server-years", type=float, default=10_000)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--report", type=Path, default=None)
    parser.add_argument("--beside", type=float, default=500, help="server-years of the rivals")
    parser.add_argument("--workers", type=int, default=1)
    given = parser.parse_args()
    for so_far in soak(given.server_years, given.seed, given.beside, given.workers):
        write_report(so_far, given.report)
    print(tell(so_far))
    return 1 if so_far.ours.findings else 0


if __name__ == "__main__":
    sys.exit(main())
