"""A run tells how far it is: to who watches, and on record; and never fails for that."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from backends.capture.progress import CaptureProgress
from daemon.clock import SystemClock
from daemon.domain.progress import Progress
from daemon.domain.run import RunState
from daemon.errors import DatabaseBusy
from daemon.services.progress import Gauge, Reporting
from tests.parts.desk import MIB, Desk, Watcher
from tests.parts.folder_pull import put


class GaugeWatcher(Watcher):
    """Keeps the last reading."""

    seen: Progress | None = None

    @contextmanager
    def gauging(self, gauge: Gauge) -> Iterator[None]:
        yield
        self.seen = gauge.read()


def reporting(desk: Desk, watcher: Watcher) -> Reporting:
    return Reporting(watcher=watcher, units=desk.units, clock=SystemClock(), every=0.01)


def recorded(desk: Desk) -> dict[str, Progress]:
    with desk.units(read_only=True) as unit:
        return dict(unit.progress.all())


@pytest.fixture
def watcher() -> GaugeWatcher:
    return GaugeWatcher()


def test_what_is_recorded_during_a_run_is_what_its_watcher_is_told(
    desk: Desk, watcher: GaugeWatcher
) -> None:
    desk.watcher = reporting(desk, watcher)

    run = desk.back_up()

    assert run.state is RunState.VERIFIED
    assert watcher.seen is not None
    assert (watcher.seen.stored_files, watcher.seen.stored_bytes) == (4, 4 * MIB)
    assert watcher.seen.read_bytes == 4 * MIB
    assert recorded(desk) == {}


def test_a_reading_is_on_record_while_data_flows(desk: Desk, watcher: GaugeWatcher) -> None:
    put(desk.source / "a", b"a" * 1000)
    during: list[Progress] = []

    def look(_: Path) -> None:
        while "web-1" not in recorded(desk):
            pass
        during.append(recorded(desk)["web-1"])

    desk.watcher = reporting(desk, watcher)
    desk.back_up(before=look)

    assert during
    assert during[0].phase == "pull"


def test_a_database_that_cannot_take_a_reading_ends_no_run(
    desk: Desk, watcher: GaugeWatcher
) -> None:
    report = reporting(desk, watcher)
    report._run = "20260501T120000Z-000001"
    desk.database_fault = DatabaseBusy("somebody writes")

    with report.capturing(CaptureProgress()):
        pass

    assert watcher.seen is not None
    assert watcher.warnings == []
