"""The planner beside a queue and a nightly cron, on the same fleets under the same weather.

python -m tests.simulation.compare [--server-years 300] [--seed 1]
"""

import argparse

from tests.simulation.report import comparison
from tests.simulation.soak import soak


def main() -> None:
    """Play and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server-years", type=float, default=300)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--workers", type=int, default=1)
    given = parser.parse_args()
    years = given.server_years
    *_, played = soak(years, given.seed, beside=years, workers=given.workers)
    print(comparison(played.compared))


if __name__ == "__main__":
    main()
