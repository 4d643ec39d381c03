"""The ledger of a simulated world answers as the database does, whatever is done to both."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from daemon.domain.acknowledgement import Acknowledgement, Decision
from daemon.domain.contract import Contract, ContractState, Expiry, close, renew
from daemon.domain.manifest_document import read_manifest
from daemon.domain.outlook import Outlook
from daemon.domain.plan import Assumptions, Limits
from daemon.domain.policy import DEFAULT_POLICY
from daemon.domain.run import Failure, Run, RunKind, RunState, advance
from daemon.errors import ClaimLost, RunActive
from daemon.services.planning import Planning
from daemon.store.engine import open_engine
from daemon.store.unit_of_work import UnitOfWork
from tests.factories import (
    NOW,
    FakeClock,
    a_contract,
    a_server,
    a_verification,
    captured,
    unsigned_document,
)
from tests.histories import chained_manifest
from tests.simulation.chance import stream
from tests.simulation.daemons import LEASE
from tests.simulation.ledger import Ledger
from tests.simulation.play import all_presets
from tests.simulation.scenario import Machine

SERVERS = ("db-1", "web-1")
OWNERS = ("ops-1:1:aa", "ops-1:2:bb", "ops-2:1:cc")
GONE = OWNERS[0]
DEEDS = 120
OUTAGE = Failure(code="SshUnreachable", message="No answer.", hint="Look at it.")


@dataclass
class Both:
    """A database and a ledger; whatever is done is done to both."""

    unit: UnitOfWork
    ledger: Ledger
    clock: FakeClock
    planning: Planning
    chance: random.Random
    mine: list[Run] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)

    def strike(self) -> None:
        """Do one thing that somebody might do."""
        # Mostly forward; the clock is set back now and then.
        self.clock.pass_(self.chance.choice([1, 20, 60, 100, 3600, 90_000, -7200]))
        deeds = [self.claim] * 3 + [self.write] * 6 + [self.hold] * 2
        deeds += [self.renew, self.say, self.close]
        self.chance.choice(deeds)()

    def claim(self) -> None:
        given = {
            "run": f"20261123T060101Z-{len(self.answers):06x}",
            "server": self.chance.choice(SERVERS),
            "kind": self.chance.choice(list(RunKind)),
            "store": "main",
            "owner": self.chance.choice(OWNERS),
            "lease": LEASE,
            "is_gone": lambda owner: owner == GONE,
        }

        def in_ledger() -> Run:
            return self.ledger.claim(**given, at=self.clock.now())

        if self._both(lambda: self.unit.runs.claim(**given), in_ledger):
            self.mine.append(self.ledger.newest(given["server"]))

    def write(self) -> None:
        """Somebody who thinks that a run is his writes how far it is."""
        if not self.mine:
            return
        place = self.chance.randrange(len(self.mine))
        run, at = self.mine[place], self.clock.now()
        following = {RunState.CLAIMED: RunState.PULLING, RunState.PULLING: RunState.STORING}
        following[RunState.STORING] = RunState.VERIFYING
        if run.state is RunState.VERIFYING:
            after = self._verified(run)
        elif self.chance.random() < 0.25:
            code = self.chance.choice(["SshUnreachable", "RunPaused", "Interrupted"])
            after = advance(run, RunState.PARTIAL, at, error=replace(OUTAGE, code=code))
        else:
            after = advance(run, following[run.state], at)
        if self._both(lambda: self._save(after), lambda: self.ledger.save(after, at)):
            self.mine[place] = after
        if after.is_final:
            del self.mine[place]

    def hold(self) -> None:
        """Renew a lease that may be somebody else's by now."""
        if not self.mine:
            return
        run, until = self.chance.choice(self.mine), self.clock.now() + LEASE
        self._both(
            lambda: self.unit.runs.extend_lease(run, LEASE), lambda: self.ledger.hold(run, until)
        )

    def renew(self) -> None:
        if (before := self._contract()).state is ContractState.ACTIVE:
            text = f"{self.clock.now() + timedelta(days=self.chance.randrange(-9, 90)):%Y-%m-%d}"
            until = Expiry(text=text, timezone=self.chance.choice(["Europe/Berlin", None]))
            after, renewal = renew(
                before, until, evidence="order", who="li", at=self.clock.now(), force=True
            )
            self.unit.contracts.record_renewal(renewal)
            self.ledger.put_contract(after, self.clock.now())

    def close(self) -> None:
        before = self._contract()
        if before.state is ContractState.ACTIVE and self.chance.random() < 0.1:
            after = close(before, reason="migrated", who="li", at=self.clock.now())
            self.unit.contracts.record_closing(after)
            self.ledger.put_contract(after, self.clock.now())

    def say(self) -> None:
        contract = self._contract()
        said = Acknowledgement(
            contract=contract.name,
            decision=Decision.RENEWING,
            reason="said",
            who="li",
            at=self.clock.now(),
            expiry=contract.expiry,
        )
        self.unit.acknowledgements.record(said)
        self.ledger.acknowledge(said)

    def compare(self) -> None:
        """Planning sees the same."""
        seen = [_told(outlook) for outlook in self.planning.read(self.unit)]
        assert [_told(outlook) for outlook in self.ledger.outlooks()] == seen
        for server in SERVERS:
            runs = self.unit.runs.list(server=server)
            assert self.ledger.newest(server) == max(runs, key=lambda run: run.epoch, default=None)
        unfinished = {run.run for run in self.ledger.unfinished()}
        assert unfinished == {run.run for run in self.unit.runs.unfinished()}

    def _both(self, in_database, in_ledger) -> bool:
        answer = _answer(in_database)
        assert _answer(in_ledger) == answer
        self.answers.append(answer)
        return answer == "done"

    def _contract(self) -> Contract:
        return self.ledger.contract(f"{self.chance.choice(SERVERS)}-paper")

    def _verified(self, run: Run) -> Run:
        document = unsigned_document(chained_manifest(self.unit, run.run, server=run.server))
        facts = captured(bytes=self.chance.randrange(10**9), new_bytes=self.chance.randrange(10**6))
        return advance(
            run,
            RunState.VERIFIED,
            self.clock.now(),
            captured=facts,
            manifest_sha256=read_manifest(document).sha256,
        )

    def _save(self, run: Run) -> None:
        if run.state is RunState.VERIFIED:
            document = unsigned_document(chained_manifest(self.unit, run.run, server=run.server))
            signed, at = read_manifest(document), self.clock.now()
            self.unit.manifests.record(run, signed, document)
            self.unit.verifications.record(
                a_verification(run=run.run, manifest_sha256=signed.sha256, checked_at=at)
            )
        self.unit.runs.save(run)


def _answer(deed: Callable[[], object]) -> str:
    try:
        deed()
    except (ClaimLost, RunActive) as error:
        return type(error).__name__
    return "done"


def _told(outlook: Outlook) -> Outlook:
    """Without the wording of what is told to people."""
    life = outlook.life
    return replace(
        outlook,
        life=None if life is None else replace(life, doubts=()),
        closed=outlook.closed and "closed",
        acknowledged=outlook.acknowledged and "said",
        depth=None,
    )


@contextmanager
def _begin(url: str, seed: int) -> Iterator[Both]:
    """Two registered servers, each under a contract, in a database and in a ledger."""
    clock, engine = FakeClock(), open_engine(url)
    try:
        with UnitOfWork(engine, clock=clock, actor="tester") as unit:
            chance = stream("ledger", seed)
            both = Both(unit, Ledger(all_presets()), clock, _planning(clock), chance)
            for name in SERVERS:
                paper = a_contract(name=f"{name}-paper", servers=(name,))
                unit.servers.add(a_server(name=name))
                unit.contracts.add(paper)
                both.ledger.add_server(_machine(name), None, clock.now())
                both.ledger.put_contract(paper, clock.now())
            yield both
    finally:
        engine.dispose()


def _planning(clock: FakeClock) -> Planning:
    return Planning(
        units=lambda **_: pytest.fail("Everything happens in one transaction."),
        clock=clock,
        policies=(DEFAULT_POLICY,),
        limits=Limits(),
        assumptions=Assumptions(),
        default_store="main",
    )


def _machine(name: str) -> Machine:
    figures = dict.fromkeys(("size", "growth", "churn", "rate", "overhead", "verify_rate"), 1.0)
    return Machine(name=name, born_at=NOW, gone_at=NOW, noise=0.0, reachable=(), **figures)


@pytest.mark.parametrize("seed", range(4))
def test_the_ledger_answers_as_the_database_does(sqlite_url: str, seed: int) -> None:
    """Claims, stale writes, leases, renewals and decisions, at random, under a clock that jumps."""
    with _begin(sqlite_url, seed) as both:
        for _ in range(DEEDS):
            both.strike()
            both.compare()

    assert {"done", "ClaimLost", "RunActive"} <= set(both.answers)
