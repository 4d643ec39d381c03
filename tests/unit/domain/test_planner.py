"""What holds of every plan, whatever the fleet."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from daemon.domain.calling import call_all
from daemon.domain.instant import EARLIEST, LATEST, shift
from daemon.domain.nearing import near_ones
from daemon.domain.outlook import Outlook
from daemon.domain.phase import Timeline
from daemon.domain.plan import Limits, Plan, PlannedRun, QuietHours, Reason
from daemon.domain.planner import decide, plan, plan_present
from daemon.domain.present import Present
from daemon.domain.remedies import Ground
from daemon.domain.run import RunState
from daemon.domain.schedule import to_instant
from daemon.domain.timetable import draw_up
from tests.factories import NOW
from tests.unit.domain.fleets import (
    PLAINLY,
    a_sample,
    a_server,
    an_attempt,
    early,
    fleets,
    limits_of_fleets,
)
from tests.unit.domain.prospects import DAY, HOUR, MINUTE, a_copy

shared = settings(max_examples=60, deadline=None)
soon = st.integers(0, 3000).map(lambda minutes: NOW + minutes * MINUTE)


def planned(fleet: list[Outlook], limits: Limits, now: datetime = NOW) -> Plan:
    """As a daemon plans; what would help is looked for in tests of its own, since it takes long."""
    ground = Ground(outlooks=fleet, policies=(), limits=limits, assumptions=PLAINLY, now=now)
    return decide(ground)


def by_server(made: Plan) -> dict[str, PlannedRun]:
    return {run.demand.server: run for run in made.runs}


Use = tuple[datetime, datetime, int, str]


def uses(fleet: list[Outlook], limits: Limits, made: Plan) -> Iterator[Use]:
    """From when to when each run lasts, at what rate, and to which store.

    One that nothing depends on lasts until it has given way to those that have to start.
    """
    calls = call_all(near_ones(fleet, (), limits, PLAINLY, NOW), limits, NOW)
    rooms = {call.demand.server: call.room for call in calls.calls if call.demand.optional}
    for busy in calls.busy:
        yield to_instant(busy.ready), to_instant(busy.ready + busy.length), busy.rate, busy.store
    for run in made.runs:
        estimate = run.demand.estimate
        end = shift(run.start_at, rooms.get(run.demand.server, estimate.high))
        yield run.start_at, end, estimate.rate, run.demand.store


@shared
@given(fleets(), limits_of_fleets)
def test_planning_twice_gives_the_same(fleet, limits):
    assert planned(fleet, limits) == planned(fleet, limits)


@shared
@given(fleets(), limits_of_fleets, st.randoms())
def test_the_order_of_the_servers_does_not_matter(fleet, limits, chance):
    mixed = list(fleet)
    chance.shuffle(mixed)
    assert planned(mixed, limits) == planned(fleet, limits)


@shared
@given(fleets(), limits_of_fleets)
def test_at_no_instant_more_runs_go_on_than_there_are_slots(fleet, limits):
    lasting = list(uses(fleet, limits, planned(fleet, limits)))
    under_way = sum(begin == NOW and end > NOW for begin, end, _, _ in lasting)
    busy = len(near_ones(fleet, (), limits, PLAINLY, NOW).busy)
    assert under_way <= max(limits.slots, busy)
    for at, *_ in lasting:
        count = sum(begin <= at < end for begin, end, _, _ in lasting)
        assert count <= max(limits.slots, busy)


@shared
@given(fleets(), limits_of_fleets)
def test_at_no_instant_more_bandwidth_is_reserved_than_there_is(fleet, limits):
    lasting = list(uses(fleet, limits, planned(fleet, limits)))
    busy = near_ones(fleet, (), limits, PLAINLY, NOW).busy
    for name, budget in ((None, limits.bandwidth), *limits.stores.items()):
        if budget is None:
            continue
        already = sum(each.rate for each in busy if name in {None, each.store})
        for at, *_ in lasting:
            used = sum(
                rate
                for begin, end, rate, store in lasting
                if begin <= at < end and name in {None, store}
            )
            assert used <= max(budget, already)


@shared
@given(fleets(), limits_of_fleets)
def test_who_is_said_to_be_in_time_is(fleet, limits):
    for run in planned(fleet, limits).runs:
        end = shift(run.start_at, run.demand.length)
        assert run.feasible == (end <= run.demand.finish_by)
        assert run.misses_by == max(timedelta(), end - run.demand.finish_by)


@shared
@example(  # nobody waits for one whose time has not come, where others cannot be saved at all
    fleet=[
        a_server("a", 0 * HOUR, 0.1),
        a_server("b", 134 * MINUTE, 0.1, copy=a_copy(0 * HOUR)),
        a_server("c", MINUTE, 0.1),
        a_server("d", MINUTE, 0.1),
    ],
    limits=Limits(slots=1),
)
@given(fleets(), limits_of_fleets)
def test_nothing_starts_before_it_is_due_unless_it_has_to(fleet, limits):
    for run in planned(fleet, limits).runs:
        assert run.start_at >= NOW
        if run.feasible and run.start_at > NOW:
            assert run.start_at >= min(run.demand.due_at, shift(run.start_by, -limits.lead))


@settings(shared, derandomize=True)
@example(fleet=[a_server("a", 9.75 * HOUR, 8, copy=a_copy(6.5 * HOUR))])
@given(fleets())
def test_quiet_hours_hold_nobody_back_whose_latest_start_has_come(fleet):
    """Nor somebody whose estimate has just grown, so that it has come all of a sudden."""
    quiet = QuietHours(begin=NOW.time(), end=(NOW + 12 * HOUR).time())
    limits = Limits(slots=2 * len(fleet), quiet=(quiet,))
    for run in planned(fleet, limits).runs:
        if run.demand.reason is not Reason.RESCUE:
            latest = shift(run.start_by, -limits.lead)
            assert run.start_at <= max(NOW, run.demand.due_at, latest)


@settings(shared, derandomize=True)
@given(fleets(), limits_of_fleets, st.floats(0, 1, exclude_max=True))
def test_nothing_changes_before_the_plan_says_so(fleet, limits, part):
    """What may start, and who gives way, is the same until then."""
    made = planned(fleet, limits)
    later = NOW + (min(made.wake_at, NOW + 400 * DAY) - NOW) * part
    later = min(later, shift(made.wake_at, -timedelta(microseconds=1)))
    again = planned(fleet, limits, later)

    def started(of: Plan) -> set[str]:
        return {run.demand.server for run in of.runs if run.start_at <= of.at}

    if not started(made):
        assert started(again) == set()
        assert {(run.demand.server, run.demand.reason) for run in again.runs} == {
            (run.demand.server, run.demand.reason) for run in made.runs
        }


@shared
@given(fleets("a"), limits_of_fleets, st.integers(1, 60 * 24 * 40))
def test_a_nearer_expiry_never_lowers_the_urgency_of_a_server(fleet, limits, minutes):
    (outlook,) = fleet
    nearer = moved(outlook, -minutes * MINUTE)
    assume(outlook.life.timeline.stop_at > NOW < nearer.life.timeline.stop_at)
    before, after = by_server(planned([outlook], limits)), by_server(planned([nearer], limits))
    # A copy of which little was missing at the old stop may be all that is wanted at the new one.
    if "a" in before and "a" in after:
        one, other = before["a"], after["a"]
        if not (one.demand.optional or other.demand.optional):
            assert other.start_by <= one.start_by
        # Or at the end of its pause after an attempt that failed.
        latest = max(NOW, other.start_by, other.demand.due_at)
        assert other.demand.optional or other.start_at <= latest
        # A run of the ladder for which there is no time left before the final is left to it; one
        # that was missed while there was time is made up for by the final, which does not wait.
        waits = one.demand.due_at >= shift(one.start_by, -limits.lead)
        if one.demand.reason is other.demand.reason and (waits or other.demand.due_at <= NOW):
            assert other.start_at <= one.start_at


@shared
@given(fleets(), limits_of_fleets, st.integers(1, 60 * 24))
def test_a_nearer_expiry_never_puts_a_server_behind_others_while_all_fit(fleet, limits, minutes):
    """Where not everything fits, who has become hopeless is overtaken: see the triage."""
    fleet = [replace(each, attempt=None, samples=(a_sample(0.01),)) for each in fleet]
    first = fleet[0]
    changed = [moved(first, -minutes * MINUTE), *fleet[1:]]
    before, after = planned(fleet, limits), planned(changed, limits)
    names, later = ([run.demand.server for run in made.runs] for made in (before, after))
    fits = all(run.feasible for run in (*before.runs, *after.runs))
    if fits and changed[0].life.timeline.stop_at > NOW and set(names) == set(later):
        assert first.server not in names or later.index(first.server) <= names.index(first.server)


def moved(outlook: Outlook, by: timedelta) -> Outlook:
    life = outlook.life
    timeline = Timeline(expires=life.timeline.expires + by, course=life.timeline.course)
    return replace(outlook, life=replace(life, timeline=timeline))


@shared
@given(fleets(), limits_of_fleets, st.integers(-60 * 24 * 400, 60 * 24 * 400))
def test_a_clock_step_starts_runs_earlier_and_never_later(fleet, limits, minutes):
    true = planned(fleet, limits)
    stepped = Present(wall=NOW + minutes * MINUTE, carried=NOW, database=NOW)
    seen = by_server(plan_present(fleet, (), limits, PLAINLY, stepped))
    for run in true.runs:
        in_ = seen[run.demand.server].start_at - stepped.wall
        assert in_ <= run.start_at - NOW


@shared
@given(fleets(), limits_of_fleets)
def test_a_server_without_a_contract_calls_for_nothing(fleet, limits):
    without = [replace(each, life=None, attempt=None) for each in fleet]
    assert planned(without, limits).runs == ()
    assert planned(without, limits).wake_at == LATEST


@settings(max_examples=40, deadline=None)
@given(st.sampled_from([EARLIEST, LATEST, NOW]), st.sampled_from([EARLIEST, LATEST, NOW]))
def test_the_ends_of_the_calendar_break_nothing(expires, now):
    outlook = a_server("web", DAY, 1, copy=a_copy(), attempt=an_attempt())
    life = replace(
        outlook.life, timeline=Timeline(expires=expires, course=outlook.life.timeline.course)
    )
    for fleet in ([replace(outlook, life=life)], [replace(outlook, life=life, attempt=None)]):
        made = plan(fleet, (), Limits(), PLAINLY, now)
        assert made == plan(fleet, (), Limits(), PLAINLY, now)


@shared
@example(fleet=[a_server("a", 9 * HOUR, 1), a_server("b", 9 * HOUR, 5)])
@given(fleets("abcd"))
def test_without_a_server_the_others_save_no_less(fleet):
    """Alone on one slot; with more of them, a run may start sooner and stand in another's way."""
    fleet = [replace(each, attempt=None) for each in fleet]
    limits = Limits(slots=1)
    whole = planned(fleet, limits)
    assume(all(run.feasible for run in whole.runs))
    for gone in fleet:
        rest = by_server(planned([each for each in fleet if each is not gone], limits))
        assert all(run.feasible for run in rest.values())


@settings(shared, derandomize=True)
@example(fleet=[early(), a_server("b", 20 * HOUR, 10)], limits=Limits(slots=1))
@example(fleet=[early(), a_server("b", 20 * HOUR, 10)], limits=Limits(slots=2))
@given(fleets(), limits_of_fleets)
def test_what_is_optional_makes_nobody_late_and_is_never_late_itself(fleet, limits):
    near = near_ones(fleet, (), limits, PLAINLY, NOW)
    calls = call_all(near, limits, NOW)
    needed = tuple(call for call in calls.calls if not call.demand.optional)
    without = draw_up(replace(calls, calls=needed), near.busy, limits, NOW).runs
    runs = draw_up(calls, near.busy, limits, NOW).runs
    told = {run.demand.server: run.misses_by for run in runs if not run.demand.optional}
    assert told == {run.demand.server: run.misses_by for run in without}
    assert all(run.feasible for run in runs if run.demand.optional)


def test_a_run_after_an_early_final_waits_for_those_that_have_to_happen():
    other = a_server("b", 12 * HOUR, 9)
    runs = by_server(planned([early(), other], Limits(slots=1)))
    assert list(runs) == ["b", "a"]
    assert runs["b"].start_at == NOW < NOW + 9 * HOUR <= runs["a"].start_at
    longer = a_server("b", 24 * HOUR, 21, attempt=an_attempt(MINUTE))
    assert by_server(planned([early(), longer], Limits(slots=1))) == {}
    runs = by_server(planned([early(), longer], Limits(slots=2)))
    assert (runs["a"].start_at, runs["a"].start_by) == (NOW, NOW + 20 * HOUR)


def test_a_younger_copy_needs_no_room_for_another_whole_one():
    """The only one took ten hours, and another server's final is in three; little may have changed.

    Where a server fails by itself, its run could not give way: it waits until ten hours are free.
    """
    other = a_server("b", 8 * HOUR, 1, copy=a_copy())
    saved = a_server("a", 16 * HOUR - 6 * MINUTE, 10, copy=a_copy(6 * HOUR))
    failed = an_attempt(2 * HOUR, finished_at=NOW - HOUR, state=RunState.PARTIAL, failures=1)
    first, later = (
        by_server(planned([each, other], Limits(slots=1)))["a"]
        for each in (saved, replace(saved, attempt=failed))
    )
    assert first.demand.optional
    assert later.demand.optional
    assert first.start_at == NOW < NOW + 3 * HOUR <= later.start_at


def test_beside_a_long_run_that_is_under_way_others_start_one_after_the_other():
    """Of two slots one is taken beyond their deadlines: they cannot both start at the last."""
    long = a_server("long", 12 * DAY, 24, attempt=an_attempt())
    pair = [a_server(name, 12 * HOUR, 4, copy=a_copy()) for name in ("a", "b")]
    runs = by_server(planned([long, *pair], Limits(slots=2)))
    assert all(run.feasible for run in runs.values())
    assert sorted(round((run.start_by - NOW) / HOUR) for run in runs.values()) == [2, 6]


def test_a_run_that_begins_early_takes_no_second_slot_when_its_reserved_moment_comes():
    """It is still under way then: the other slot is free for all that time."""
    sooner, soon = a_server("sooner", 5 * HOUR, 2), a_server("soon", 29 * HOUR, 2)
    runs = planned([sooner, soon], Limits(slots=2)).runs
    assert [(run.demand.server, run.start_at) for run in runs] == [("sooner", NOW), ("soon", NOW)]
    shared = Limits(slots=3, bandwidth=2 * runs[0].demand.estimate.rate)
    assert [run.start_at for run in planned([sooner, soon], shared).runs] == [NOW, NOW]


def test_a_last_run_that_starts_early_since_slots_are_taken_is_not_made_again():
    """Of two slots one is taken beyond their deadlines; without that, the first could wait."""
    under_way = an_attempt(lease_until=NOW + HOUR)
    long = a_server("long", 20 * DAY, 240, attempt=under_way)
    names = ("a", "b", "c", "d")
    four = [a_server(name, 18 * HOUR + MINUTE, 4, copy=a_copy(5 * HOUR)) for name in names]
    first = planned([long, *four], Limits(slots=2)).runs[0]
    assert (first.demand.reason, first.start_at) == (Reason.FINAL, NOW)
    made = [
        replace(each, copy=a_copy(timedelta())) if each.server == first.demand.server else each
        for each in four
    ]
    runs = plan([long, *made], (), Limits(slots=2), PLAINLY, NOW + MINUTE).runs
    again = [run for run in runs if run.demand.server == first.demand.server]
    assert all(run.demand.optional for run in again)
