"""The edges of what speaks against a server being safe; the plain cases are in `test_status`."""

from datetime import timedelta
from typing import Any

import pytest

from daemon.domain.phase import Course, Phase
from daemon.domain.plan import Reason
from daemon.domain.policy import Policy, Rung
from daemon.domain.verdict import Verdict
from tests.unit.domain.test_status import (
    DAY,
    HOUR,
    RUNNING,
    a_copy,
    a_planned,
    an_attempt,
    status_of,
)

#: Nobody answers between the stop and a grace of a day; then ssh comes back for a week.
RETURNING = Course(
    phases=(
        Phase(name="stopped", start=timedelta(), renewal=True),
        Phase(name="rescue", start=DAY, ssh=True),
        Phase(name="released", start=8 * DAY, data=False),
    )
)
GRACE = Course(
    phases=(
        Phase(name="grace", start=timedelta(), ssh=True, renewal=True),
        Phase(name="released", start=15 * DAY, data=False),
    )
)
BY_LADDER = Policy(final=False, ladder=(Rung(within=30 * DAY, every=DAY),))

CASES: list[tuple[str, Verdict, dict[str, Any], str]] = [
    (
        "unsaved, but in a phase in which it should answer again: late, not lost",
        Verdict.LATE,
        {"left": -2 * DAY, "course": RETURNING},
        "should answer again: save it now",
    ),
    (
        "unsaved while nobody answers: lost, though ssh comes back",
        Verdict.LOST,
        {"left": -HOUR, "course": RETURNING},
        "A renewal may bring it back",
    ),
    (
        "expired and still running is said",
        Verdict.SAFE,
        {"left": 10 * DAY, "course": GRACE, "copy": a_copy()},
        "The contract has expired; the server still runs.",
    ),
    (
        "without a timed last run a copy that the ladder will still accept needs no slack",
        Verdict.SAFE,
        {"left": 5 * HOUR, "policy": BY_LADDER, "copy": a_copy(8 * HOUR)},
        "",
    ),
    (
        "one that it will not accept at the stop does",
        Verdict.LATE,
        {"left": 5 * HOUR, "policy": BY_LADDER, "copy": a_copy(20 * HOUR)},
        "The latest safe start was 1 h ago",
    ),
    (
        "after the stop a last copy of a long run is enough, though older than the last interval",
        Verdict.SAFE,
        {"left": -DAY, "takes": 20 * HOUR, "copy": a_copy(DAY + 22 * HOUR)},
        "the last 22 h before the stop",
    ),
    (
        "after the stop, too, a copy from the future is not believed",
        Verdict.AT_RISK,
        {"left": -DAY, "copy": a_copy(-DAY)},
        "dated ahead: a clock was wrong",
    ),
    (
        "a run under way excuses no copy that is twice as old as it may be",
        Verdict.AT_RISK,
        {"left": 20 * DAY, "copy": a_copy(14 * DAY + HOUR), "attempt": an_attempt(**RUNNING)},
        "14 d 1 h old; by now none may be older than 7 d.",
    ),
    (
        "a rescue that ends late is no reproach: there is no date for it",
        Verdict.SAFE,
        {"copy": a_copy(), "planned": a_planned(Reason.RESCUE, 3 * HOUR, 0 * HOUR)},
        "",
    ),
]


@pytest.mark.parametrize(
    ("verdict", "known", "said"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_an_edge(verdict: Verdict, known: dict[str, Any], said: str) -> None:
    status = status_of(**known)
    assert status.verdict is verdict, status.reasons
    assert said in " ".join(status.reasons)


def test_of_equal_gravity_the_one_that_nobody_knows_the_end_of_stands_last() -> None:
    last = status_of(left=None)
    assert last.urgency[1] is True
    assert max([last, status_of(left=9 * DAY)], key=lambda each: each.urgency) is last
