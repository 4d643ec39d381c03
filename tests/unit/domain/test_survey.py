"""One server planned by itself: by the latest starts that were found among all."""

from dataclasses import replace
from datetime import datetime

from hypothesis import given, settings

from daemon.domain.outlook import Outlook
from daemon.domain.plan import PlannedRun, Reason
from daemon.domain.policy import DEFAULT_POLICY
from daemon.domain.prospect import Prospect
from daemon.domain.survey import Survey
from tests.factories import NOW
from tests.unit.domain.prospects import DAY, GIB, a_copy, a_prospect, an_outlook, outlooks

NOTHING = Survey(runs=(), counted={}, latest={})


def without_remedies(prospect: Prospect) -> tuple[PlannedRun, ...]:
    """A survey looks for none: nobody is told what would help before it is asked for a plan."""
    return tuple(replace(run, remedies=()) for run in prospect.plan(NOW).runs)


def by_itself(outlook: Outlook, grounds: Survey, now: datetime = NOW) -> PlannedRun | None:
    return a_prospect(outlook).plan_one(outlook, grounds, now)


@settings(max_examples=40)
@given(outlooks())
def test_a_survey_holds_the_plan(fleet: list[Outlook]) -> None:
    prospect = a_prospect(*fleet)
    assert prospect.survey(fleet, NOW).runs == without_remedies(prospect)


@settings(max_examples=40)
@given(outlooks(["web-1"]))
def test_alone_a_server_is_planned_as_the_whole_fleet_would_be(fleet: list[Outlook]) -> None:
    (outlook,) = fleet
    prospect = a_prospect(outlook)
    runs = without_remedies(prospect)
    grounds = prospect.survey(fleet, NOW)
    assert by_itself(outlook, grounds) == (runs[0] if runs else None)


def test_the_latest_start_among_all_is_kept() -> None:
    """Three large ones stop together on one slot: two of them have to start much earlier."""
    fleet = [
        an_outlook(f"web-{n}", 2 * DAY, measured_bytes=80 * GIB, copy=a_copy()) for n in range(3)
    ]
    grounds = a_prospect(*fleet, slots=1).survey(fleet, NOW)
    crowded = {run.demand.server: run.start_by for run in grounds.runs}
    assert len(set(crowded.values())) == 3
    for outlook in fleet:
        run = by_itself(outlook, grounds)
        assert run is not None
        assert run.start_by == crowded[outlook.server]
    alone = by_itself(fleet[0], NOTHING)
    assert alone is not None
    assert alone.start_by >= max(crowded.values())


def test_a_server_whose_seed_is_not_due_calls_for_nothing() -> None:
    assert by_itself(an_outlook(left=31 * DAY), NOTHING) is None
    run = by_itself(an_outlook(left=30 * DAY), NOTHING)
    assert run is not None
    assert run.demand.reason is Reason.SEED


def test_a_server_without_a_contract_calls_for_nothing() -> None:
    assert by_itself(an_outlook(left=None), NOTHING) is None
    assert DEFAULT_POLICY.seed == 30 * DAY
