"""The registered servers."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from sqlalchemy import bindparam, delete, select, update

from daemon.domain.canonical import JsonObject
from daemon.domain.contract import ContractState
from daemon.domain.freezing import Freezing
from daemon.domain.server import Server
from daemon.domain.staging import StagingChoice
from daemon.domain.verification import Depth
from daemon.errors import AlreadyExists, InUse
from daemon.store.claims import make_claimable
from daemon.store.missing import not_found
from daemon.store.pieces import find_names
from daemon.store.server_parts import dumps_json, machine_json, rates_json
from daemon.store.tables import CONTRACT_SERVERS, CONTRACTS, SERVERS
from daemon.store.transaction import AnyRow, Transaction

_UPDATE: Final = update(SERVERS).where(SERVERS.c.name == bindparam("changed"))


class Servers:
    """Servers by name."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def add(self, server: Server) -> None:
        """Register a server. Raises AlreadyExists."""
        self.add_all((server,))

    def add_all(self, servers: Sequence[Server]) -> None:
        """Register many servers at once, none twice. Raises AlreadyExists, naming the first."""
        names = [server.name for server in servers]
        taken = set(find_names(self._transaction, SERVERS.c.name, names))
        for name in names:
            if name in taken:
                raise AlreadyExists(f"There is a server {name} already.")
            taken.add(name)
        self._transaction.insert(SERVERS, *(_values(server) for server in servers))
        make_claimable(self._transaction, names)
        events = ((server.name, _payload(server)) for server in servers)
        self._transaction.record_each("server.added", events)

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
        self.update_all((server,))

    def update_all(self, servers: Sequence[Server]) -> None:
        """Replace what is recorded about many servers at once. Raises NotFound."""
        names = [server.name for server in servers]
        known = find_names(self._transaction, SERVERS.c.name, names)
        for name in names:
            if name not in known:
                self.get(name)
        self._transaction.change_each(_UPDATE, *(_changes(server) for server in servers))
        events = ((server.name, _payload(server)) for server in servers)
        self._transaction.record_each("server.updated", events)

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
        labels=row.labels,
        value=row.value,
        priority=row.priority,
        bandwidth=row.bandwidth,
        rates=row.rates,
        staging=None if row.staging is None else StagingChoice(row.staging),
        freezing=Freezing(
            kind=row.snapshot,
            required=row.snapshot_required,
            before=row.before_capture,
            after=row.after_capture,
            freeze=row.freeze_command,
            thaw=row.thaw_command,
            hook_timeout=timedelta(seconds=row.hook_timeout),
        ),
        dumps=row.dumps,
        machine=row.machine,
        fate_accepted=row.fate_accepted,
        created_at=row.created_at,
    )


def _values(server: Server) -> dict[str, object]:
    return {"name": server.name, "created_at": server.created_at, **_changeable(server)}


def _changes(server: Server) -> dict[str, object]:
    return {"changed": server.name, **_changeable(server)}


def _changeable(server: Server) -> dict[str, object]:
    """The columns of its row that an update may change."""
    parts = {"rates": server.rates, "dumps": server.dumps, "machine": server.machine}
    return {**_payload(server), **parts}


def _payload(server: Server) -> JsonObject:
    """Everything but its name and the date of its registration, for the audit trail."""
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
        "labels": server.labels,
        "value": server.value,
        "priority": server.priority,
        "bandwidth": server.bandwidth,
        "rates": rates_json(server.rates),
        "staging": None if server.staging is None else server.staging.value,
        "snapshot": server.freezing.kind,
        "snapshot_required": server.freezing.required,
        "before_capture": server.freezing.before,
        "after_capture": server.freezing.after,
        "freeze_command": server.freezing.freeze,
        "thaw_command": server.freezing.thaw,
        "hook_timeout": int(server.freezing.hook_timeout.total_seconds()),
        "dumps": dumps_json(server.dumps),
        "machine": None if server.machine is None else machine_json(server.machine),
        "fate_accepted": server.fate_accepted,
    }
