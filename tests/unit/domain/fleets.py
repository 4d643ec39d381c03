"""Fleets for the planner: servers near their stops, with all that a plan depends on."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from daemon.domain.outlook import Attempt, Outlook, Sample
from daemon.domain.plan import Assumptions, Limits, Plan, PlannedRun
from daemon.domain.planner import plan
from daemon.domain.policy import Policy
from daemon.domain.run import RunKind, RunState
from tests.factories import NOW
from tests.unit.domain.prospects import GIB, HOUR, MINUTE, a_copy, an_outlook

#: Nothing is added to what a test says, so that durations are round.
PLAINLY = Assumptions(overhead=timedelta(), safety=1.0)
MIB = 1024**2


def a_sample(hours: float) -> Sample:
    """A whole run that took so long."""
    return Sample(
        seconds=hours * 3600, verify_seconds=0, bytes=GIB, new_bytes=GIB, gap_seconds=None
    )


def a_server(name: str, left: timedelta, hours: float, **known: Any) -> Outlook:
    """A server that stops so long after NOW, and whose runs take so many hours."""
    given: dict[str, Any] = {"samples": (a_sample(hours),)}
    return an_outlook(name, left, **(given | known))


def early() -> Outlook:
    """One that stops in 25 hours and was saved seven hours ago, by a run that began too early.

    Two of its last runs took 30 hours, the others five.
    """
    whole = (a_sample(30), a_sample(30), *[a_sample(5)] * 8)
    taken = tuple(replace(each, gap_seconds=86_400.0) for each in whole)
    return a_server("a", 25 * HOUR, 5, samples=taken, copy=a_copy(7 * HOUR))


def an_attempt(begun: timedelta = HOUR, **changes: Any) -> Attempt:
    """A run under way that began so long before NOW."""
    given: dict[str, Any] = {
        "run": "20261123T050101Z-cccccc",
        "kind": RunKind.SCHEDULED,
        "state": RunState.PULLING,
        "started_at": NOW - begun,
        "finished_at": None,
        "failures": 0,
        "error": None,
        "owner": "ops-1:1:aa",
        "lease_until": NOW + MINUTE,
    }
    return Attempt(**(given | changes))


def plan_of(
    *fleet: Outlook,
    now: datetime = NOW,
    policies: Sequence[Policy] = (),
    slots: int = 1,
    **limits: Any,
) -> Plan:
    """What is planned for them."""
    return plan(fleet, policies, Limits(slots=slots, **limits), PLAINLY, now)


def runs_of(*fleet: Outlook, **given: Any) -> dict[str, PlannedRun]:
    """The same, by server."""
    return {run.demand.server: run for run in plan_of(*fleet, **given).runs}


_ATTEMPTS = st.none() | st.builds(
    lambda begun, failures, ended: an_attempt(
        timedelta(minutes=begun + 5),
        failures=failures if ended else 0,
        state=RunState.FAILED if ended else RunState.PULLING,
        finished_at=NOW - timedelta(minutes=begun) if ended else None,
    ),
    st.integers(0, 300),
    st.integers(1, 8),
    st.booleans(),
)


@st.composite
def fleets(draw: st.DrawFn, names: Iterable[str] = "abcdef") -> list[Outlook]:
    """Servers of which most stop within hours or days, so that they stand in each other's way."""
    return [
        a_server(
            name,
            timedelta(minutes=draw(st.integers(-600, 3000) | st.integers(-600, 60_000))),
            draw(st.sampled_from([0.1, 0.5, 1, 2, 5, 12])),
            value=draw(st.integers(0, 5)),
            store=draw(st.sampled_from(["main", "other"])),
            copy=draw(st.none() | st.integers(-2, 900).map(lambda hours: a_copy(hours * HOUR))),
            attempt=draw(_ATTEMPTS),
        )
        for name in draw(st.sets(st.sampled_from(sorted(names)), min_size=1).map(sorted))
    ]


#: What they share.
limits_of_fleets = st.builds(
    Limits,
    slots=st.integers(1, 3),
    bandwidth=st.none() | st.integers(1, 4).map(lambda mib: mib * MIB // 4),
    stores=st.just({}) | st.integers(1, 4).map(lambda mib: {"main": mib * MIB // 8}),
)
