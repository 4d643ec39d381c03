"""Fleets with as little said as possible, for tests of what is foreseen and told of them."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from daemon.domain.outlook import Attempt, Life, Outlook, VerifiedCopy
from daemon.domain.phase import Course, Phase, Timeline
from daemon.domain.plan import Assumptions, Limits
from daemon.domain.policy import DEFAULT_POLICY, Policy
from daemon.domain.prospect import Prospect
from daemon.domain.run import RunKind, RunState
from daemon.domain.verification import Depth
from tests.factories import NOW

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
GIB = 1024**3
#: Stopped at the expiry, destroyed fifteen days later.
COURSE = Course(
    phases=(
        Phase(name="stopped", start=timedelta(), renewal=True),
        Phase(name="released", start=15 * DAY, data=False),
    )
)


def a_copy(age: timedelta = HOUR, **changes: Any) -> VerifiedCopy:
    """A copy whose run began so long before NOW."""
    given: dict[str, Any] = {
        "run": "20261123T050101Z-aaaaaa",
        "at": NOW - age,
        "depth": Depth.STORED,
        "store": "main",
    }
    return VerifiedCopy(**(given | changes))


def an_outlook(
    server: str = "web-1", left: timedelta | None = 20 * DAY, course: Course = COURSE, **known: Any
) -> Outlook:
    """A server of 1 GiB that stops so long after NOW; None where no contract says when."""
    life = None
    if left is not None:
        timeline = Timeline(expires=NOW + left - course.stop, course=course)
        life = Life(contract=f"c-{server}", provider="aliyun", account=None, timeline=timeline)
    given: dict[str, Any] = {"store": "main", "measured_bytes": GIB}
    return Outlook(server=server, life=life, **(given | known))


def under_way(
    begun: timedelta = MINUTE, lease: timedelta = MINUTE, kind: RunKind = RunKind.SCHEDULED
) -> Attempt:
    """A run that began so long before NOW, and whose lease lasts so long after it."""
    return Attempt(
        run="20261123T060001Z-bbbbbb",
        kind=kind,
        state=RunState.PULLING,
        started_at=NOW - begun,
        finished_at=None,
        failures=0,
        error=None,
        owner="ops-1:1:aa",
        lease_until=NOW + lease,
    )


def a_prospect(
    *outlooks: Outlook, policy: Policy = DEFAULT_POLICY, slots: int = 2, **limits: Any
) -> Prospect:
    """These servers, with so many slots."""
    return Prospect(
        outlooks=outlooks,
        policies=(policy,),
        limits=Limits(slots=slots, **limits),
        assumptions=Assumptions(),
    )


@st.composite
def outlooks(draw: st.DrawFn, servers: Iterable[str] = ("a", "b", "c", "d")) -> list[Outlook]:
    """Some servers: some stop soon, some later or never; large and small, saved and not."""
    return [
        an_outlook(
            name,
            draw(st.none() | st.integers(1, 60 * 24).map(lambda hours: hours * HOUR)),
            measured_bytes=draw(st.sampled_from([0, GIB, 20 * GIB, 80 * GIB])),
            copy=draw(st.none() | st.integers(0, 40 * 24).map(lambda hours: a_copy(hours * HOUR))),
            attempt=draw(st.none() | st.just(under_way())),
        )
        for name in servers
    ]
