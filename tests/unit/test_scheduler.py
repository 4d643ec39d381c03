"""Ticks that nothing stops: neither what they call, nor a clock that goes astray."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
import structlog

from daemon.clock import SystemClock
from daemon.scheduler import Ticks

LONG = 30.0
OFTEN = timedelta(milliseconds=20)


class WrongClock(SystemClock):
    """The machine's clock, set wrongly by so much."""

    wrong = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.wrong


@contextmanager
def ticking(ticks: Ticks) -> Iterator[None]:
    ticks.start()
    try:
        yield
    finally:
        ticks.stop()


def test_a_tick_comes_at_once_and_again_and_again() -> None:
    ticks, seen = Ticks(SystemClock()), threading.Semaphore(0)
    ticks.every(OFTEN, "pulse", seen.release)
    with ticking(ticks):
        assert all(seen.acquire(timeout=LONG) for _ in range(3))


def test_what_fails_is_told_and_called_again() -> None:
    ticks, seen = Ticks(SystemClock()), threading.Semaphore(0)

    def fail() -> None:
        seen.release()
        raise ValueError("a defect")

    ticks.every(OFTEN, "pulse", fail)
    with structlog.testing.capture_logs() as logs, ticking(ticks):
        assert all(seen.acquire(timeout=LONG) for _ in range(3))
    failed = [event for event in logs if event["event"] == "tick.failed"]
    assert (failed[0]["tick"], failed[0]["error"]) == ("pulse", "ValueError('a defect')")


def test_a_clock_that_steps_back_does_not_put_off_the_next_tick() -> None:
    clock = WrongClock()
    clock.wrong = timedelta(days=2)
    ticks, seen = Ticks(clock), threading.Event()
    # By the right time, which APScheduler goes by, the first tick is two days away.
    ticks.every(timedelta(hours=1), "pulse", seen.set)
    with ticking(ticks):
        assert not ticks.keep_up()
        assert not seen.is_set()
        clock.wrong = timedelta()
        assert ticks.keep_up()
        assert seen.wait(LONG)


@pytest.mark.parametrize("step", [timedelta(), timedelta(milliseconds=200)])
def test_a_clock_that_is_merely_corrected_changes_nothing(step: timedelta) -> None:
    clock = WrongClock()
    ticks = Ticks(clock)
    clock.wrong = step
    assert not ticks.keep_up()
