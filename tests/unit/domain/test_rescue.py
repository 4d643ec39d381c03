"""When a provider is asked for a snapshot, and when it is not."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.domain.outlook import Outlook
from daemon.domain.phase import Course, Phase
from daemon.domain.plan import Limits
from daemon.domain.planner import plan, plan_present
from daemon.domain.policy import DEFAULT_POLICY, Policy
from daemon.domain.present import Present
from daemon.domain.provider_copy import PlannedCopy
from daemon.domain.run import RunKind
from daemon.domain.sighting import sight
from tests.factories import NOW
from tests.unit.domain.courses import courses
from tests.unit.domain.fleets import PLAINLY
from tests.unit.domain.prospects import DAY, HOUR, MINUTE, a_copy, an_outlook
from tests.unit.domain.provider_copies import (
    RESCUABLE,
    a_provider_copy,
    copied,
    creating,
    refused,
)

EXTRA = Policy(provider_snapshot=True)
SECOND = timedelta(seconds=1)


def stopped(ago: timedelta = DAY, course: Course = RESCUABLE, **known: Any) -> Outlook:
    """A server whose ssh ended so long before NOW, and whose provider can copy it."""
    return an_outlook(left=-ago, course=course, **({"provider": copied()} | known))


def planned(
    outlook: Outlook, *, policy: Policy = DEFAULT_POLICY, now: datetime = NOW
) -> PlannedCopy | None:
    """What the whole planner says of it."""
    copies = plan([outlook], [policy], Limits(), PLAINLY, now).copies
    return copies[0] if copies else None


def is_due(outlook: Outlook, **given: Any) -> bool:
    found = planned(outlook, **given)
    return found is not None and found.start_at <= given.get("now", NOW)


def test_a_stopped_server_that_nothing_has_saved_is_copied_by_its_provider() -> None:
    found = planned(stopped())

    assert found is not None
    assert (found.kind, found.start_at <= NOW) == (RunKind.RESCUE, True)
    assert found.begin_by == NOW + 9 * DAY
    assert "There is no verified copy" in found.explanation


@pytest.mark.parametrize(
    ("ssh", "snapshot", "expected"),
    [(False, True, True), (True, True, False), (False, False, False), (True, False, False)],
)
def test_only_a_phase_with_snapshots_and_without_ssh_calls_for_a_rescue(
    ssh: bool,  # noqa: FBT001 - a row of the table
    snapshot: bool,  # noqa: FBT001 - likewise
    expected: bool,  # noqa: FBT001 - likewise
) -> None:
    phases = (
        Phase(name="before", start=-2 * DAY),
        Phase(name="now", start=-DAY, ssh=ssh, snapshot=snapshot),
        Phase(name="released", start=DAY, data=False),
    )
    outlook = an_outlook(left=-2 * DAY, course=Course(phases=phases), provider=copied())

    assert is_due(outlook) is expected


@pytest.mark.parametrize(
    ("story", "outlook"),
    [
        ("it still runs", an_outlook(left=DAY, course=RESCUABLE, provider=copied())),
        ("nothing says what it is called", stopped(provider=None)),
        ("its machine is known no more", stopped(provider=copied(can_copy=False))),
        ("its contract is closed", an_outlook(left=None, provider=copied(), closed="migrated")),
        ("the last run came in time", stopped(copy=a_copy(DAY + 3 * HOUR))),
        ("it was rescued over ssh", stopped(copy=a_copy(HOUR))),
        ("it has been copied since", stopped(provider=copied(a_provider_copy(HOUR)))),
        ("it is being copied", stopped(provider=copied(creating()))),
        ("the provider makes none any more", stopped(11 * DAY)),
        ("its data is gone", stopped(20 * DAY)),
    ],
)
def test_no_provider_is_asked_where(story: str, outlook: Outlook) -> None:
    assert not is_due(outlook), story


@pytest.mark.parametrize(
    ("story", "outlook"),
    [
        ("the newest copy is from days before the stop", stopped(copy=a_copy(4 * DAY))),
        ("a clock dated the copy ahead", stopped(copy=a_copy(-HOUR))),
        ("a clock dated it ahead", stopped(provider=copied(a_provider_copy(-HOUR)))),
        ("the provider copied it long before", stopped(provider=copied(a_provider_copy(9 * DAY)))),
        ("a former attempt failed", stopped(provider=copied(refused(2 * HOUR)))),
        (
            "a failure followed an old copy",
            stopped(provider=copied(refused(), a_provider_copy(9 * DAY))),
        ),
    ],
)
def test_the_provider_is_asked_where(story: str, outlook: Outlook) -> None:
    assert is_due(outlook), story


def test_a_phase_that_comes_only_later_is_waited_for() -> None:
    late = Course(
        phases=(
            Phase(name="stopped", start=timedelta()),
            Phase(name="thawed", start=2 * DAY, snapshot=True),
            Phase(name="released", start=5 * DAY, data=False),
        )
    )
    found = planned(stopped(course=late))

    assert found is not None
    assert found.start_at == NOW + DAY
    assert plan([stopped(course=late)], (), Limits(), PLAINLY, NOW).wake_at <= NOW + DAY


def test_failures_are_followed_by_longer_and_longer_pauses_but_not_past_the_end() -> None:
    pauses = [planned(stopped(provider=copied(refused(timedelta(), n)))) for n in (1, 2, 3, 60)]

    starts = [found.start_at - NOW for found in pauses if found]
    assert starts == [MINUTE, 2 * MINUTE, 4 * MINUTE, HOUR]
    last = planned(stopped(10 * DAY - 10 * MINUTE, provider=copied(refused(timedelta(), 60))))
    assert last is not None
    assert NOW < last.start_at < last.begin_by == NOW + 10 * MINUTE


def test_what_could_be_tried_again_only_too_late_is_not_planned() -> None:
    failed = copied(refused(SECOND, 60))
    assert planned(stopped(10 * DAY - 5 * SECOND, provider=failed)) is None


def test_one_copy_more_is_made_before_the_stop_where_the_policy_asks_for_it() -> None:
    server = an_outlook(left=DAY, course=RESCUABLE, copy=a_copy(), provider=copied())

    found = planned(server, policy=EXTRA)

    assert planned(server) is None
    assert found is not None
    assert found.kind is RunKind.SCHEDULED
    # As late as the margin of two hours and the last rung of six leave room.
    assert found.start_at == NOW + DAY - 8 * HOUR
    due = NOW + DAY - 7 * HOUR
    assert is_due(server, policy=EXTRA, now=due)
    made = copied(a_provider_copy(-DAY + 8 * HOUR - SECOND))
    again = an_outlook(left=DAY, course=RESCUABLE, copy=a_copy(), provider=made)
    assert not is_due(again, policy=EXTRA, now=due)


def test_one_copy_more_comes_before_the_provider_stops_making_any() -> None:
    early = Course(
        phases=(
            Phase(name="frozen", start=-3 * DAY, ssh=True),
            Phase(name="released", start=timedelta(), data=False),
        )
    )
    found = planned(an_outlook(left=4 * DAY, course=early, provider=copied()), policy=EXTRA)

    assert found is not None
    assert (found.start_at, found.begin_by) == (NOW + DAY - 8 * HOUR, NOW + DAY)


@given(courses(), st.integers(-40, 400), st.booleans(), st.none() | st.integers(0, 60))
def test_whatever_the_course_nothing_is_asked_for_that_cannot_be_had(
    course: Course,
    hours: int,
    extra: bool,  # noqa: FBT001 - drawn
    copy_hours: int | None,
) -> None:
    copy = None if copy_hours is None else a_copy(copy_hours * HOUR)
    outlook = an_outlook(left=hours * HOUR, course=course, copy=copy, provider=copied())
    assert outlook.life is not None
    timeline = outlook.life.timeline

    found = planned(outlook, policy=EXTRA if extra else DEFAULT_POLICY)

    if found is not None:
        at = max(found.start_at, NOW)
        assert timeline.phase(at).snapshot
        assert at < found.begin_by <= timeline.release_at
        if found.kind is RunKind.RESCUE:
            assert not timeline.phase(at).ssh
            assert timeline.stop_at <= NOW


@given(st.integers(-30 * 24, 30 * 24), st.integers(0, 30 * 24))
def test_a_nearer_expiry_never_takes_a_rescue_back(hours: int, nearer: int) -> None:
    """As long as the provider still makes snapshots."""
    later, sooner = (stopped(timedelta(hours=each)) for each in (hours, hours + nearer))
    if is_due(later) and hours + nearer < 10 * 24:
        assert is_due(sooner)


@pytest.mark.parametrize(
    ("story", "left", "wall"),
    [("forward", 2 * DAY, NOW + 3 * DAY), ("back", -DAY, NOW - 3 * DAY)],
)
def test_a_clock_that_is_put_forward_or_back_has_no_second_copy_made(
    story: str, left: timedelta, wall: datetime
) -> None:
    """By one clock it has stopped; the copy that follows is dated by the wrong one."""
    server = an_outlook(left=left, course=RESCUABLE, provider=copied())
    apart = Present(wall=wall, carried=NOW, database=wall)
    sightings = sight(None, [server], apart)
    rules = ((DEFAULT_POLICY,), Limits(), PLAINLY)
    first = plan_present([server], *rules, apart, sightings=sightings)
    assert first.copies[0].start_at <= first.at, story

    provider = copied(a_provider_copy(NOW - wall))
    made = an_outlook(left=left, course=RESCUABLE, provider=provider)
    sightings = sight(sightings, [made], apart)
    second = plan_present([made], *rules, apart, sightings=sightings)

    assert [copy for copy in second.copies if copy.start_at <= second.at] == [], story
