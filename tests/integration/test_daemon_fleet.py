"""Daemons that share one PostgreSQL database, when one of them or the database does not go on."""

import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from daemon.services.units import Units
from daemon.store.engine import open_engine
from tests.claim_holder import units_of
from tests.parts.daemons import Daemon, Start, another_host, quicken, rows
from tests.parts.databases import PostgresCluster
from tests.parts.due import enrol, expire
from tests.parts.installation import Install, Installation
from tests.parts.line import Line
from tests.parts.program import Program

LEASE = timedelta(seconds=3)
#: From the end of a dead daemon's lease to the beginning of the run that follows.
TAKEOVER = timedelta(seconds=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """Two hosts, one database, one server that is due and behind a slow line."""

    installation: Installation
    second: Program
    units: Units

    @property
    def runs(self) -> list[dict[str, Any]]:
        """Of the server, oldest first."""
        return rows(self.installation.program, self.installation.name)[::-1]

    @property
    def states(self) -> list[str]:
        return [row["state"] for row in self.runs]

    @property
    def takeover(self) -> timedelta:
        """From the end of the first run's lease to the beginning of the second.

        On the clock of the database; negative where the first owner was seen to be gone.
        """
        with self.units(read_only=True) as unit:
            after, before = unit.runs.list(server=self.installation.name)
        return after.started_at - before.lease_until

    def pulled(self, holder: Daemon) -> int:
        """How many files the holder of the run has received."""
        state = holder.folder / "state"
        journal = state / "staging" / self.installation.name / "arrivals.log"
        return journal.read_bytes().count(b"\n") if journal.exists() else 0


@pytest.fixture
def fleet(
    install: Install, line: Line, source: Path, postgres_url: str, tmp_path: Path
) -> Iterator[Fleet]:
    installation = install(host=line.host, options=("--database", postgres_url))
    quicken(installation.program, lease=f"{int(LEASE.total_seconds())}s")
    installation.enrol(source)
    expire(installation, "web-1")
    line.limit(128)
    engine = open_engine(postgres_url)
    yield Fleet(
        installation=installation,
        second=another_host(installation, tmp_path / "second host"),
        units=units_of(engine),
    )
    engine.dispose()
    line.limit(0)


def claimants(first: Daemon, second: Daemon) -> tuple[Daemon, Daemon]:
    """The daemon that has claimed the run, and the other one."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for holder, other in ((first, second), (second, first)):
            if holder.events("run.pulling"):
                return holder, other
        time.sleep(0.05)
    raise AssertionError(first.log + second.log)


def both(fleet: Fleet, start_daemon: Start) -> tuple[Daemon, Daemon]:
    """Both daemons, the one with a run in the midst of its pull first."""
    daemons = [start_daemon(fleet.installation.program), start_daemon(fleet.second)]
    holder, other = claimants(*daemons)
    holder.wait_for(lambda: fleet.pulled(holder) > 2, "files")
    return holder, other


@pytest.mark.slow
def test_when_one_daemon_is_killed_in_the_midst_of_a_run_the_other_finishes_it(
    fleet: Fleet, start_daemon: Start, line: Line
) -> None:
    holder, other = both(fleet, start_daemon)
    line.limit(0)
    holder.process.kill()
    other.await_event("run.verified", server="web-1")
    assert fleet.states == ["abandoned", "verified"]
    assert fleet.takeover <= TAKEOVER
    assert other.end() == 0


@pytest.mark.slow
def test_a_daemon_that_slept_past_its_lease_wakes_up_to_a_run_that_is_no_longer_its_own(
    fleet: Fleet, start_daemon: Start, line: Line
) -> None:
    holder, other = both(fleet, start_daemon)
    line.limit(0)
    holder.process.send_signal(signal.SIGSTOP)
    other.await_event("run.verified", server="web-1")
    line.host.cut()
    holder.process.send_signal(signal.SIGCONT)
    holder.await_event("run.lost", server="web-1")
    assert fleet.states == ["abandoned", "verified"]
    assert timedelta() <= fleet.takeover <= TAKEOVER
    assert holder.end() == 0
    assert other.end() == 0
    # Nothing that it did after it woke up has harmed what the other one stored.
    assert fleet.installation.program.run("verify", "web-1").exit_code == 0


@pytest.mark.slow
def test_a_daemon_outlives_its_database_and_saves_what_is_due_once_it_is_back(
    fleet: Fleet, start_daemon: Start, line: Line, postgres_cluster: PostgresCluster
) -> None:
    line.limit(0)
    daemon = start_daemon(fleet.installation.program)
    daemon.await_event("run.verified")
    postgres_cluster.stop()
    try:
        daemon.await_event("database.lost")
        alive = daemon.heard().count("WATCHDOG=1")
        time.sleep(5)
        # Without a round trip there is nothing to vouch for.
        assert daemon.heard().count("WATCHDOG=1") <= alive + 1
    finally:
        postgres_cluster.start()
    daemon.await_event("database.back")
    enrol_another(fleet)
    daemon.await_event("run.verified", server="web-2")
    assert daemon.end() == 0
    assert len(daemon.events("database.lost")) == 1


@pytest.mark.slow
def test_a_database_that_goes_away_in_the_midst_of_a_sweep_costs_that_sweep_and_no_more(
    fleet: Fleet, start_daemon: Start, line: Line, postgres_url: str
) -> None:
    line.limit(0)
    daemon = start_daemon(fleet.installation.program)
    daemon.await_event("run.verified")
    cut_off_a_sweep(daemon, postgres_url)
    daemon.await_event("database.lost")
    daemon.await_event("database.back")
    enrol_another(fleet)
    daemon.await_event("run.verified", server="web-2")
    assert daemon.events("sweep.failed") == daemon.events("tick.failed") == []
    assert daemon.end() == 0


def cut_off_a_sweep(daemon: Daemon, url: str) -> None:
    """End the daemon's connection while it reads what it plans for."""
    blocked = "FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%standings%'"
    engine = open_engine(url)
    with engine.connect() as holding, engine.connect() as watching:
        holding.execute(text("LOCK TABLE standings IN ACCESS EXCLUSIVE MODE"))

        def is_cut() -> bool:
            with watching.begin():
                return bool(
                    watching.scalars(text(f"SELECT pg_terminate_backend(pid) {blocked}")).all()
                )

        daemon.wait_for(is_cut, "a sweep that reads")
    engine.dispose()


def enrol_another(fleet: Fleet) -> None:
    """One more server that is due at once."""
    folder = fleet.installation.program.folder / "home"
    folder.mkdir(exist_ok=True)
    enrol(fleet.installation, "web-2", folder)
    expire(fleet.installation, "web-2")
