"""What a daemon's log says of a run under way."""

from datetime import timedelta

from structlog.testing import capture_logs

from backends.capture.progress import CaptureProgress
from daemon.services.progress import Gauge
from daemon.services.run_log import RunLog
from tests.factories import NOW, FakeClock

MIB = 1024**2


def test_a_line_says_what_came_what_is_safe_how_fast_and_what_time_is_left() -> None:
    clock, progress = FakeClock(), CaptureProgress()
    gauge = Gauge(progress, clock, finish_by=NOW + timedelta(hours=1))
    progress.expect(70 * MIB)
    for _ in range(2):
        progress.count_arrival(8 * MIB)
    progress.count_read(10 * MIB)
    progress.count_stored(8 * MIB)
    progress.secure(1, 8 * MIB)
    clock.pass_(10)

    with capture_logs() as said, RunLog(every=3600, server="web-1").gauging(gauge):
        pass

    (line,) = said
    expected = {
        "event": "capture.progressed",
        "server": "web-1",
        "phase": "pull",
        "arrived_files": 2,
        "arrived_bytes": 16 * MIB,
        "stored_files": 1,
        "stored_bytes": 8 * MIB,
        "safe_files": 1,
        "safe_bytes": 8 * MIB,
        "expected_bytes": 70 * MIB,
        "bytes_per_second": MIB,
        "seconds_left": 60,
        "spare_seconds": 3600 - 10 - 60,
    }
    assert {key: line[key] for key in expected} == expected
