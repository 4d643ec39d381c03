"""Runs side by side: each is told by itself when to end, and none takes the others along."""

import threading

import pytest

from daemon.errors import LapseguardError, RunPaused
from daemon.services.allotment import Assignment
from daemon.services.stopping import Stopping
from daemon.services.workforce import Workforce
from tests.factories import FakeClock
from tests.unit.services.test_sweep import planned

LONG = 30.0


class Bench:
    """A workforce whose runs last until they are told to end, unless a server is poison."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.ended = threading.Event()
        self.reasons: dict[str, LapseguardError] = {}
        self.workforce = Workforce(self._work, self.clock, self.ended.set)

    def _work(self, run: Assignment, stopping: Stopping) -> None:
        if run.server == "poison":
            raise SystemExit("a defect of the worst kind")
        stopping.asked.wait(LONG)
        self.reasons[run.server] = stopping.reason

    def start(self, *servers: str) -> list[bool]:
        return [self.workforce.start(Assignment(planned=planned(server))) for server in servers]


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_server_has_one_run_at_a_time(bench: Bench) -> None:
    assert bench.start("web-1", "web-1", "web-2") == [True, False, True]
    assert bench.workforce.servers() == {"web-1", "web-2"}
    bench.workforce.close()
    assert bench.workforce.wait(LONG)


def test_a_run_that_gives_way_ends_alone(bench: Bench) -> None:
    bench.start("web-1", "web-2")
    bench.workforce.pause("web-1")
    assert bench.ended.wait(LONG)
    (reason,) = bench.reasons.values()
    assert isinstance(reason, RunPaused)
    assert str(reason) == "A more urgent run needed its slot."
    assert bench.workforce.servers() == {"web-2"}
    bench.workforce.pause("a server of another host")
    bench.workforce.close()
    assert bench.workforce.wait(LONG)


def test_once_closed_everything_ends_and_nothing_begins(bench: Bench) -> None:
    bench.start("web-1", "web-2")
    bench.workforce.close()
    assert bench.workforce.wait(LONG)
    assert set(bench.reasons) == {"web-1", "web-2"}
    assert bench.start("web-3") == [False]


def test_a_poisonous_server_rests_and_the_others_go_on(bench: Bench) -> None:
    bench.start("web-1", "poison")
    assert bench.ended.wait(LONG)
    assert bench.workforce.servers() == {"web-1"}
    assert bench.workforce.resting() == {"poison"}
    bench.clock.pass_(60)
    assert bench.workforce.resting() == frozenset()
    bench.workforce.force()
    assert bench.workforce.wait(LONG)
