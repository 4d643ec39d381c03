"""The registered servers."""

from sqlalchemy import delete, select, update

from daemon.domain.canonical import JsonObject
from daemon.domain.contract import ContractState
from daemon.domain.server import Server
from daemon.domain.verification import Depth
from daemon.errors import AlreadyExists, InUse
from daemon.store.missing import not_found
from daemon.store.tables import CONTRACT_SERVERS, CONTRACTS, SERVERS
from daemon.store.transaction import AnyRow, Transaction


class Servers:
    """Servers by name."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def add(self, server: Server) -> None:
        """Register a server. Raises AlreadyExists."""
        if self._find(server.name) is not None:
            raise AlreadyExists(f"There is a server {server.name} already.")
        self._transaction.insert(SERVERS, _values(server))
        self._transaction.record("server.added", server.name, _payload(server))

    def get(self, name: str) -> Server:
        """The server of that name. Raises NotFound, naming the nearest one."""
        row = self._find(name)
        if row is None:
            known = self._transaction.fetch(select(SERVERS.c.name))
            raise not_found("server", name, (row[0] for row in known))
        return _server(row)

    def list(self) -> tuple[Server, ...]:
        """All servers, by name."""
        rows = self._transaction.fetch(select(SERVERS).order_by(SERVERS.c.name))
        return tuple(_server(row) for row in rows)

    def update(self, server: Server) -> None:
        """Replace what is recorded about the server of that name. Raises NotFound."""
        self.get(server.name)
        values = _values(server)
        del values["created_at"]
        where = SERVERS.c.name == server.name
        self._transaction.change(update(SERVERS).where(where).values(values))
        self._transaction.record("server.updated", server.name, _payload(server))

    def remove(self, name: str) -> None:
        """Forget a server; its history and its repository stay.

        Raises:
            NotFound: there is none.
            InUse: a contract that is not closed names it.
        """
        server = self.get(name)
        contracts = self._active_contracts(name)
        if contracts:
            raise InUse(
                f"The server {name} is named by the contract {contracts[0]}.",
                hint=f"Close it first: `lapseguard contract close {contracts[0]}`.",
            )
        self._transaction.change(delete(SERVERS).where(SERVERS.c.name == name))
        self._transaction.record("server.removed", name, _payload(server))

    def _find(self, name: str) -> AnyRow | None:
        return self._transaction.fetch_one(select(SERVERS).where(SERVERS.c.name == name))

    def _active_contracts(self, server: str) -> tuple[str, ...]:
        query = (
            select(CONTRACTS.c.name)
            .join(CONTRACT_SERVERS, CONTRACT_SERVERS.c.contract == CONTRACTS.c.name)
            .where(CONTRACT_SERVERS.c.server == server)
            .where(CONTRACTS.c.state == ContractState.ACTIVE.value)
            .order_by(CONTRACTS.c.name)
        )
        return tuple(row[0] for row in self._transaction.fetch(query))


def _server(row: AnyRow) -> Server:
    return Server(
        name=row.name,
        host=row.host,
        port=row.port,
        user=row.user,
        identity=row.identity,
        host_key=row.host_key,
        paths=row.paths,
        excludes=row.excludes,
        sudo=row.sudo,
        one_file_system=row.one_file_system,
        store=row.store,
        verify_depth=None if row.verify_depth is None else Depth(row.verify_depth),
        created_at=row.created_at,
    )


def _values(server: Server) -> dict[str, object]:
    return {
        "name": server.name,
        "host": server.host,
        "port": server.port,
        "user": server.user,
        "identity": server.identity,
        "host_key": server.host_key,
        "paths": server.paths,
        "excludes": server.excludes,
        "sudo": server.sudo,
        "one_file_system": server.one_file_system,
        "store": server.store,
        "verify_depth": None if server.verify_depth is None else server.verify_depth.value,
        "created_at": server.created_at,
    }


def _payload(server: Server) -> JsonObject:
    return {
        "host": server.host,
        "port": server.port,
        "user": server.user,
        "identity": server.identity,
        "host_key": server.host_key,
        "paths": server.paths,
        "excludes": server.excludes,
        "sudo": server.sudo,
        "one_file_system": server.one_file_system,
        "store": server.store,
        "verify_depth": None if server.verify_depth is None else server.verify_depth.value,
    }
