"""What the database would say, kept in memory: contracts, claims, runs, and the outlooks on them.

One method for each thing that the product's store does, with the same meaning; a test holds the
outlooks of both together. Every instant here is what some clock said, right or wrong.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from daemon.domain.acknowledgement import Acknowledgement
from daemon.domain.contract import Contract, ContractState
from daemon.domain.life import timeline_of
from daemon.domain.outlook import Life, Outlook, Sample, VerifiedCopy
from daemon.domain.preset import Preset
from daemon.domain.run import Run, RunKind, RunState, advance
from daemon.domain.standing import SAMPLES, attempt_of, host_of, samples_of
from daemon.domain.verification import Depth
from daemon.errors import ClaimLost, RunActive
from tests.simulation.scenario import Machine


@dataclass(slots=True)
class Account:
    """All that is on record about one server."""

    machine: Machine
    epoch: int = 0
    newest: Run | None = None
    failures: int = 0
    copy: VerifiedCopy | None = None
    complete: Run | None = None
    samples: deque[Sample] = field(default_factory=lambda: deque(maxlen=SAMPLES))
    measured: int | None = None
    outlook: Outlook | None = None


class Ledger:
    """The truth that planning works from."""

    def __init__(self, presets: Mapping[str, Preset]) -> None:
        self._presets = presets
        self._accounts: dict[str, Account] = {}
        self._contracts: dict[str, Contract] = {}
        self._naming: dict[str, list[str]] = {}
        self._lives: dict[str, Life] = {}
        self._acknowledged: dict[str, Acknowledgement] = {}
        self.newest_at: datetime | None = None

    def add_server(self, machine: Machine, measured: int | None, at: datetime) -> None:
        """Register a server."""
        self._accounts[machine.name] = Account(machine, measured=measured)
        self._write(at, ())

    def drop_server(self, name: str, at: datetime) -> None:
        """Take a server out of the registry."""
        del self._accounts[name]
        self._write(at, ())

    def contract(self, name: str) -> Contract:
        """A contract as it stands."""
        return self._contracts[name]

    def put_contract(self, contract: Contract, at: datetime) -> None:
        """Add a contract, or replace what it was."""
        self._contracts[contract.name] = contract
        for server in contract.servers:
            names = self._naming.setdefault(server, [])
            if contract.name not in names:
                names.append(contract.name)
        self._lives.pop(contract.name, None)
        self._write(at, contract.servers)

    def acknowledge(self, said: Acknowledgement) -> None:
        """Note what a person said."""
        self._acknowledged[said.contract] = said
        self._write(said.at, self._contracts[said.contract].servers)

    def forget_zones(self) -> None:
        """Compute every instant anew: the zone rules are others."""
        self._lives.clear()
        for account in self._accounts.values():
            account.outlook = None

    def claim(  # as the store's own method
        self,
        *,
        run: str,
        server: str,
        kind: RunKind,
        store: str,
        owner: str,
        lease: timedelta,
        at: datetime,
        is_gone: Callable[[str], bool],
    ) -> Run:
        """Begin a run. Raises RunActive while somebody else's lease holds."""
        account = self._accounts[server]
        before = account.newest
        if before is not None and not before.is_final:
            if before.lease_until > at and not is_gone(before.owner):
                raise RunActive(f"{server} is under way.")
            self._settle(account, advance(before, RunState.ABANDONED, at))
            account.epoch += 1  # of the abandoned one: its owner's writes match nothing
        account.epoch += 1
        claimed = Run(
            run=run,
            server=server,
            kind=kind,
            state=RunState.CLAIMED,
            started_at=at,
            store=store,
            epoch=account.epoch,
            owner=owner,
            lease_until=at + lease,
        )
        account.newest = claimed
        self._write(at, (server,))
        return claimed

    def hold(self, run: Run, until: datetime) -> None:
        """Keep a lease alive. Raises ClaimLost."""
        account = self._held(run)
        assert account.newest is not None
        account.newest = replace(account.newest, lease_until=until)
        account.outlook = None

    def lease_of(self, run: Run) -> datetime:
        """Until when a claim holds. Raises ClaimLost."""
        newest = self._held(run).newest
        assert newest is not None
        return newest.lease_until

    def save(self, run: Run, at: datetime) -> None:
        """Record a run's next state. Raises ClaimLost."""
        account = self._held(run)
        assert account.newest is not None
        run = replace(run, lease_until=account.newest.lease_until)
        if run.is_final:
            self._settle(account, run)
        else:
            account.newest = run
        self._write(at, (run.server,))

    def is_ours(self, run: Run) -> bool:
        """Whether a claim still holds; what a thawed owner finds out by writing."""
        try:
            self._held(run)
        except ClaimLost:
            return False
        return True

    def unfinished(self) -> list[Run]:
        """Runs that have no end on record."""
        newest = (account.newest for account in self._accounts.values())
        return [run for run in newest if run is not None and not run.is_final]

    def newest(self, server: str) -> Run | None:
        """A server's newest run."""
        return self._accounts[server].newest

    def servers(self) -> Iterable[str]:
        """The names of all that are registered."""
        return self._accounts

    def outlook(self, server: str) -> Outlook:
        """One server as planning sees it."""
        account = self._accounts[server]
        if account.outlook is None:
            account.outlook = self._assemble(account)
        return account.outlook

    def outlooks(self) -> tuple[Outlook, ...]:
        """All servers as planning sees them, by name."""
        return tuple(self.outlook(server) for server in sorted(self._accounts))

    def life(self, server: str) -> Life | None:
        """The active contract of a server that stops first."""
        active = [
            self._life(name)
            for name in self._naming.get(server, ())
            if self._contracts[name].state is ContractState.ACTIVE
        ]
        return min(active, key=lambda life: (life.timeline.stop_at, life.contract), default=None)

    def _life(self, name: str) -> Life:
        if name not in self._lives:
            contract = self._contracts[name]
            preset = self._presets.get(contract.preset or "")
            timeline, doubts = timeline_of(contract, preset)
            self._lives[name] = Life(
                contract=name,
                provider=contract.provider,
                account=contract.account,
                timeline=timeline,
                doubts=doubts,
            )
        return self._lives[name]

    def _write(self, at: datetime, servers: Iterable[str]) -> None:
        self.newest_at = at if self.newest_at is None else max(self.newest_at, at)
        for server in servers:
            if server in self._accounts:
                self._accounts[server].outlook = None

    def _held(self, run: Run) -> Account:
        account = self._accounts[run.server]
        newest = account.newest
        if newest is None or (newest.run, newest.epoch) != (run.run, run.epoch) or newest.is_final:
            raise ClaimLost(f"The run {run.run} of {run.server} is no longer ours.")
        return account

    @staticmethod
    def _settle(account: Account, run: Run) -> None:
        account.newest = run
        if run.state is not RunState.VERIFIED:
            account.failures += not run.was_told_to_end
            return
        befores = () if account.complete is None else (account.complete,)
        account.samples.append(samples_of((*befores, run))[-1])
        account.failures = 0
        account.complete = run
        account.copy = VerifiedCopy(
            run=run.run, at=run.started_at, depth=Depth.STORED, store=run.store
        )

    def _assemble(self, account: Account) -> Outlook:
        machine, newest = account.machine, account.newest
        life = self.life(machine.name)
        labels = self._contracts[life.contract].labels if life else ()
        return Outlook(
            server=machine.name,
            store=machine.store,
            labels=frozenset((*machine.labels, *labels)),
            value=machine.value,
            bandwidth=machine.bandwidth,
            life=life,
            closed=None if life else self._closed(machine.name),
            acknowledged=self._said(life),
            copy=account.copy,
            attempt=None if newest is None else attempt_of(newest, account.failures),
            samples=tuple(account.samples),
            measured_bytes=account.measured,
            host=None if newest is None else host_of(newest.owner),
        )

    def _closed(self, server: str) -> str | None:
        over = [self._contracts[name] for name in self._naming.get(server, ())]
        closed = [contract for contract in over if contract.closed_at is not None]
        newest = max(closed, key=lambda contract: (contract.closed_at, contract.name), default=None)
        return newest and newest.closed_reason

    def _said(self, life: Life | None) -> str:
        said = self._acknowledged.get(life.contract) if life else None
        if said is None or said.expiry != self._contracts[said.contract].expiry:
            return ""
        return f"{said.who}: {said.decision.value}"
