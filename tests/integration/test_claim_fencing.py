"""Owners that sleep past their lease, on a database that several hosts share: none writes late."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import pytest

from daemon.domain.run import Run, RunState
from daemon.errors import RunActive
from daemon.services.lease import Lease
from daemon.services.units import Units
from daemon.store.engine import open_engine
from tests.claim_holder import claim, conclude, units_of
from tests.program_spawner import ROOT

#: Owners that are stopped and continued side by side, and how often each is.
OWNERS, CYCLES = 5, 20
LEASE = timedelta(seconds=0.4)
#: A host of which nothing can be known but its leases.
ELSEWHERE = "ops-2:1:0-00000000"


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """A process that holds claims on one server."""

    process: "subprocess.Popen[str]"
    server: str
    units: Units

    def say(self, words: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{words}\n")
        self.process.stdin.flush()

    def hear(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def claim(self) -> str:
        self.say(f"claim {self.server}")
        return self.hear()

    def stop(self) -> None:
        """Returns once the process does nothing any more."""
        self.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED | os.WNOWAIT)

    def go_on(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def await_lapse(self, run: str) -> None:
        """Return as soon as others may have the run."""
        deadline = time.monotonic() + 30
        while run not in self._lapsed():
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def _lapsed(self) -> tuple[str, ...]:
        with self.units(read_only=True) as unit:
            return unit.runs.lapsed()


@contextmanager
def owner(url: str, server: str, units: Units) -> Iterator[Owner]:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.claim_holder", url, str(LEASE.total_seconds())],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Owner(process=process, server=server, units=units)
        finally:
            process.kill()


def sleep_through(owner: Owner, cycle: int) -> tuple[str, str]:
    """The owner sleeps until somebody else has its server; what becomes of its late writes."""
    stale = owner.claim()
    owner.stop()
    owner.await_lapse(stale)
    taken = claim(owner.units, owner.server, timedelta(seconds=60), ELSEWHERE)
    # What it writes is in its mind already when it wakes up, and its lease may still seem good.
    owner.say("conclude blindly" if cycle % 2 else "conclude")
    if cycle % 4 < 2:
        conclude(owner.units, taken, Lease())
        owner.go_on()
        return stale, owner.hear()
    owner.go_on()
    answer = owner.hear()
    conclude(owner.units, taken, Lease())
    return stale, answer


@pytest.fixture
def units(postgres_url: str) -> Iterator[Units]:
    engine = open_engine(postgres_url)
    yield units_of(engine)
    engine.dispose()


def history(units: Units, server: str) -> tuple[Run, ...]:
    with units(read_only=True) as unit:
        return unit.runs.list(server=server)


@pytest.mark.slow
def test_of_a_hundred_owners_that_slept_past_their_lease_none_writes_late(
    postgres_url: str, units: Units
) -> None:
    def cycles(number: int) -> list[tuple[str, str]]:
        with owner(postgres_url, f"web-{number}", units) as sleeper:
            return [sleep_through(sleeper, cycle) for cycle in range(CYCLES)]

    with ThreadPoolExecutor(OWNERS) as threads:
        outcomes = list(threads.map(cycles, range(OWNERS)))

    assert {answer for each in outcomes for _, answer in each} == {"ClaimLost"}
    for number, each in enumerate(outcomes):
        runs = history(units, f"web-{number}")
        states = {run.run: run.state for run in runs}
        assert [states[stale] for stale, _ in each] == [RunState.ABANDONED] * CYCLES
        verified = [run for run in runs if run.state is RunState.VERIFIED]
        assert {run.owner for run in verified} == {ELSEWHERE}
        # One effect for each cycle: nothing was done twice, and nothing was lost.
        assert len(verified) == CYCLES
        assert len(runs) == 2 * CYCLES


def test_an_owner_that_is_awake_keeps_what_it_has(postgres_url: str, units: Units) -> None:
    with owner(postgres_url, "web-1", units) as awake:
        awake.claim()
        time.sleep(2 * LEASE.total_seconds())
        with pytest.raises(RunActive):
            claim(units, "web-1", LEASE, ELSEWHERE)
        awake.say("conclude")
        assert awake.hear() == "accepted"


def test_a_killed_owner_is_followed_as_soon_as_its_lease_has_lapsed(
    postgres_url: str, units: Units
) -> None:
    with owner(postgres_url, "web-1", units) as victim:
        stale = victim.claim()
        victim.process.kill()
        with pytest.raises(RunActive):
            claim(units, "web-1", LEASE, ELSEWHERE)
        victim.await_lapse(stale)
        conclude(units, claim(units, "web-1", LEASE, ELSEWHERE), Lease())
    assert [run.state for run in history(units, "web-1")] == [
        RunState.VERIFIED,
        RunState.ABANDONED,
    ]
