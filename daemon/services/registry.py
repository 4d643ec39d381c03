"""Servers and contracts: registered, changed, renewed, closed, each with its audit event."""

import difflib
import zoneinfo
from collections.abc import Callable
from dataclasses import dataclass, replace

import structlog

from daemon.clock import Clock
from daemon.domain.contract import Contract, ContractState, Expiry, close, renew
from daemon.domain.server import Server
from daemon.domain.status import ending_of
from daemon.errors import InvalidValue, UnknownTimeZone
from daemon.services.units import Units

_LOG = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class NewContract:
    """What a person says of a contract; see `Contract`."""

    name: str
    provider: str
    servers: tuple[str, ...]
    expiry: Expiry
    reference: str | None = None
    account: str | None = None


class Registry:
    """What the program knows about servers and contracts.

    Every method is one transaction; those that change something write an audit event in it.
    """

    def __init__(self, *, units: Units, clock: Clock, actor: str) -> None:
        """Keep what the methods need.

        Args:
            units: Begins a transaction.
            clock: Dates what is recorded.
            actor: The person whose decisions these are.
        """
        self._units = units
        self._clock = clock
        self._actor = actor

    def add_server(self, server: Server) -> None:
        """Register a server. Raises AlreadyExists."""
        with self._units() as unit:
            unit.servers.add(server)
            unit.commit()
        _LOG.info("server.added", server=server.name, host=server.host)

    def servers(self) -> tuple[Server, ...]:
        """All registered servers, by name."""
        with self._units(read_only=True) as unit:
            return unit.servers.list()

    def server(self, name: str) -> Server:
        """One server. Raises NotFound, naming the nearest."""
        with self._units(read_only=True) as unit:
            return unit.servers.get(name)

    def change_server(self, name: str, change: Callable[[Server], Server]) -> Server:
        """Replace a server by what `change` makes of it; its name stays.

        Raises:
            NotFound: there is no such server.
            InvalidValue: what `change` makes of it is not usable.
        """
        with self._units() as unit:
            server = replace(change(unit.servers.get(name)), name=name)
            unit.servers.update(server)
            unit.commit()
        _LOG.info("server.updated", server=name)
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
        _LOG.info("server.removed", server=name)

    def add_contract(self, new: NewContract) -> Contract:
        """Record a contract.

        Raises:
            AlreadyExists: the name is taken.
            NotFound: it names a server that is not registered.
        """
        contract = Contract(
            name=new.name,
            provider=new.provider,
            reference=new.reference,
            account=new.account,
            servers=new.servers,
            expiry=new.expiry,
            created_at=self._clock.now(),
        )
        with self._units() as unit:
            unit.contracts.add(contract)
            unit.commit()
        _LOG.info("contract.added", contract=contract.name, expiry=str(contract.expiry))
        return contract

    def contracts(self, *, closed: bool = False) -> tuple[Contract, ...]:
        """The active contracts, and with `closed` the others too; the next to end first."""
        with self._units(read_only=True) as unit:
            contracts = unit.contracts.list(state=None if closed else ContractState.ACTIVE)
        return tuple(sorted(contracts, key=lambda contract: ending_of(contract)[0]))

    def contract(self, name: str) -> Contract:
        """One contract. Raises NotFound, naming the nearest."""
        with self._units(read_only=True) as unit:
            return unit.contracts.get(name)

    def renew_contract(
        self, name: str, until: Expiry, *, evidence: str, force: bool = False
    ) -> Contract:
        """Record a prolongation.

        Args:
            name: The contract.
            until: When it ends now.
            evidence: Why that is believed.
            force: Accept an end that is past, or before the present one.

        Raises:
            NotFound: there is no such contract.
            InvalidValue: it is closed, or `until` is not later.
        """
        with self._units() as unit:
            contract, renewal = renew(
                unit.contracts.get(name),
                until,
                evidence=evidence,
                who=self._actor,
                at=self._clock.now(),
                force=force,
            )
            unit.contracts.record_renewal(renewal)
            unit.commit()
        _LOG.info("contract.renewed", contract=name, until=str(until))
        return contract

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
        _LOG.info("contract.closed", contract=name, reason=reason)
        return contract


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
