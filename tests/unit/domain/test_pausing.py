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
