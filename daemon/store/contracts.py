"""The contracts, the servers that live by them, and their renewals."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import ColumnElement, select, update

from daemon.domain.canonical import JsonObject
from daemon.domain.contract import Contract, ContractState, Expiry, Renewal
from daemon.errors import AlreadyExists, InvalidValue
from daemon.store.missing import not_found
from daemon.store.tables import CONTRACT_SERVERS, CONTRACTS, RENEWALS, SERVERS
from daemon.store.transaction import AnyRow, Transaction


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
        contract.expiry.instant()
        taken = select(CONTRACTS.c.name).where(CONTRACTS.c.name == contract.name)
        if self._transaction.fetch_one(taken) is not None:
            raise AlreadyExists(f"There is a contract {contract.name} already.")
        self._require_servers(contract.servers)
        self._transaction.insert(CONTRACTS, _values(contract))
        links = (
            {"contract": contract.name, "server": server, "position": position}
            for position, server in enumerate(contract.servers)
        )
        self._transaction.insert(CONTRACT_SERVERS, *links)
        self._transaction.record("contract.added", contract.name, _payload(contract))

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

    def record_renewal(self, renewal: Renewal) -> None:
        """Record a renewal and move the expiry.

        Raises:
            NotFound: there is no such contract.
            InvalidValue: it is closed, or its expiry is no longer the one that was renewed.
            UnknownTimeZone: nobody could say when it ends now.
        """
        renewal.new_expiry.instant()
        contract = self.get(renewal.contract)
        if contract.state is ContractState.CLOSED or contract.expiry != renewal.old_expiry:
            raise InvalidValue(
                f"The contract {contract.name} has been changed meanwhile.",
                hint=f"Look at it again: `lapseguard contract show {contract.name}`.",
            )
        text, timezone = renewal.new_expiry.text, renewal.new_expiry.timezone
        self._update(contract.name, expiry_text=text, expiry_timezone=timezone)
        self._transaction.insert(RENEWALS, _renewal_values(renewal))
        payload = _renewal_payload(renewal)
        self._transaction.record("contract.renewed", contract.name, payload)

    def record_closing(self, contract: Contract) -> None:
        """Record that a contract was closed; see `contract.close`.

        Raises:
            NotFound: there is no such contract.
            InvalidValue: it is closed already.
        """
        if self.get(contract.name).state is ContractState.CLOSED:
            raise InvalidValue(f"The contract {contract.name} is closed already.")
        self._update(
            contract.name,
            state=contract.state.value,
            closed_reason=contract.closed_reason,
            closed_by=contract.closed_by,
            closed_at=contract.closed_at,
        )
        payload = {"reason": contract.closed_reason, "who": contract.closed_by}
        self._transaction.record("contract.closed", contract.name, payload)

    def renewals(self, name: str) -> tuple[Renewal, ...]:
        """The renewals of a contract, oldest first."""
        query = select(RENEWALS).where(RENEWALS.c.contract == name).order_by(RENEWALS.c.id)
        return tuple(_renewal(row) for row in self._transaction.fetch(query))

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
        return tuple(_contract(row, servers[row.name]) for row in rows)

    def _update(self, name: str, **values: object) -> None:
        self._transaction.change(update(CONTRACTS).where(CONTRACTS.c.name == name).values(values))

    def _require_servers(self, names: Sequence[str]) -> None:
        query = select(SERVERS.c.name).where(SERVERS.c.name.in_(names))
        known = {row.name for row in self._transaction.fetch(query)}
        for name in names:
            if name not in known:
                everything = self._transaction.fetch(select(SERVERS.c.name))
                raise not_found("server", name, (row.name for row in everything))


def _contract(row: AnyRow, servers: Iterable[str]) -> Contract:
    return Contract(
        name=row.name,
        provider=row.provider,
        reference=row.reference,
        account=row.account,
        servers=tuple(servers),
        expiry=Expiry(text=row.expiry_text, timezone=row.expiry_timezone),
        state=ContractState(row.state),
        closed_reason=row.closed_reason,
        closed_by=row.closed_by,
        closed_at=row.closed_at,
        created_at=row.created_at,
    )


def _values(contract: Contract) -> dict[str, object]:
    return {
        "name": contract.name,
        "provider": contract.provider,
        "reference": contract.reference,
        "account": contract.account,
        "expiry_text": contract.expiry.text,
        "expiry_timezone": contract.expiry.timezone,
        "state": contract.state.value,
        "closed_reason": contract.closed_reason,
        "closed_by": contract.closed_by,
        "closed_at": contract.closed_at,
        "created_at": contract.created_at,
    }


def _payload(contract: Contract) -> JsonObject:
    return {
        "provider": contract.provider,
        "reference": contract.reference,
        "account": contract.account,
        "servers": contract.servers,
        "expiry": contract.expiry.text,
        "timezone": contract.expiry.timezone,
    }


def _renewal(row: AnyRow) -> Renewal:
    return Renewal(
        contract=row.contract,
        old_expiry=Expiry(text=row.old_expiry_text, timezone=row.old_expiry_timezone),
        new_expiry=Expiry(text=row.new_expiry_text, timezone=row.new_expiry_timezone),
        evidence=row.evidence,
        who=row.who,
        at=row.at,
    )


def _renewal_values(renewal: Renewal) -> dict[str, object]:
    return {
        "contract": renewal.contract,
        "old_expiry_text": renewal.old_expiry.text,
        "old_expiry_timezone": renewal.old_expiry.timezone,
        "new_expiry_text": renewal.new_expiry.text,
        "new_expiry_timezone": renewal.new_expiry.timezone,
        "evidence": renewal.evidence,
        "who": renewal.who,
        "at": renewal.at,
    }


def _renewal_payload(renewal: Renewal) -> JsonObject:
    return {
        "old": {"expiry": renewal.old_expiry.text, "timezone": renewal.old_expiry.timezone},
        "new": {"expiry": renewal.new_expiry.text, "timezone": renewal.new_expiry.timezone},
        "evidence": renewal.evidence,
        "who": renewal.who,
    }
