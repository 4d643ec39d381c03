"""A verdict follows from proven copies, the time that is left, and nothing else."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.domain.outlook import Attempt, Life, Outlook, VerifiedCopy
from daemon.domain.phase import Course, Phase, Timeline
from daemon.domain.plan import Basis, Demand, Estimate, PlannedRun, Reason
from daemon.domain.policy import Policy
from daemon.domain.run import Failure, RunKind, RunState
from daemon.domain.situation import Situation
from daemon.domain.status import ServerStatus, judge
from daemon.domain.verdict import Verdict
from daemon.domain.verification import Depth
from tests.factories import NOW

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
#: Stopped at the expiry, destroyed fifteen days later.
COURSE = Course(
    phases=(
        Phase(name="stopped", start=timedelta(), renewal=True),
        Phase(name="released", start=15 * DAY, data=False),
    )
)


def a_copy(age: timedelta = HOUR, depth: Depth = Depth.STORED) -> VerifiedCopy:
    return VerifiedCopy(run="20261123T060101Z-aaaaaa", at=NOW - age, depth=depth, store="main")


def a_life(left: timedelta = 60 * DAY, course: Course = COURSE) -> Life:
    timeline = Timeline(expires=NOW + left - course.stop, course=course)
    return Life(contract="c-1", provider="aliyun", account=None, timeline=timeline)


def an_attempt(**changes: Any) -> Attempt:
    given: dict[str, Any] = {
        "run": "20261123T050101Z-bbbbbb",
        "kind": RunKind.SCHEDULED,
        "state": RunState.FAILED,
        "started_at": NOW - HOUR,
        "finished_at": NOW - HOUR / 2,
        "failures": 1,
        "error": Failure(code="HostUnreachable", message="No route to the host.", hint=""),
        "owner": "ops-1:1:aa",
        "lease_until": NOW - HOUR / 2,
    }
    return Attempt(**(given | changes))


RUNNING: dict[str, Any] = {
    "state": RunState.PULLING,
    "finished_at": None,
    "failures": 0,
    "error": None,
    "lease_until": NOW + HOUR,
}


def status_of(
    *,
    left: timedelta | None = 60 * DAY,
    course: Course = COURSE,
    takes: timedelta = 4 * HOUR,
    policy: Policy | None = None,
    planned: PlannedRun | None = None,
    now: datetime = NOW,
    **known: Any,
) -> ServerStatus:
    """The status of a server that has so much time left at NOW, and whose last run `takes` so."""
    policy = policy or Policy()
    life = None if left is None else a_life(left, course)
    latest = None if life is None else life.timeline.stop_at - policy.margin - takes
    outlook = Outlook(server="web-1", store="main", life=life, **known)
    return judge(
        Situation(
            outlook=outlook,
            policy=policy,
            planned=planned,
            latest_safe_start=latest,
            final_from=latest and latest - timedelta(minutes=1),
            now=now,
        )
    )


def a_planned(reason: Reason, misses_by: timedelta, spare: timedelta) -> PlannedRun:
    """A run that ends too late, with so much between its `finish_by` and its `final_by`."""
    demand = Demand(
        server="web-1",
        contract="c-1",
        kind=RunKind.SCHEDULED,
        reason=reason,
        explanation="",
        due_at=NOW,
        finish_by=NOW + DAY,
        final_by=NOW + DAY + spare,
        estimate=Estimate(low=HOUR, high=HOUR, basis=Basis.HISTORY, rate=1),
        value=0,
        store="main",
    )
    return PlannedRun(
        demand=demand,
        start_by=NOW,
        start_at=NOW,
        feasible=False,
        misses_by=misses_by,
        remedies=("One more slot.",),
    )


CASES: list[tuple[str, Verdict, dict[str, Any], str]] = [
    ("a young copy and weeks to go are safe", Verdict.SAFE, {"copy": a_copy()}, ""),
    (
        "before the seed is due a copy may be of any age",
        Verdict.SAFE,
        {"copy": a_copy(300 * DAY)},
        "",
    ),
    ("no copy is a risk long before the stop", Verdict.AT_RISK, {}, "the first is due on 2026-12"),
    ("no copy near the stop is a risk", Verdict.AT_RISK, {"left": 9 * DAY}, "the first is due."),
    (
        "a copy older than the rung allows is a risk",
        Verdict.AT_RISK,
        {"left": 20 * DAY, "copy": a_copy(7 * DAY + HOUR)},
        "7 d 1 h old; by now none may be older than 7 d",
    ),
    (
        "a copy exactly as old as the rung allows is not",
        Verdict.SAFE,
        {"left": 20 * DAY, "copy": a_copy(7 * DAY)},
        "",
    ),
    (
        "an old copy is no risk while the next one is being made",
        Verdict.SAFE,
        {"left": 20 * DAY, "copy": a_copy(7 * DAY + HOUR), "attempt": an_attempt(**RUNNING)},
        "the next one is being made",
    ),
    (
        "a copy from the future is not believed",
        Verdict.AT_RISK,
        {"left": 20 * DAY, "copy": a_copy(-DAY)},
        "a clock was wrong",
    ),
    (
        "a shallow copy is a risk",
        Verdict.AT_RISK,
        {"copy": a_copy(depth=Depth.LISTED)},
        "verified as listed only",
    ),
    (
        "a copy that dies with the server is a risk",
        Verdict.AT_RISK,
        {"copy": a_copy(), "same_fate": ("Both are with aliyun.",)},
        "Both are with aliyun.",
    ),
    (
        "unless that was accepted, which is still said",
        Verdict.SAFE,
        {"copy": a_copy(), "same_fate": ("Both are with aliyun.",), "fate_accepted": True},
        "this was accepted",
    ),
    (
        "little slack is a risk",
        Verdict.AT_RISK,
        {"left": 1.5 * DAY, "takes": 20 * HOUR, "copy": a_copy()},
        "has to start within 14 h",
    ),
    (
        "a latest safe start that has passed is late",
        Verdict.LATE,
        {"left": 5 * HOUR, "copy": a_copy(2 * HOUR)},
        "The latest safe start was 1 h ago",
    ),
    (
        "a copy that began just before the latest safe start is the last one",
        Verdict.SAFE,
        {"left": 5 * HOUR, "copy": a_copy(HOUR + timedelta(seconds=59))},
        "",
    ),
    (
        "a last run that began in time is no delay",
        Verdict.AT_RISK,
        {
            "left": 5 * HOUR,
            "copy": a_copy(3 * HOUR),
            "attempt": an_attempt(**RUNNING),
        },
        "it began in time",
    ),
    (
        "one that eats up the margin is late",
        Verdict.LATE,
        {
            "left": HOUR,
            "takes": 0 * HOUR,
            "copy": a_copy(3 * HOUR),
            "attempt": an_attempt(**RUNNING),
        },
        "",
    ),
    (
        "a failing server is a risk and says why",
        Verdict.AT_RISK,
        {"copy": a_copy(), "attempt": an_attempt(failures=3)},
        "The newest 3 attempts saved nothing complete: No route to the host.",
    ),
    (
        "a run that was told to end is no failure",
        Verdict.SAFE,
        {
            "copy": a_copy(),
            "attempt": an_attempt(
                failures=0, error=Failure(code="RunPaused", message="It gave way.", hint="")
            ),
        },
        "ended before it was complete: It gave way.",
    ),
    (
        "a run under way says who holds it and until when",
        Verdict.SAFE,
        {"copy": a_copy(), "attempt": an_attempt(**RUNNING)},
        "; ops-1 holds it until 2026-11-23T",
    ),
    (
        "a run that fell silent is a risk",
        Verdict.AT_RISK,
        {"copy": a_copy(), "attempt": an_attempt(**(RUNNING | {"lease_until": NOW - HOUR}))},
        "Nothing was heard of the run",
    ),
    (
        "a run that cannot end before the margin is late",
        Verdict.LATE,
        {"copy": a_copy(), "planned": a_planned(Reason.FINAL, 3 * HOUR, 0 * HOUR)},
        "3 h after it has to. What would help: One more slot.",
    ),
    (
        "a ladder run that is only delayed is a risk",
        Verdict.AT_RISK,
        {"copy": a_copy(), "planned": a_planned(Reason.LADDER, 3 * HOUR, 9 * HOUR)},
        "3 h after it has to",
    ),
    ("no contract is a risk", Verdict.AT_RISK, {"left": None, "copy": a_copy()}, "No contract"),
    (
        "a closed contract asks for nothing more",
        Verdict.SAFE,
        {"left": None, "copy": a_copy(90 * DAY), "closed": "migrated"},
        "closed (migrated)",
    ),
    (
        "but nothing is safe of which there is no copy",
        Verdict.AT_RISK,
        {"left": None, "closed": "migrated"},
        "there is no verified copy",
    ),
    (
        "after the stop a copy of the last rung is safe",
        Verdict.SAFE,
        {"left": -DAY, "copy": a_copy(DAY + 5 * HOUR)},
        "the last 5 h before the stop",
    ),
    (
        "after the stop an older one is late, for the server may answer again",
        Verdict.LATE,
        {"left": -DAY, "copy": a_copy(DAY + 9 * HOUR)},
        "lost unless the server answers again",
    ),
    (
        "after the release what it lacks is lost",
        Verdict.LOST,
        {"left": -16 * DAY, "copy": a_copy(16 * DAY + 9 * HOUR)},
        "It is lost.",
    ),
    (
        "a rescued server is safe",
        Verdict.SAFE,
        {"left": -DAY, "copy": a_copy(HOUR)},
        "was to stop on",
    ),
    ("stopped without a copy is lost", Verdict.LOST, {"left": -DAY}, "A renewal may bring it back"),
    ("released without a copy is lost", Verdict.LOST, {"left": -16 * DAY}, "to be destroyed on"),
    (
        "what a person decided is shown and changes nothing",
        Verdict.AT_RISK,
        {"acknowledged": "li will let it lapse: migrated."},
        "li will let it lapse",
    ),
]


@pytest.mark.parametrize(
    ("verdict", "known", "said"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_a_verdict(verdict: Verdict, known: dict[str, Any], said: str) -> None:
    status = status_of(**known)
    assert status.verdict is verdict, status.reasons
    assert said in " ".join(status.reasons)
    assert all(reason.strip() for reason in status.reasons)


def test_the_gravest_reason_stands_first() -> None:
    status = status_of(left=5 * HOUR, copy=a_copy(8 * HOUR), acknowledged="Li renews it.")
    assert status.verdict is Verdict.LATE
    assert status.reasons[0].startswith("The latest safe start was")
    assert status.reasons[-1] == "Li renews it."


def test_the_gravest_is_on_top_then_the_next_to_stop_and_the_unknown_at_the_end() -> None:
    late = status_of(left=5 * HOUR, copy=a_copy(8 * HOUR))
    soon, far = status_of(left=20 * DAY), status_of(left=40 * DAY)
    unknown, safe = status_of(left=None), status_of(copy=a_copy())
    assert sorted([safe, unknown, far, soon, late], key=lambda each: each.urgency) == [
        *(late, soon, far, unknown, safe),
    ]


def test_before_the_stop_the_slack_counts_to_the_latest_safe_start_and_afterwards_not_at_all() -> (
    None
):
    assert status_of(left=10 * DAY, takes=4 * HOUR).situation.slack == 10 * DAY - 6 * HOUR
    assert status_of(left=-DAY).situation.slack is None


spans = st.timedeltas(min_value=timedelta(), max_value=timedelta(days=90))
lefts = st.timedeltas(min_value=timedelta(days=-40), max_value=timedelta(days=90))
copies = st.builds(a_copy, spans, st.sampled_from(Depth))
attempts = st.none() | st.builds(
    lambda failures, running: an_attempt(**(RUNNING if running else {"failures": failures})),
    st.integers(0, 5),
    st.booleans(),
)
situations = st.fixed_dictionaries({"left": lefts, "takes": spans, "attempt": attempts})


@given(situations, copies, spans)
def test_an_older_copy_never_makes_a_better_verdict(
    known: dict[str, Any], copy: VerifiedCopy, older: timedelta
) -> None:
    worse = a_copy(NOW - copy.at + older, copy.depth)
    assert status_of(**known, copy=worse).verdict >= status_of(**known, copy=copy).verdict


@given(situations, copies)
def test_no_copy_is_never_better_than_one(known: dict[str, Any], copy: VerifiedCopy) -> None:
    assert status_of(**known).verdict >= status_of(**known, copy=copy).verdict


@given(situations, copies, st.sampled_from(Depth))
def test_a_shallower_copy_never_makes_a_better_verdict(
    known: dict[str, Any], copy: VerifiedCopy, depth: Depth
) -> None:
    shallower = a_copy(NOW - copy.at, min(copy.depth, depth))
    assert status_of(**known, copy=shallower).verdict >= status_of(**known, copy=copy).verdict


@given(situations, copies)
def test_a_shared_fate_never_makes_a_better_verdict(
    known: dict[str, Any], copy: VerifiedCopy
) -> None:
    alone = status_of(**known, copy=copy)
    assert status_of(**known, copy=copy, same_fate=("Both.",)).verdict >= alone.verdict


@given(situations, copies, spans)
def test_time_that_passes_before_the_stop_never_makes_a_better_verdict(
    known: dict[str, Any], copy: VerifiedCopy, wait: timedelta
) -> None:
    later = NOW + min(wait, max(known["left"], timedelta()) - timedelta(microseconds=1))
    if later <= NOW or (known["attempt"] and known["attempt"].finished_at is None):
        return
    before = status_of(**known, copy=copy)
    assert status_of(**known, copy=copy, now=later).verdict >= before.verdict


@given(
    st.datetimes(timezones=st.just(UTC)),
    st.none() | st.datetimes(timezones=st.just(UTC)),
    st.none() | st.datetimes(timezones=st.just(UTC)),
    st.none() | st.datetimes(timezones=st.just(UTC)),
)
def test_there_is_a_verdict_whatever_the_clocks_say(
    now: datetime, expires: datetime | None, copied: datetime | None, latest: datetime | None
) -> None:
    course = Course(phases=(Phase(name="released", start=timedelta(days=36_500), data=False),))
    timeline = Timeline(expires=expires, course=course) if expires else None
    outlook = Outlook(
        server="web-1",
        store="main",
        life=timeline and Life(contract="c", provider="p", account=None, timeline=timeline),
        copy=copied and VerifiedCopy(run="r", at=copied, depth=Depth.STORED, store="main"),
    )
    status = judge(Situation(outlook=outlook, policy=Policy(), latest_safe_start=latest, now=now))
    assert status.verdict in Verdict
