"""How far runs under way are, on record for whoever asks."""

from dataclasses import replace
from datetime import timedelta

from daemon.domain.progress import Progress
from daemon.domain.run import Failure, RunKind, RunState, advance
from tests.factories import NOW

READING = Progress(
    at=NOW,
    phase="pull",
    arrived_files=10,
    arrived_bytes=10 << 40,
    stored_files=9,
    stored_bytes=9 << 40,
    read_bytes=9 << 40,
    safe_files=8,
    safe_bytes=8 << 40,
    rate=1 << 33,
    expected_bytes=None,
    finish_by=NOW + timedelta(days=2),
)


def begin(unit, run="20260501T120000Z-000001", server="web-1"):
    return unit.runs.claim(
        run=run,
        server=server,
        kind=RunKind.MANUAL,
        store="main",
        owner="tests",
        lease=timedelta(minutes=5),
    )


def end(unit, run):
    unit.runs.save(
        advance(run, RunState.FAILED, unit.now(), error=Failure(code="X", message="x", hint="y"))
    )


def test_the_newest_reading_of_each_run_is_kept(open_unit):
    with open_unit() as unit:
        first = begin(unit)
        other = begin(unit, "20260501T120000Z-000002", "web-2")
        unit.progress.record(first.run, READING)
        unit.progress.record(other.run, READING)
        unit.progress.record(first.run, replace(READING, stored_files=10, expected_bytes=1))
        unit.commit()
    with open_unit(read_only=True) as unit:
        assert unit.progress.all() == {
            "web-1": replace(READING, stored_files=10, expected_bytes=1),
            "web-2": READING,
        }


def test_a_run_that_has_ended_has_no_progress(open_unit):
    with open_unit() as unit:
        run = begin(unit)
        unit.progress.record(run.run, READING)
        end(unit, run)
        assert unit.progress.all() == {}


def test_what_a_killed_owner_left_goes_when_another_run_begins(open_unit):
    with open_unit() as unit:
        killed = begin(unit)
        unit.progress.record(killed.run, READING)
        end(unit, killed)
        unit.progress.record(begin(unit, "20260501T120000Z-000003").run, READING)
        unit.progress.forget("20260501T120000Z-000003")
        unit.progress.forget("20260501T120000Z-000003")
        unit.commit()
    with open_unit(read_only=True) as unit:
        assert unit.progress.all() == {}


def test_progress_is_not_history(open_unit):
    with open_unit() as unit:
        run = begin(unit)
        before = list(unit.audit.events())
        unit.progress.record(run.run, READING)
        unit.progress.forget(run.run)
        assert list(unit.audit.events()) == before
