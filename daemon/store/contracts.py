"""The contracts, the servers that live by them, and their renewals."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Final

from sqlalchemy import ColumnElement, bindparam, delete, select, update

from daemon.domain.contract import Contract, ContractState, Renewal
from daemon.errors import AlreadyExists, InvalidValue
from daemon.store.contract_rows import (
    changeable_values,
    contract_payload,
    contract_values,
    link_values,
    read_contract,
    read_renewal,
    renewal_payload,
    renewal_values,
)
from daemon.store.missing import not_found
from daemon.store.pieces import find_names, in_pieces
from daemon.store.tables import CONTRACT_SERVERS, CONTRACTS, RENEWALS, SERVERS
from daemon.store.transaction import Transaction

#: Sets whatever is given besides the name.
_UPDATE: Final = update(CONTRACTS).where(CONTRACTS.c.name == bindparam("changed"))


class Contracts:
    """Contracts by name."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def add(self, contract: Contract) -> None:
        """Record a contract.

        Raises:
            AlreadyExists: the name is taken.
            NotFound: it names a server that is not registered.
            UnknownTimeZone: nobody could say when it ends.
        """
        self.add_all((contract,))

    def add_all(self, contracts: Sequence[Contract]) -> None:
        """Record many contracts at once; see `add`. An error names the first that is wrong."""
        for contract in contracts:
            contract.expiry.instant()
        self._require_free([contract.name for contract in contracts])
        self._require_servers(contracts)
        self._transaction.insert(CONTRACTS, *(contract_values(each) for each in contracts))
        self._link(contracts)
        events = ((each.name, contract_payload(each)) for each in contracts)
        self._transaction.record_each("contract.added", events)

    def get(self, name: str) -> Contract:
        """The contract of that name. Raises NotFound, naming the nearest one."""
        found = self._find(CONTRACTS.c.name == name)
        if not found:
            known = self._transaction.fetch(select(CONTRACTS.c.name))
            raise not_found("contract", name, (row[0] for row in known))
        return found[0]

    def list(self, *, state: ContractState | None = None) -> tuple[Contract, ...]:
        """All contracts, or those in one state, by name."""
        return self._find(*([] if state is None else [CONTRACTS.c.state == state.value]))

    def of_server(self, server: str) -> tuple[Contract, ...]:
        """The active contracts that name a server, by name."""
        naming = select(CONTRACT_SERVERS.c.contract).where(CONTRACT_SERVERS.c.server == server)
        active = CONTRACTS.c.state == ContractState.ACTIVE.value
        return self._find(active, CONTRACTS.c.name.in_(naming))

    def update(self, contract: Contract) -> None:
        """Replace what is recorded about the contract of that name.

        Its expiry and its end are not changed so: a date moves only with evidence, by
        `record_renewal` or `record_moves`, and a contract ends by `record_closing`.

        Raises:
            NotFound: there is no such contract, or it names a server that is not registered.
            InvalidValue: it is closed, or has another expiry than the one recorded.
        """
        self.update_all((contract,))

    def update_all(self, contracts: Sequence[Contract]) -> None:
        """Replace what is recorded about many contracts at once; see `update`."""
        before = self._named([contract.name for contract in contracts])
        for contract in contracts:
            _require_same_end(before[contract.name], contract)
        self._require_servers(contracts)
        changes = ({"changed": each.name, **changeable_values(each)} for each in contracts)
        self._transaction.change_each(_UPDATE, *changes)
        self._unlink([contract.name for contract in contracts])
        self._link(contracts)
        events = ((each.name, contract_payload(each)) for each in contracts)
        self._transaction.record_each("contract.updated", events)

    def record_renewal(self, renewal: Renewal) -> None:
        """Record a renewal and move the expiry.

        Raises:
            NotFound: there is no such contract.
            InvalidValue: it is closed, or its expiry is no longer the one that was renewed.
            UnknownTimeZone: nobody could say when it ends now.
        """
        self._move("contract.renewed", (renewal,))

    def record_moves(self, moves: Sequence[Renewal]) -> None:
        """Record that imported files give contracts other expiries; see `record_renewal`.

        Kept beside the renewals, each with its evidence, and told apart in the audit trail.
        """
        self._move("contract.moved", moves)

    def record_closing(self, contract: Contract) -> None:
        """Record that a contract was closed; see `contract.close`.

        Raises:
            NotFound: there is no such contract.
            InvalidValue: it is closed already.
        """
        if self.get(contract.name).state is ContractState.CLOSED:
            raise InvalidValue(f"The contract {contract.name} is closed already.")
        change = {
            "changed": contract.name,
            "state": contract.state.value,
            "closed_reason": contract.closed_reason,
            "closed_by": contract.closed_by,
            "closed_at": contract.closed_at,
        }
        self._transaction.change_each(_UPDATE, change)
        payload = {"reason": contract.closed_reason, "who": contract.closed_by}
        self._transaction.record("contract.closed", contract.name, payload)

    def renewals(self, name: str) -> tuple[Renewal, ...]:
        """The renewals of a contract, oldest first."""
        query = select(RENEWALS).where(RENEWALS.c.contract == name).order_by(RENEWALS.c.id)
        return tuple(read_renewal(row) for row in self._transaction.fetch(query))

    def _move(self, kind: str, renewals: Sequence[Renewal]) -> None:
        before = self._named([renewal.contract for renewal in renewals])
        for renewal in renewals:
            _require_unchanged(before[renewal.contract], renewal)
        changes = (
            {
                "changed": renewal.contract,
                "expiry_text": renewal.new_expiry.text,
                "expiry_timezone": renewal.new_expiry.timezone,
            }
            for renewal in renewals
        )
        self._transaction.change_each(_UPDATE, *changes)
        self._transaction.insert(RENEWALS, *(renewal_values(each) for each in renewals))
        events = ((each.contract, renewal_payload(each)) for each in renewals)
        self._transaction.record_each(kind, events)

    def _named(self, names: Sequence[str]) -> Mapping[str, Contract]:
        """The contracts of these names. Raises NotFound."""
        pieces = (self._find(CONTRACTS.c.name.in_(piece)) for piece in in_pieces(names))
        found = {contract.name: contract for contract in chain.from_iterable(pieces)}
        for name in names:
            if name not in found:
                self.get(name)
        return found

    def _find(self, *where: ColumnElement[bool]) -> tuple[Contract, ...]:
        rows = self._transaction.fetch(select(CONTRACTS).where(*where).order_by(CONTRACTS.c.name))
        chosen = select(CONTRACTS.c.name).where(*where)
        links = (
            select(CONTRACT_SERVERS.c.contract, CONTRACT_SERVERS.c.server)
            .where(CONTRACT_SERVERS.c.contract.in_(chosen))
            .order_by(CONTRACT_SERVERS.c.position)
        )
        servers: Mapping[str, list[str]] = defaultdict(list)
        for link in self._transaction.fetch(links):
            servers[link.contract].append(link.server)
        return tuple(read_contract(row, servers[row.name]) for row in rows)

    def _link(self, contracts: Sequence[Contract]) -> None:
        links = chain.from_iterable(link_values(contract) for contract in contracts)
        self._transaction.insert(CONTRACT_SERVERS, *links)

    def _unlink(self, names: Sequence[str]) -> None:
        for piece in in_pieces(names):
            links = delete(CONTRACT_SERVERS).where(CONTRACT_SERVERS.c.contract.in_(piece))
            self._transaction.change(links)

    def _require_free(self, names: Sequence[str]) -> None:
        taken = set(find_names(self._transaction, CONTRACTS.c.name, names))
        for name in names:
            if name in taken:
                raise AlreadyExists(f"There is a contract {name} already.")
            taken.add(name)

    def _require_servers(self, contracts: Sequence[Contract]) -> None:
        names = list(dict.fromkeys(chain.from_iterable(each.servers for each in contracts)))
        known = find_names(self._transaction, SERVERS.c.name, names)
        for name in names:
            if name not in known:
                everything = self._transaction.fetch(select(SERVERS.c.name))
                raise not_found("server", name, (row.name for row in everything))


def _require_same_end(before: Contract, after: Contract) -> None:
    if before.state is ContractState.CLOSED or after.state is ContractState.CLOSED:
        raise InvalidValue(
            f"The contract {before.name} is closed.", hint="Add a new contract for its servers."
        )
    if before.expiry != after.expiry:
        raise InvalidValue(
            f"The expiry of the contract {before.name} is not changed without evidence.",
            hint=f"Record it: `lapseguard contract renew {before.name} --until … --evidence …`.",
        )


def _require_unchanged(contract: Contract, renewal: Renewal) -> None:
    renewal.new_expiry.instant()
    if contract.state is ContractState.CLOSED or contract.expiry != renewal.old_expiry:
        raise InvalidValue(
            f"The contract {contract.name} has been changed meanwhile.",
            hint=f"Look at it again: `lapseguard contract show {contract.name}`.",
        )
