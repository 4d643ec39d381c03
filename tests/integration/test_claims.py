"""Several daemons claim from one fleet: each server goes to one of them, and nobody waits."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy import Engine, text

from daemon.clock import SystemClock
from daemon.domain.audit import verify_chain
from daemon.domain.candidate import Candidate
from daemon.domain.run import RunKind, RunState, advance
from daemon.errors import ClaimLost, RunActive
from daemon.store.engine import open_engine
from daemon.store.unit_of_work import UnitOfWork
from tests.factories import NOW, a_server
from tests.histories import LAPSED, LEASE, claim
from tests.program_spawner import ROOT

SERVERS = [f"web-{number:02}" for number in range(50)]
FLEET = [Candidate(server=name, kind=RunKind.SCHEDULED, store="main") for name in SERVERS]
#: A daemon that takes whatever it gets, as a process of its own: URL, name, count.
CLAIMER = """
import sys
from tests.integration.test_claims import claim_everything, engine_on
url, owner = sys.argv[1:]
print("ready", flush=True)
sys.stdin.readline()
with engine_on(url) as engine:
    print(*claim_everything(engine, owner), sep="\\n")
"""


@contextmanager
def engine_on(url: str) -> Iterator[Engine]:
    engine = open_engine(url)
    yield engine
    engine.dispose()


def at_once(engine: Engine) -> UnitOfWork:
    return UnitOfWork(engine, clock=SystemClock(), actor="tester", at_once=True)


def run_id(owner: str, number: int) -> str:
    return f"20261123T060101Z-{owner}{number:05x}"


def claim_first(unit, run, fleet=FLEET, *, owner="ops-1:1:aa", lease=LEASE, **given):
    return unit.runs.claim_first(fleet, run=run, owner=owner, lease=lease, **given)


def claim_everything(engine: Engine, owner: str) -> list[str]:
    """Claim the first free server of the fleet until none is left."""
    won: list[str] = []
    while True:
        with at_once(engine) as unit:
            run = claim_first(unit, run_id(owner, len(won)), owner=f"{owner}:1:aa")
            if run is None:
                return won
            unit.commit()
        won.append(run.server)


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    with engine_on(database_url) as engine, at_once(engine) as unit:
        unit.servers.add_all([a_server(name=name) for name in SERVERS])
        unit.commit()
        yield engine


@pytest.fixture
def shared(postgres_url: str) -> Iterator[Engine]:
    """A database that several hosts share."""
    with engine_on(postgres_url) as engine, at_once(engine) as unit:
        unit.servers.add_all([a_server(name=name) for name in SERVERS])
        unit.commit()
        yield engine


def test_two_daemons_that_claim_the_same_fleet_get_disjoint_halves_of_it(shared, postgres_url):
    def start(owner: str) -> "subprocess.Popen[str]":
        program = [sys.executable, "-c", CLAIMER, postgres_url, owner]
        pipe = subprocess.PIPE
        return subprocess.Popen(program, cwd=ROOT, stdin=pipe, stdout=pipe, text=True)

    with start("a") as one, start("b") as other:
        assert [each.stdout.readline() for each in (one, other)] == ["ready\n", "ready\n"]
        for each in (one, other):
            each.stdin.write("go\n")
            each.stdin.flush()
        won = [each.communicate()[0].split() for each in (one, other)]
    assert sorted(won[0] + won[1]) == SERVERS
    assert all(won)
    with at_once(shared) as unit:
        assert {run.server for run in unit.runs.unfinished()} == set(SERVERS)
        assert verify_chain(unit.audit.events()) == ()


def test_the_first_server_that_nobody_holds_is_claimed(engine):
    with at_once(engine) as unit:
        claim(unit, run_id("a", 0), server=SERVERS[0])
        won = claim_first(unit, run_id("a", 1))
        assert (won.server, won.kind, won.store) == (SERVERS[1], RunKind.SCHEDULED, "main")
        assert claim_first(unit, run_id("a", 2), FLEET[:2]) is None
        assert claim_first(unit, run_id("a", 2), []) is None
        assert unit.runs.get(won.run) == won


def test_a_server_that_somebody_is_just_claiming_is_passed_over_without_waiting(shared):
    with at_once(shared) as holder:
        claim(holder, run_id("a", 0), server=SERVERS[0])
        # Not committed, and never will be: whoever waited for it would wait for ever.
        with at_once(shared) as other:
            other.runs._transaction.change(text("SET LOCAL lock_timeout = 1"))
            with pytest.raises(RunActive, match="at this moment"):
                claim(other, run_id("b", 0), server=SERVERS[0])
            assert claim_first(other, run_id("b", 0), FLEET[:1]) is None


def test_a_lease_is_extended_while_somebody_else_writes(shared):
    with at_once(shared) as unit:
        run = claim(unit)
        unit.commit()
    with UnitOfWork(shared, clock=SystemClock(), actor="tester") as writer:
        writer.servers.add(a_server(name="new"))
        with at_once(shared) as unit:
            unit.runs._transaction.change(text("SET LOCAL lock_timeout = 1"))
            extended = unit.runs.extend_lease(run, timedelta(hours=1))
            unit.commit()
        writer.commit()
    with at_once(shared) as unit:
        assert unit.runs.get(run.run).lease_until == extended.lease_until > run.lease_until


def test_a_claimer_and_a_writer_of_the_same_server_do_not_block_each_other(shared):
    with at_once(shared) as unit:
        run = claim(unit, run_id("a", 0), server=SERVERS[0], lease=LAPSED)
        unit.commit()
    with UnitOfWork(shared, clock=SystemClock(), actor="tester") as writer:
        claimed = _in_background(lambda: _claim_and_commit(shared, SERVERS[0]))
        claimed.join(0.3)  # it has the server's lock by now, and waits for the writer's turn
        assert claimed.is_alive()
        writer.runs.save(advance(run, RunState.PULLING, NOW))
        writer.servers.update(a_server(name=SERVERS[0], host="moved.example"))
        writer.commit()
    claimed.join(20)
    with at_once(shared) as unit:
        assert unit.runs.get(run.run).state is RunState.ABANDONED
        assert unit.runs.newest(SERVERS[0], RunState.CLAIMED).epoch == run.epoch + 2


def _claim_and_commit(engine: Engine, server: str) -> None:
    with at_once(engine) as unit:
        claim(unit, run_id("b", 0), server=server)
        unit.commit()


def _in_background(deed: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=deed)
    thread.start()
    return thread


def test_an_owner_that_renews_at_the_last_moment_is_not_taken_over(shared):
    with at_once(shared) as unit:
        run = claim(unit, server=SERVERS[0], lease=LAPSED)
        unit.commit()
    outcome: list[object] = []
    with at_once(shared) as unit:
        unit.runs.extend_lease(run, LEASE)
        taking = _in_background(lambda: outcome.append(_try_claim(shared)))
        taking.join(0.3)  # it saw a lapsed lease, and waits to close the run
        assert taking.is_alive()
        unit.commit()
    taking.join(20)
    assert outcome == [None]
    with at_once(shared) as unit:
        unit.runs.save(advance(run, RunState.PULLING, NOW))


def _try_claim(engine: Engine) -> object:
    with at_once(engine) as unit:
        return claim_first(unit, run_id("b", 0), FLEET[:1])


def test_a_lapsed_lease_is_taken_over_and_whoever_slept_is_fenced_out(engine):
    with at_once(engine) as unit:
        stale = claim_first(unit, run_id("a", 0), FLEET[:1], lease=LAPSED)
        unit.commit()
    with at_once(engine) as unit:
        fresh = claim_first(unit, run_id("b", 0), FLEET[:1])
        unit.commit()
    assert fresh.epoch == stale.epoch + 2
    for write in (
        lambda unit: unit.runs.save(advance(stale, RunState.PULLING, NOW)),
        lambda unit: unit.runs.extend_lease(stale, LEASE),
        lambda unit: unit.runs.require_claim(stale),
    ):
        with at_once(engine) as unit, pytest.raises(ClaimLost):
            write(unit)


def test_the_lease_of_an_owner_that_is_gone_counts_for_nothing(engine):
    with at_once(engine) as unit:
        claim_first(unit, run_id("a", 0), FLEET[:1], owner="ops-1:1:aa")
        kept = claim_first(
            unit, run_id("a", 1), FLEET[:1], is_gone=lambda owner: owner == "ops-2:1:aa"
        )
        assert kept is None
        won = claim_first(
            unit, run_id("a", 2), FLEET[:1], is_gone=lambda owner: owner == "ops-1:1:aa"
        )
        assert won.server == SERVERS[0]


def test_claims_of_all_kinds_and_other_writers_leave_one_whole_chain(engine):
    def write(number: int) -> None:
        with UnitOfWork(engine, clock=SystemClock(), actor=f"person-{number}") as unit:
            unit.servers.update(a_server(name=SERVERS[number], value=number))
            unit.commit()

    with ThreadPoolExecutor(4) as pool:
        won = [pool.submit(claim_everything, engine, owner) for owner in ("a", "b")]
        list(pool.map(write, range(25)))
    assert sorted(won[0].result() + won[1].result()) == SERVERS
    with UnitOfWork(engine, clock=SystemClock(), actor="tester", read_only=True) as unit:
        events = list(unit.audit.events())
        assert verify_chain(events) == ()
        assert len(events) == 50 + 50 + 25
        assert [event.at for event in events] == sorted(event.at for event in events)


def test_an_event_follows_what_others_recorded_since_the_trail_was_looked_at(shared):
    with at_once(shared) as unit:
        before = unit.audit.head()
        with at_once(shared) as other:
            other.servers.add(a_server(name="new"))
            other.commit()
        unit.audit.record("note.written", "x", {})
        unit.commit()
    with at_once(shared) as unit:
        assert unit.audit.head().sequence == before.sequence + 2
        assert verify_chain(unit.audit.events()) == ()


def test_a_server_that_was_never_registered_can_be_claimed_by_one(engine):
    with at_once(engine) as unit:
        assert claim(unit, run_id("a", 0), server="unheard-of").epoch == 1
        with pytest.raises(RunActive, match="held by ops-1:1:aa"):
            claim(unit, run_id("a", 1), server="unheard-of")
