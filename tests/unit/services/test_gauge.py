"""A gauge reads counters, and says how fast they lately rose."""

from contextlib import suppress
from datetime import timedelta

from backends.capture.progress import CapturePhase, CaptureProgress
from backends.source_errors import DumpFailed
from daemon.cli.capture_output import describe
from daemon.services.progress import Gauge
from tests.factories import NOW, FakeClock


def test_a_rate_is_that_of_the_last_half_minute() -> None:
    counters, clock = CaptureProgress(), FakeClock()
    gauge = Gauge(counters, clock)

    for _ in range(60):
        clock.pass_(1)
        counters.count_read(100)
        gauge.read()
    assert gauge.read().rate == 100
    for _ in range(60):
        clock.pass_(1)
        counters.count_read(900)
        last = gauge.read()

    assert last.rate == 900


def test_a_capture_that_has_stalled_is_said_to_stand_still() -> None:
    counters, clock = CaptureProgress(), FakeClock()
    gauge = Gauge(counters, clock)
    counters.count_read(1 << 30)
    clock.pass_(1)
    assert gauge.read().rate == 1 << 30

    for _ in range(40):
        clock.pass_(1)
        stalled = gauge.read()

    assert stalled.rate == 0


def test_the_first_moments_say_nothing_of_the_rate() -> None:
    counters, clock = CaptureProgress(), FakeClock()
    gauge = Gauge(counters, clock)
    counters.count_read(1 << 20)
    clock.pass_(0.001)

    assert gauge.read().rate == 0


def test_every_counter_is_passed_on() -> None:
    counters, clock = CaptureProgress(), FakeClock()
    counters.expect(1000)
    counters.count_arrival(70)
    counters.count_arrival(30)
    counters.count_read(90)
    counters.count_stored(70)
    counters.secure(5, 500)
    counters.enter(CapturePhase.TREES)

    found = Gauge(counters, clock, NOW + timedelta(hours=1)).read()

    assert (found.arrived_files, found.arrived_bytes) == (2, 100)
    assert (found.stored_files, found.stored_bytes, found.read_bytes) == (1, 70, 90)
    assert (found.safe_files, found.safe_bytes, found.expected_bytes) == (5, 500, 1000)
    assert (found.phase, found.at, found.finish_by) == ("trees", NOW, NOW + timedelta(hours=1))


def test_a_dump_is_a_step_of_its_own_that_counts_once_it_is_whole() -> None:
    counters = CaptureProgress()
    gauge = Gauge(counters, FakeClock())
    counters.expect(5000)

    with counters.dumping("shop.pgdump"):
        counters.count_dumped(700)
        during = gauge.read()
    with suppress(DumpFailed), counters.dumping("gone.sql"):
        counters.count_dumped(200)
        raise DumpFailed("no such database")
    after = gauge.read()

    assert describe(during).startswith("dumping shop.pgdump: 700 B so far, ")
    assert (during.phase, during.stored_files, during.read_bytes) == ("dumping shop.pgdump", 0, 700)
    assert (after.phase, after.stored_files, after.stored_bytes) == ("pull", 1, 700)
    assert after.expected_bytes == 5900
