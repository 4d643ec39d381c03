"""A fleet on its way through time: what each step changes, and what it leaves alone."""

from daemon.domain.event import Happening
from daemon.domain.outlook import Outlook
from daemon.domain.passage import Passage
from daemon.domain.run import RunState
from daemon.domain.verification import Depth
from tests.factories import NOW
from tests.unit.domain.prospects import (
    DAY,
    GIB,
    HOUR,
    MINUTE,
    a_copy,
    a_prospect,
    an_outlook,
    under_way,
)

MANY = 1000


def planned(*given: Outlook, slots: int = 2) -> Passage:
    """A passage that has been planned once."""
    passage = Passage(prospect=a_prospect(*given, slots=slots), now=NOW)
    passage.adopt()
    passage.plan()
    return passage


def test_time_goes_on_to_where_it_was_sent_even_if_nothing_happens() -> None:
    passage = planned(an_outlook(left=None))
    assert passage.next_event() is None
    passage.pass_until(NOW + DAY, MANY)
    assert (passage.now, passage.events) == (NOW + DAY, [])


def test_time_stands_still_once_enough_has_been_told() -> None:
    passage = planned(*(an_outlook(f"web-{n}", 2 * DAY) for n in range(9)), slots=9)
    passage.pass_until(NOW + DAY, 3)
    assert 3 <= len(passage.events) <= 9
    assert passage.now < NOW + DAY


def test_the_first_to_stop_goes_first_where_slots_are_few() -> None:
    late, soon = an_outlook("late", 9 * DAY), an_outlook("soon", 2 * DAY)
    passage = planned(late, soon, slots=1)
    passage.pass_until(NOW + 3 * HOUR, MANY)
    began = [each.server for each in passage.events if each.event is Happening.START]
    assert began[:2] == ["soon", "late"]


def test_a_run_that_ends_leaves_a_copy_that_began_when_it_did() -> None:
    passage = planned(an_outlook(left=2 * DAY))
    passage.pass_until(NOW + HOUR, 2)
    start, end = passage.events
    after = passage.outlooks["web-1"]
    assert after.copy is not None
    assert after.copy.at == start.at
    assert after.attempt is not None
    assert (after.attempt.state, after.attempt.finished_at) == (RunState.VERIFIED, end.at)
    assert end.at > start.at


def test_a_copy_is_as_deep_as_the_server_asks_for() -> None:
    passage = planned(an_outlook(left=2 * DAY, depth=Depth.HASHED))
    passage.pass_until(NOW + HOUR, 2)
    copy = passage.outlooks["web-1"].copy
    assert copy is not None
    assert copy.depth is Depth.HASHED


def test_a_stop_is_passed_with_the_run_that_it_cuts_off() -> None:
    passage = planned(an_outlook(left=MINUTE, measured_bytes=99 * GIB, attempt=under_way()))
    passage.pass_until(NOW + DAY, MANY)
    attempt = passage.outlooks["web-1"].attempt
    assert attempt is not None
    assert (attempt.state, attempt.finished_at) == (RunState.PARTIAL, NOW + MINUTE)


def test_a_server_that_comes_near_is_planned_without_planning_all_again() -> None:
    """Its seed is due in two days; a passage of three days sees it saved."""
    passage = planned(an_outlook(left=32 * DAY))
    assert passage.next_event() == NOW + 2 * DAY
    passage.pass_until(NOW + 3 * DAY, MANY)
    assert [each.event for each in passage.events] == [Happening.START, Happening.END]


def test_a_run_that_can_wait_leaves_the_slot_to_a_last_run() -> None:
    """A seed that comes due between two plans would hold the only slot for too long."""
    ending = an_outlook("ending", 2 * HOUR + 20 * MINUTE, copy=a_copy(5 * HOUR))
    waiting = an_outlook("waiting", 30 * DAY + 10 * MINUTE, measured_bytes=40 * GIB)
    passage = planned(ending, waiting, slots=1)
    passage.pass_until(NOW + 6 * HOUR, MANY)
    began = [each.server for each in passage.events if each.event is Happening.START]
    assert began[:2] == ["ending", "waiting"]
    assert Happening.MISS not in {each.event for each in passage.events}


def test_servers_that_come_near_together_share_the_slots() -> None:
    fleet = [an_outlook(f"web-{n}", 30 * DAY + HOUR, measured_bytes=20 * GIB) for n in range(4)]
    passage = planned(*fleet, slots=2)
    passage.pass_until(NOW + DAY, MANY)
    running: set[str | None] = set()
    for each in passage.events:
        (running.add if each.event is Happening.START else running.discard)(each.server)
        assert len(running) <= 2
    assert len(passage.events) == 8


def test_the_fleet_that_was_given_stays_as_it_was() -> None:
    outlook = an_outlook(left=2 * DAY)
    prospect = a_prospect(outlook)
    passage = Passage(prospect=prospect, now=NOW)
    passage.plan()
    passage.pass_until(NOW + DAY, MANY)
    assert prospect.outlooks == (outlook,)
    assert passage.outlooks["web-1"] != outlook
