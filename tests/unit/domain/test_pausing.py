"""When a run under way gives up its slot, and when it goes on."""

from dataclasses import replace
from datetime import timedelta

from daemon.domain.run import RunKind, RunState
from tests.factories import NOW
from tests.unit.domain.fleets import a_server, an_attempt, early, plan_of
from tests.unit.domain.prospects import DAY, HOUR, MINUTE, a_copy

#: Holds the only slot for nine hours more, and has days.
PATIENT = a_server("patient", 12 * DAY, 10, attempt=an_attempt(HOUR))
URGENT = a_server("urgent", 6 * HOUR, 2)


def pauses(*fleet, **given):
    return plan_of(*fleet, **given).pauses


def patient(**changes):
    begun = changes.pop("begun", HOUR)
    return a_server("patient", 12 * DAY, 10, attempt=an_attempt(begun, **changes))


def test_a_run_with_days_to_spare_gives_way_to_one_that_would_be_late():
    assert pauses(PATIENT, URGENT) == ("patient",)


def test_nobody_gives_way_while_there_is_a_slot():
    assert pauses(PATIENT, URGENT, slots=2) == ()


def test_nobody_gives_way_to_a_run_that_can_wait():
    assert pauses(PATIENT, a_server("urgent", 40 * HOUR, 2)) == ()


def test_nobody_gives_way_to_a_run_that_would_be_late_all_the_same():
    assert pauses(PATIENT, a_server("urgent", 3 * HOUR, 2)) == ()


def test_a_run_that_could_not_be_made_anew_in_time_goes_on():
    """After the other one, it has to fit in twice: one more failure must not be the end of it."""
    begun = an_attempt(HOUR)
    assert pauses(a_server("patient", 20 * HOUR, 10, attempt=begun), URGENT) == ()
    assert pauses(a_server("patient", 26 * HOUR, 10, attempt=begun), URGENT) == ("patient",)


def test_a_run_whose_own_deadline_is_nearer_goes_on():
    assert pauses(a_server("near", 5 * HOUR, 2, attempt=an_attempt(MINUTE * 6)), URGENT) == ()


def test_of_two_runs_the_one_with_more_time_gives_way():
    other = a_server("other", 20 * DAY, 10, attempt=an_attempt(HOUR))
    assert pauses(PATIENT, other, URGENT, slots=2) == ("other",)


def test_a_run_after_an_early_final_gives_way_first_and_needs_no_time_to_begin_anew():
    """What it would replace counts as the last copy."""
    extra = replace(early(), attempt=an_attempt(HOUR))
    assert pauses(extra, URGENT) == ("a",)
    assert pauses(extra, PATIENT, URGENT, slots=2) == ("a",)
    needed = replace(extra, copy=a_copy(30 * DAY))
    assert pauses(needed, URGENT) == ()


def test_a_run_that_nothing_depends_on_gives_way_to_a_final_at_the_last_moment():
    """And the plan is made anew at that moment. The other slot is taken for longer."""
    held = {"lease_until": NOW + DAY}
    extra = replace(early(), attempt=an_attempt(HOUR, **held))
    final = a_server("final", 12 * HOUR, 2, copy=a_copy())
    made = plan_of(extra, patient(**held), final, slots=2)
    assert made.pauses == ()
    (planned,) = made.runs
    asked_at = planned.start_by - timedelta(seconds=150)
    before = plan_of(extra, patient(**held), final, slots=2, now=asked_at - MINUTE)
    assert (before.pauses, before.wake_at) == ((), asked_at + timedelta(microseconds=1))
    then = plan_of(extra, patient(**held), final, slots=2, now=before.wake_at)
    assert then.pauses == ("a",)


def test_of_two_runs_that_nothing_depends_on_the_one_that_stops_first_goes_first():
    extra = replace(early(), attempt=an_attempt(HOUR))
    sooner = a_server("sooner", 12 * HOUR, 2, copy=a_copy(7 * HOUR))
    assert pauses(extra, sooner) == ("a",)
    later = a_server("later", 26 * HOUR, 30, copy=a_copy(7 * HOUR))
    assert pauses(extra, later) == ()


def test_a_server_without_a_copy_waits_for_no_run_that_nothing_depends_on():
    """One is asked for each, and only where no slot is free."""
    first, second = (replace(early(), server=name, attempt=an_attempt(HOUR)) for name in ("a", "b"))
    never = a_server("never", 20 * HOUR, 2)
    assert pauses(first, never) == ("a",)
    assert pauses(first, second, never, slots=2) == ("b",)
    assert pauses(first, second, never, replace(never, server="x"), slots=2) == ("a", "b")
    assert pauses(first, never, slots=2) == ()
    assert pauses(first, replace(never, copy=a_copy())) == ()


def test_only_as_many_give_way_as_are_needed():
    other = a_server("other", 20 * DAY, 10, attempt=an_attempt(HOUR))
    second = a_server("second", 6 * HOUR, 2.5)
    assert pauses(PATIENT, other, URGENT, second, slots=2) == ("other", "patient")


def test_a_run_that_has_just_begun_goes_on_for_a_while():
    """A run that was paused and began anew is not paused at once again."""
    assert pauses(patient(begun=4 * MINUTE), URGENT) == ()
    assert pauses(patient(begun=5 * MINUTE), URGENT) == ("patient",)


def test_the_plan_is_made_anew_when_a_run_has_gone_on_for_long_enough():
    made = plan_of(patient(begun=4 * MINUTE + timedelta(seconds=30)), URGENT)
    assert made.wake_at <= NOW + timedelta(seconds=30)


def test_a_server_whose_runs_fail_by_themselves_is_not_interrupted_as_well():
    assert pauses(patient(failures=2), URGENT) == ()


def test_a_run_that_a_person_has_started_goes_on():
    assert pauses(patient(kind=RunKind.MANUAL), URGENT) == ()


def test_a_rescue_goes_on():
    rescue = an_attempt(HOUR, kind=RunKind.RESCUE)
    assert pauses(a_server("patient", -DAY, 10, attempt=rescue), URGENT) == ()


def test_a_run_that_has_moved_everything_goes_on_to_its_end():
    for state in (RunState.STORING, RunState.VERIFYING):
        assert pauses(patient(state=state), URGENT) == ()


def test_nobody_gives_way_where_it_would_be_late_itself_for_want_of_a_slot():
    """Beside a run that takes all the time there is, it could not be made anew."""
    assert pauses(PATIENT, URGENT, a_server("long", 12 * DAY, 200)) == ("patient",)
    assert pauses(PATIENT, URGENT, a_server("long", 12 * DAY, 276)) == ()
