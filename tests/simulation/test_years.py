"""A thousand server-years under the real planner: nothing feasible is missed, nothing done twice.

Each test plays worlds of fixed seeds. What it finds is replayed with
`python -m tests.simulation.replay SEED --kind KIND`.
"""

from collections.abc import Iterator

import pytest

from tests.simulation.tally import PLANNER, Tally, play_seed

#: Kinds of worlds, server-years of each test, and how many tests there are of it.
SHARES = (
    ("crowded", 25, 2),
    ("clocks", 50, 3),
    ("stormy", 50, 6),
    ("shared", 50, 4),
    ("calm", 50, 4),
    ("calendar", 100, 1),
)
PARTS = [
    pytest.param(kind, part, years, id=f"{kind}-{part}")
    for kind, years, parts in SHARES
    for part in range(parts)
]


def test_the_shares_come_to_a_thousand_server_years() -> None:
    assert sum(years * parts for _, years, parts in SHARES) >= 1000


@pytest.mark.parametrize(("kind", "part", "years"), PARTS)
def test_no_feasible_deadline_is_missed_and_no_rule_is_broken(
    kind: str, part: int, years: int
) -> None:
    """Over worlds of one kind. See `watch`, `oracle`, `rescues` and `effects` for the rules."""
    total = Tally()
    for figures in _worlds(kind, part):
        total.add(figures)
        if total.server_years >= years:
            break

    assert not total.findings, "\n".join(str(finding) for finding in total.findings)
    assert total.missed == 0
    assert total.feasible > total.stops / 4, "The oracle asks for too little to mean anything."


def _worlds(kind: str, part: int) -> Iterator[Tally]:
    for number in range(1000):
        yield play_seed(f"ci-{part}-{number}", kind=kind)[PLANNER]
