"""How far a run is: what a program that follows it reads, and what `status` says meanwhile."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from daemon.clock import SystemClock
from daemon.domain.progress import Progress
from daemon.domain.run import RunKind
from daemon.store.engine import open_engine
from daemon.store.unit_of_work import UnitOfWork
from tests.parts.installation import SERVER, Install, Installation
from tests.parts.program import Program

RUN = "20260501T120000Z-00000a"


@pytest.fixture
def under_way(installed: Program) -> Program:
    """A run of somebody else's is under way, and has said how far it is."""
    installed.add_server("web-1")
    at = datetime(2026, 5, 1, 12, 0, 30, tzinfo=UTC)
    reading = Progress(
        at=at,
        phase="pull",
        arrived_files=1200,
        arrived_bytes=3 << 30,
        stored_files=1100,
        stored_bytes=2 << 30,
        read_bytes=2 << 30,
        safe_files=900,
        safe_bytes=1 << 30,
        rate=10 << 20,
        expected_bytes=6 << 30,
        finish_by=at + timedelta(hours=1),
    )
    engine = open_engine(f"sqlite:///{installed.state / 'lapseguard.db'}")
    with UnitOfWork(engine, clock=SystemClock(), actor="tests") as unit:
        unit.runs.claim(
            run=RUN,
            server="web-1",
            kind=RunKind.MANUAL,
            store="main",
            owner="elsewhere",
            lease=timedelta(hours=1),
        )
        unit.progress.record(RUN, reading)
        unit.commit()
    engine.dispose()
    return installed


@pytest.fixture
def enrolled(install: Install, tmp_path: Path) -> Installation:
    """A server with a few files, not saved yet."""
    source = tmp_path / "source"
    source.mkdir()
    for number in range(5):
        (source / f"{number}").write_text(f"file {number}\n" * 1000)
    installation = install()
    installation.enrol(source)
    return installation


def test_the_status_says_how_far_a_run_is_and_whether_it_will_be_in_time(
    under_way: Program,
) -> None:
    said = " ".join(under_way.do("status").split())

    assert f"web-1: run {RUN}, at 2026-05-01T12:00:30Z" in said
    assert "1,200 files, 3.0 GiB arrived, 1,100 files, 2.0 GiB stored" in said
    assert "1.0 GiB safe in a checkpoint, 10.0 MiB/s" in said
    assert "to spare before the deadline" in said


def test_programs_read_the_same_figures_from_the_status(under_way: Program) -> None:
    (found,) = under_way.ask("status")

    assert found["running"] == RUN
    assert found["progress"] == {
        "at": "2026-05-01T12:00:30Z",
        "phase": "pull",
        "arrived_files": 1200,
        "arrived_bytes": 3 << 30,
        "stored_files": 1100,
        "stored_bytes": 2 << 30,
        "read_bytes": 2 << 30,
        "safe_files": 900,
        "safe_bytes": 1 << 30,
        "expected_bytes": 6 << 30,
        "bytes_per_second": 10 << 20,
        "seconds_left": 410,
        "finish_by": "2026-05-01T13:00:30Z",
        "spare_seconds": 3190,
    }


def test_a_backup_can_be_followed_line_by_line(enrolled: Installation) -> None:
    said = enrolled.program.do("backup-now", SERVER, "--events")

    lines = [json.loads(line) for line in said.splitlines()]
    states = [line["event"] for line in lines if line["event"].startswith("run.")]
    (*_, last) = (line for line in lines if line["event"] == "capture.progressed")
    assert states == ["run.pulling", "run.storing", "run.verifying", "run.verified"]
    assert last["phase"] == "done"
    assert last["server"] == SERVER
    assert last["stored_files"] == last["arrived_files"] > 0
    assert lines[-1]["event"] == "ended"
    assert [run["state"] for run in lines[-1]["runs"]] == ["verified"]


def test_the_deadline_is_the_stop_less_the_margin(enrolled: Installation) -> None:
    stop = datetime.now(UTC).replace(microsecond=0) + timedelta(days=3)
    enrolled.program.do(
        *("contract", "add", "c-1", "--server", SERVER, "--provider", "acme"),
        *("--timezone", "UTC", "--expires", stop.strftime("%Y-%m-%dT%H:%M:%S")),
    )

    said = enrolled.program.do("backup-now", SERVER, "--events")

    readings = [json.loads(line) for line in said.splitlines() if "capture.progressed" in line]
    assert {reading["finish_by"] for reading in readings} == {
        (stop - timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%SZ")
    }
    assert all(0 < reading["spare_seconds"] < 3 * 86400 for reading in readings)
