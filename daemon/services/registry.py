"""Servers and contracts: registered, changed, renewed, closed, each with its audit event."""

import difflib
import zoneinfo
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime

from daemon.clock import Clock
from daemon.domain.acknowledgement import Acknowledgement, Decision
from daemon.domain.contract import Contract, ContractState, Expiry, close, renew
from daemon.domain.preset import RenewalBasis
from daemon.domain.server import Server
from daemon.domain.term import prolong
from daemon.errors import InvalidValue, UnknownTimeZone
from daemon.log import LOG
from daemon.services.contract_facts import ContractFacts, ContractRecord, NewContract, facts_of
from daemon.services.fate_guard import FateGuard, Surroundings
from daemon.services.units import Units
from daemon.store.unit_of_work import UnitOfWork


class Registry:
    """What the program knows about servers and contracts.

    Every method is one transaction; those that change something write an audit event in it.
    """

    def __init__(
        self, *, units: Units, clock: Clock, actor: str, guard: FateGuard | None = None
    ) -> None:
        """Keep what the methods need.

        Args:
            units: Begins a transaction.
            clock: Dates what is recorded.
            actor: The person whose decisions these are.
            guard: Knows whose the stores are; by default nobody says.
        """
        self._units = units
        self._clock = clock
        self._actor = actor
        self._guard = guard or FateGuard()
        self._catalogue = self._guard.catalogue

    def add_server(self, server: Server) -> None:
        """Register a server. Raises AlreadyExists."""
        with self._units() as unit:
            unit.servers.add(server)
            unit.commit()
        LOG.info("server.added", server=server.name, host=server.host)

    def servers(self) -> tuple[Server, ...]:
        """All registered servers, by name."""
        with self._units(read_only=True) as unit:
            return unit.servers.list()

    def server(self, name: str) -> Server:
        """One server. Raises NotFound, naming the nearest."""
        with self._units(read_only=True) as unit:
            return unit.servers.get(name)

    def change_server(
        self, name: str, change: Callable[[Server], Server], *, accept_same_fate: bool = False
    ) -> Server:
        """Replace a server by what `change` makes of it; its name stays.

        That a shared fate was accepted is forgotten when the store becomes another one.

        Args:
            name: The server.
            change: Makes the new one of the old one.
            accept_same_fate: A person says that it is meant if the store would perish with it.

        Raises:
            NotFound: there is no such server.
            InvalidValue: what `change` makes of it is not usable.
            SameFate: its store would perish with it, and did not before.
        """
        with self._units() as unit:
            before = unit.servers.get(name)
            server = replace(change(before), name=name)
            if server.store != before.store:
                server = replace(server, fate_accepted=False)
            contracts = _bearing_on(unit)
            server = self._guard.settle(
                Surroundings(server=before, contracts=contracts),
                Surroundings(server=server, contracts=contracts),
                accept=accept_same_fate,
            )
            unit.servers.update(server)
            unit.commit()
        LOG.info("server.updated", server=name)
        return server

    def remove_server(self, name: str) -> None:
        """Stop backing a server up; its history stays.

        Raises:
            NotFound: there is no such server.
            InUse: an active contract names it.
        """
        with self._units() as unit:
            unit.servers.remove(name)
            unit.commit()
        LOG.info("server.removed", server=name)

    def add_contract(self, new: NewContract, *, accept_same_fate: bool = False) -> Contract:
        """Record a contract.

        Args:
            new: What it says.
            accept_same_fate: A person says that it is meant if stores perish with their servers.

        Raises:
            AlreadyExists: the name is taken.
            NotFound: it names a server that is not registered, or a preset that there is not.
            SameFate: by it, the store of a server would perish with that server.
        """
        contract = new.at(self._clock.now())
        self._require_preset(contract)
        with self._units() as unit:
            before = _bearing_on(unit)
            unit.contracts.add(contract)
            self._settle_fates(unit, contract, before, accept=accept_same_fate)
            unit.commit()
        LOG.info("contract.added", contract=contract.name, expiry=str(contract.expiry))
        return contract

    def change_contract(
        self, name: str, change: Callable[[Contract], Contract], *, accept_same_fate: bool = False
    ) -> Contract:
        """Replace a contract by what `change` makes of it.

        Its name, its expiry and whether it is closed stay: these are changed by renewing and
        closing alone.

        Args:
            name: The contract.
            change: Makes the new one of the old one.
            accept_same_fate: See `add_contract`.

        Raises:
            NotFound: there is no such contract, or it would name a server or preset that there
                is not.
            InvalidValue: it is closed; or what `change` makes of it is not usable.
            SameFate: see `add_contract`.
        """
        with self._units() as unit:
            found = unit.contracts.get(name)
            _require_active(found)
            contract = replace(
                change(found), name=name, expiry=found.expiry, created_at=found.created_at
            )
            if contract.preset != found.preset:
                self._require_preset(contract)
            before = _bearing_on(unit)
            unit.contracts.update(contract)
            self._settle_fates(unit, contract, before, accept=accept_same_fate)
            unit.commit()
        LOG.info("contract.updated", contract=name)
        return contract

    def contracts(self, *, closed: bool = False) -> tuple[ContractFacts, ...]:
        """The active contracts, and with `closed` the others too; the next to stop first."""
        with self._units(read_only=True) as unit:
            contracts = unit.contracts.list(state=None if closed else ContractState.ACTIVE)
        found = (self.facts(contract) for contract in contracts)
        return tuple(sorted(found, key=lambda facts: facts.life.timeline.stop_at))

    def contract(self, name: str) -> Contract:
        """One contract. Raises NotFound, naming the nearest."""
        with self._units(read_only=True) as unit:
            return unit.contracts.get(name)

    def contract_record(self, name: str) -> ContractRecord:
        """Everything that is recorded about one contract. Raises NotFound, naming the nearest."""
        with self._units(read_only=True) as unit:
            return ContractRecord(
                facts=self.facts(unit.contracts.get(name)),
                renewals=unit.contracts.renewals(name),
                acknowledgements=unit.acknowledgements.of(name),
            )

    def facts(self, contract: Contract) -> ContractFacts:
        """What a contract means by what is known today."""
        return facts_of(contract, self._catalogue, self._clock.now().date())

    def renew_contract(
        self,
        name: str,
        until: Expiry,
        *,
        evidence: str,
        force: bool = False,
        dry_run: bool = False,
    ) -> Contract:
        """Record a prolongation.

        Args:
            name: The contract.
            until: When it ends now.
            evidence: Why that is believed.
            force: Accept an end that is past, or before the present one.
            dry_run: Record nothing; only see what would come of it.

        Raises:
            NotFound: there is no such contract.
            InvalidValue: it is closed, or `until` is not later.
        """
        with self._units() as unit:
            contract = self._renew(unit, unit.contracts.get(name), until, evidence, force=force)
            _settle_renewal(unit, contract, dry_run=dry_run)
        return contract

    def prolong_contract(
        self,
        name: str,
        term: str,
        *,
        evidence: str,
        force: bool = False,
        dry_run: bool = False,
    ) -> tuple[Contract, str]:
        """Record a prolongation by a term.

        Args:
            name: The contract.
            term: Like `1y`, `6mo` or `30d`.
            evidence: Why it is believed.
            force: Accept an end that is past.
            dry_run: See `renew_contract`.

        Returns:
            The contract as it is now, and a sentence on how the term was counted.

        Raises:
            NotFound: there is no such contract.
            InvalidValue: it is closed, `term` is none, or it ends in the past.
        """
        with self._units() as unit:
            found = unit.contracts.get(name)
            preset = self._catalogue.find(found.preset)
            basis = preset.renewal_from if preset else RenewalBasis.UNKNOWN
            until, how = prolong(found.expiry, term, basis, self._clock.now())
            contract = self._renew(unit, found, until, evidence, force=force)
            _settle_renewal(unit, contract, dry_run=dry_run)
        return contract, how

    def acknowledge_contract(
        self, name: str, decision: Decision, *, reason: str, until: datetime | None = None
    ) -> Acknowledgement:
        """Record what a person decided about a contract's coming end; it cancels no run.

        Args:
            name: The contract.
            decision: What was decided.
            reason: In the person's words.
            until: End of a snooze; for other decisions None.

        Raises:
            NotFound: there is no such contract.
            InvalidValue: it is closed, the reason is empty, or a snooze has no end to come.
        """
        now = self._clock.now()
        if until is not None and until <= now:
            raise InvalidValue("A snooze cannot end in the past.", hint="Give a later --until.")
        with self._units() as unit:
            contract = unit.contracts.get(name)
            _require_active(contract)
            acknowledgement = Acknowledgement(
                contract=name,
                decision=decision,
                until=until,
                reason=reason,
                who=self._actor,
                at=now,
                expiry=contract.expiry,
            )
            unit.acknowledgements.record(acknowledgement)
            unit.commit()
        LOG.info("contract.acknowledged", contract=name, decision=decision.value)
        return acknowledgement

    def close_contract(self, name: str, *, reason: str) -> Contract:
        """Record that a contract no longer matters.

        Raises:
            NotFound: there is no such contract.
            InvalidValue: it is closed already.
        """
        with self._units() as unit:
            found = unit.contracts.get(name)
            contract = close(found, reason=reason, who=self._actor, at=self._clock.now())
            unit.contracts.record_closing(contract)
            unit.commit()
        LOG.info("contract.closed", contract=name, reason=reason)
        return contract

    def _renew(
        self, unit: UnitOfWork, found: Contract, until: Expiry, evidence: str, *, force: bool
    ) -> Contract:
        contract, renewal = renew(
            found, until, evidence=evidence, who=self._actor, at=self._clock.now(), force=force
        )
        unit.contracts.record_renewal(renewal)
        return contract

    def _require_preset(self, contract: Contract) -> None:
        if contract.preset is not None:
            self._catalogue.get(contract.preset)

    def _settle_fates(
        self, unit: UnitOfWork, contract: Contract, before: tuple[Contract, ...], *, accept: bool
    ) -> None:
        """Refuse or accept what the changed `contract` does to the stores of servers."""
        after = (*(each for each in before if each.name != contract.name), contract)
        for server in self._touched(unit, contract):
            settled = self._guard.settle(
                Surroundings(server=server, contracts=before),
                Surroundings(server=server, contracts=after),
                accept=accept,
            )
            if settled != server:
                unit.servers.update(settled)

    def _touched(self, unit: UnitOfWork, contract: Contract) -> Iterable[Server]:
        """The servers that live by a contract, and those that are saved to its stores."""
        if not contract.stores:
            return [unit.servers.get(name) for name in contract.servers]
        return [
            server
            for server in unit.servers.list()
            if server.name in contract.servers or self._guard.store_of(server) in contract.stores
        ]


def _settle_renewal(unit: UnitOfWork, contract: Contract, *, dry_run: bool) -> None:
    """Keep what was recorded, or let it go with the unit of work."""
    if dry_run:
        return
    unit.commit()
    LOG.info("contract.renewed", contract=contract.name, until=str(contract.expiry))


def _bearing_on(unit: UnitOfWork) -> tuple[Contract, ...]:
    """The contracts that decide about fates."""
    return unit.contracts.list(state=ContractState.ACTIVE)


def _require_active(contract: Contract) -> None:
    if contract.state is ContractState.CLOSED:
        raise InvalidValue(
            f"The contract {contract.name} is closed.", hint="Add a new contract for its servers."
        )


def expiry_of(text: str, timezone: str | None) -> Expiry:
    """The expiry that a person wrote, in a zone that exists.

    Raises:
        InvalidValue: `text` is not a date, or a date and time.
        UnknownTimeZone: there is no such zone; the nearest ones are named.
    """
    try:
        expiry = Expiry(text=text, timezone=timezone or None)
        expiry.instant()
    except UnknownTimeZone as error:
        near = nearest_zones(timezone or "")
        hint = f"Did you mean {' or '.join(near)}?" if near else None
        raise UnknownTimeZone(str(error), hint=hint) from error
    except OverflowError as error:
        raise InvalidValue(f"{text} is out of range.") from error
    return expiry


def nearest_zones(name: str) -> tuple[str, ...]:
    """Up to three names of time zones like `name`: by the whole name, or by its city alone."""
    zones = sorted(zoneinfo.available_timezones())
    by_name = {zone.casefold(): zone for zone in zones}
    by_city = {zone.rpartition("/")[2].casefold(): zone for zone in zones if "/" in zone}
    wanted = name.strip().replace(" ", "_").casefold()
    city = wanted.rpartition("/")[2]
    near = [
        *(by_name[found] for found in difflib.get_close_matches(wanted, by_name, n=3)),
        *(by_city[found] for found in difflib.get_close_matches(city, by_city, n=2, cutoff=0.8)),
    ]
    return tuple(dict.fromkeys(near))[:3]
