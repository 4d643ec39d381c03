"""While clocks disagree: early once, never late, and not over and over."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.domain.outlook import Attempt, Life, Outlook, VerifiedCopy
from daemon.domain.phase import UNKNOWN_COURSE, Timeline
from daemon.domain.plan import Assumptions, Limits, Plan
from daemon.domain.planner import plan_present
from daemon.domain.policy import DEFAULT_POLICY
from daemon.domain.present import Present
from daemon.domain.run import Failure, RunKind, RunState
from daemon.domain.sighting import Sightings, date_anew, sight
from daemon.domain.verification import Depth
from tests.factories import NOW

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
FOR_EVER = timedelta.max
STEPS = st.timedeltas(-500 * DAY, 500 * DAY)
SPANS = st.timedeltas(timedelta(), 2 * DAY)


def present(wall: datetime, carried: datetime, database: datetime | None = None) -> Present:
    return Present(wall=wall, carried=carried, database=database or wall)


def an_attempt(run: str, started_at: datetime, **changes: Any) -> Attempt:
    given: dict[str, Any] = {
        "run": run,
        "kind": RunKind.SCHEDULED,
        "state": RunState.VERIFIED,
        "started_at": started_at,
        "finished_at": started_at + MINUTE,
        "failures": 0,
        "error": None,
        "owner": "ops-1:1:0-aa",
        "lease_until": started_at + 2 * MINUTE,
    }
    return Attempt(**(given | changes))


def failed(run: str, at: datetime) -> Attempt:
    error = Failure(code="ConnectFailed", message="It does not answer.", hint="")
    return an_attempt(run, at - SECOND, finished_at=at, failures=1, error=error)


def saved(run: str, at: datetime, *, left: timedelta = 2 * DAY) -> Outlook:
    """A server that stops so long after NOW, and has a copy."""
    timeline = Timeline(expires=NOW + left, course=UNKNOWN_COURSE)
    return Outlook(
        server="web-1",
        store="main",
        life=Life(contract="c-1", provider="p", account=None, timeline=timeline),
        copy=VerifiedCopy(run=run, at=at, depth=Depth.STORED, store="main"),
        attempt=an_attempt(run, at),
    )


def planned(outlook: Outlook, now: Present, sightings: Sightings | None) -> Plan:
    rules = (DEFAULT_POLICY,), Limits(), Assumptions()
    return plan_present([outlook], *rules, now, sightings=sightings)


def is_due(outlook: Outlook, now: Present, sightings: Sightings | None) -> bool:
    return any(run.start_at <= now.wall for run in planned(outlook, now, sightings).runs)


def follow(looks: Iterable[tuple[Outlook, Present]]) -> Sightings | None:
    """What is noted after all these looks."""
    noted: Sightings | None = None
    for outlook, now in looks:
        noted = sight(noted, [outlook], now)
    return noted


@pytest.mark.parametrize("carried", [NOW + 2 * DAY, NOW + 400 * DAY])
@pytest.mark.parametrize("left", [10 * DAY, 2 * DAY, -30 * MINUTE])
def test_while_clocks_disagree_a_server_is_saved_once_more_and_not_over_and_over(
    left: timedelta, carried: datetime
) -> None:
    """The wall clock lags behind by days, and dates every copy."""
    outlook = saved("old", NOW - HOUR, left=left)
    noted = follow([(outlook, present(NOW, carried))])
    assert is_due(outlook, present(NOW, carried), noted)

    outlook = saved("new", NOW + SECOND, left=left)
    noted = sight(noted, [outlook], present(NOW + MINUTE, carried + MINUTE))

    def due(later: timedelta) -> bool:
        return is_due(outlook, present(NOW + later, carried + later), noted)

    assert not due(MINUTE)
    assert not due(HOUR)
    assert due(DAY + MINUTE) is (left > timedelta())


def test_a_pause_after_a_failure_is_as_long_by_each_clock() -> None:
    ahead = 3 * DAY
    before = replace(saved("old", NOW - DAY, left=9 * DAY), attempt=failed("first", NOW - HOUR))
    after = replace(before, attempt=failed("second", NOW))
    noted = follow(
        [(before, present(NOW - MINUTE, NOW + ahead)), (after, present(NOW, NOW + ahead))]
    )

    def due(later: timedelta) -> bool:
        return is_due(after, present(NOW + later, NOW + ahead + later), noted)

    assert not due(30 * SECOND)
    assert due(MINUTE)


def test_a_lease_holds_for_as_long_as_the_database_says() -> None:
    under_way = an_attempt(
        "run", NOW - HOUR, state=RunState.PULLING, finished_at=None, lease_until=NOW + MINUTE
    )
    outlook = replace(saved("old", NOW - DAY), attempt=under_way)
    now = present(NOW + 2 * DAY, NOW + 400 * DAY, NOW)
    noted = follow([(outlook, now)])
    for at in (now.wall, now.carried):
        (dated,) = date_anew([outlook], noted, now, at)
        assert dated.attempt is not None
        assert dated.attempt.lease_until == at + MINUTE
        assert dated.attempt.started_at == NOW - HOUR


def test_what_was_there_before_the_clocks_parted_keeps_its_dates() -> None:
    outlook = saved("old", NOW - HOUR)
    noted = follow([(outlook, present(NOW, NOW + DAY)), (outlook, present(NOW, NOW + DAY))])
    assert list(date_anew([outlook], noted, present(NOW, NOW + DAY), NOW + DAY)) == [outlook]


def test_an_older_copy_that_is_the_newest_again_is_not_taken_for_a_new_one() -> None:
    """The newer one was found to be damaged."""
    older = replace(saved("newer", NOW - HOUR), copy=saved("older", NOW - DAY).copy)
    noted = follow(
        [(saved("newer", NOW - HOUR), present(NOW, NOW + DAY)), (older, present(NOW, NOW + DAY))]
    )
    (dated,) = date_anew([older], noted, present(NOW, NOW + DAY), NOW + DAY)
    assert dated.copy == older.copy


def test_once_the_clocks_agree_dates_are_what_they_are() -> None:
    outlook = saved("old", NOW - HOUR)
    noted = follow([(outlook, present(NOW, NOW + DAY)), (outlook, present(NOW, NOW))])
    assert noted is None
    assert date_anew([outlook], None, present(NOW, NOW), NOW) == [outlook]


@given(st.lists(st.tuples(SPANS, STEPS, STEPS), min_size=2, max_size=6), SPANS)
@settings(deadline=None, max_examples=300, derandomize=True)
def test_no_step_makes_anything_look_younger_than_it_is(
    looks: list[tuple[timedelta, timedelta, timedelta]], ago: timedelta
) -> None:
    """As long as one clock goes on, nothing that was saved counts as newer than it is."""
    outlook, passed, noted = saved("old", NOW - DAY), timedelta(), None
    for place, (after, wall, database) in enumerate(looks):
        passed += after
        at = NOW + passed
        now = Present(wall=at + wall, carried=at, database=at + database)
        if place == 1:
            ago = min(ago, after)
            began = at + database - ago
            outlook, made = saved("new", began), at - ago
        noted = sight(noted, [outlook], now)
        for clock in (now.wall, now.carried):
            (dated,) = date_anew([outlook], noted, now, clock)
            if place and noted is not None and noted["new"] is not None:
                assert dated.copy is not None
                assert clock - dated.copy.at >= at - made


@given(STEPS, SPANS)
@settings(deadline=None, max_examples=150, derandomize=True)
def test_clocks_that_go_alike_agree_on_how_old_a_copy_is(
    apart: timedelta, after: timedelta
) -> None:
    before, new = saved("old", NOW - DAY), saved("new", NOW)
    looks = [(before, present(NOW - MINUTE, NOW - MINUTE + apart))]
    noted = follow([*looks, (new, present(NOW + SECOND, NOW + SECOND + apart))])
    now = present(NOW + after, NOW + apart + after)
    for clock in (now.wall, now.carried):
        (dated,) = date_anew([new], noted, now, clock)
        if noted is not None:
            assert dated.copy is not None
            assert clock - dated.copy.at == after


@given(
    left=st.timedeltas(HOUR, 35 * DAY),
    age=st.timedeltas(MINUTE, 10 * DAY),
    step=STEPS,
    after=st.timedeltas(SECOND, DAY),
    failure=st.none() | st.just(failed("failed", NOW - SECOND)),
)
@settings(deadline=None, max_examples=300, derandomize=True)
def test_after_a_step_no_run_is_planned_for_later_than_without_it(
    left: timedelta, age: timedelta, step: timedelta, after: timedelta, failure: Attempt | None
) -> None:
    """Whether the newest copy and the newest failure were dated before the step or after it."""
    began, at = NOW - age, NOW + after
    copied = saved("old", began, left=left)
    truly = copied if failure is None else replace(copied, attempt=failure)
    first, then = present(began + step, began), present(NOW + step, NOW)
    now, since = present(at + step, at), _dated_by(truly, step)
    unseen = follow([(truly, then), (truly, now)])
    before = saved("other", began - DAY, left=left)
    seen = follow([(before, first), (_dated_by(copied, step), first), (since, then)])

    without = _first_start(planned(truly, present(at, at), None))

    assert _first_start(planned(truly, now, unseen)) <= without
    assert _first_start(planned(since, now, seen)) <= without


def _dated_by(outlook: Outlook, step: timedelta) -> Outlook:
    """The same by a clock that shows so much more."""
    copy, attempt = outlook.copy, outlook.attempt
    assert copy is not None
    assert attempt is not None
    assert attempt.finished_at is not None
    attempt = replace(
        attempt, started_at=attempt.started_at + step, finished_at=attempt.finished_at + step
    )
    return replace(outlook, copy=replace(copy, at=copy.at + step), attempt=attempt)


def _first_start(plan: Plan) -> timedelta:
    """How long from now; for ever where nothing is called for."""
    return min((max(run.start_at - plan.at, timedelta()) for run in plan.runs), default=FOR_EVER)
