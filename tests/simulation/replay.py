"""One world again, alone: what happened in it, and what should not have.

python -m tests.simulation.replay SEED [--kind KIND] [--server NAME]
"""

import argparse
import sys

from daemon.domain.plan import PlannedRun
from tests.simulation.daemons import SimulatedDaemon
from tests.simulation.planning import Planning, Sweep
from tests.simulation.play import draw, play
from tests.simulation.tally import tally
from tests.simulation.watch import Watch


class Teller(Watch):
    """Tells each start of one server as well, or of all."""

    def __init__(self, seed: str, server: str | None) -> None:
        super().__init__(seed)
        self._server = server

    def planned(
        self, daemon: SimulatedDaemon, sweep: Sweep, chosen: tuple[PlannedRun, ...]
    ) -> None:
        super().planned(daemon, sweep, chosen)
        for planned in chosen:
            demand, now = planned.demand, sweep.world.now
            if self._server in {None, demand.server}:
                clocks = f"wall {sweep.present.wall - now}, carried {sweep.present.carried - now}"
                print(f"{now:%Y-%m-%d %H:%M:%S} {daemon.owner} {demand.server}")
                print(f"    {demand.reason.value}: {demand.explanation} ({clocks})")
                print(f"    up to {demand.estimate.high}, start by {planned.start_by}")


def main() -> int:
    """Play it and tell; 1 if a rule was broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seed")
    parser.add_argument("--kind", default=None)
    parser.add_argument("--server", default=None, help="tell the starts of this one alone")
    parser.add_argument("--quiet", action="store_true", help="tell no starts")
    given = parser.parse_args()
    scenario = draw(given.seed, given.kind)
    watch = Watch(given.seed) if given.quiet else Teller(given.seed, given.server)
    record = play(scenario, Planning(watch))
    figures = tally(record, 0.0, watched=True)
    print(f"{figures.server_years:.1f} server-years, {figures.stops} stops, {figures.runs} runs")
    for finding in figures.findings:
        print(finding)
    return 1 if figures.findings else 0


if __name__ == "__main__":
    sys.exit(main())
