"""What planning reads at each sweep: everything there is, in as few and as narrow rows as can be.

A hundred thousand of each have to be read in seconds. So enums are looked up instead of called,
and texts that repeat (no labels, the same course, the same end) are understood once.
"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Final

from sqlalchemy import ColumnElement, Text, exists, select, type_coerce

from daemon.domain.acknowledgement import Acknowledgement
from daemon.domain.contract import ContractState, Expiry
from daemon.domain.outlook import Attempt, VerifiedCopy
from daemon.domain.planned import PlannedContract, PlannedServer
from daemon.domain.run import RunKind, RunState
from daemon.domain.standing import Standing, host_of
from daemon.domain.verification import Depth
from daemon.store.acknowledgements import Acknowledgements
from daemon.store.courses import read_course
from daemon.store.run_rows import read_failure
from daemon.store.standings import read_samples
from daemon.store.tables import CONTRACT_SERVERS, CONTRACTS, RUNS, SERVERS, STANDINGS
from daemon.store.transaction import AnyRow, Transaction

_KINDS: Final = {kind.value: kind for kind in RunKind}
_STATES: Final = {state.value: state for state in RunState}
_DEPTHS: Final = {depth.value: depth for depth in Depth}
_ACTIVE: Final = CONTRACTS.c.state == ContractState.ACTIVE.value


class Planning:
    """Reads only; everything as of the instant of the unit of work."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def servers(self) -> Sequence[PlannedServer]:
        """All registered servers, by name."""
        texts = cache(_texts)
        columns = (
            SERVERS.c.name,
            SERVERS.c.store,
            type_coerce(SERVERS.c.labels, Text),
            SERVERS.c.value,
            type_coerce(SERVERS.c.priority, Text),
            SERVERS.c.bandwidth,
            SERVERS.c.verify_depth,
            SERVERS.c.fate_accepted,
        )
        rows = self._transaction.fetch(select(*columns).order_by(SERVERS.c.name))
        return [
            PlannedServer(
                name=name,
                store=store,
                labels=texts(labels),
                value=value,
                priority=texts(priority),
                bandwidth=bandwidth,
                depth=None if depth is None else _DEPTHS[depth],
                fate_accepted=fate_accepted,
            )
            for name, store, labels, value, priority, bandwidth, depth, fate_accepted in rows
        ]

    def contracts(self) -> Sequence[PlannedContract]:
        """The active contracts, and the closed ones that name a server that no active one names."""
        return [*self._contracts(_ACTIVE), *self._contracts(~_ACTIVE, _speaks_alone())]

    def acknowledgements(self) -> Mapping[str, Acknowledgement]:
        """The last decision about each contract that has any."""
        return Acknowledgements(self._transaction).newest()

    def standings(self) -> Mapping[str, Standing]:
        """Standings by server; there is none where neither a run nor a size is known."""
        leases = self._leases()
        hosts = cache(host_of)
        return {
            row.server: Standing(
                server=row.server,
                copy=_copy(row),
                attempt=_attempt(row, leases),
                samples=read_samples(row.samples),
                measured_bytes=row.measured_bytes,
                host=None if row.owner is None else hosts(row.owner),
            )
            for row in self._transaction.fetch(select(STANDINGS))
        }

    def _leases(self) -> Mapping[str, datetime]:
        """Leases of the runs under way: they are extended without anything else being written."""
        query = select(RUNS.c.run, RUNS.c.lease_until).where(RUNS.c.finished_at.is_(None))
        return {row.run: row.lease_until for row in self._transaction.fetch(query)}

    def _contracts(self, *where: ColumnElement[bool]) -> Sequence[PlannedContract]:
        texts, course, expiry = cache(_texts), cache(read_course), cache(_expiry)
        servers = self._servers_of(*where)
        columns = (
            CONTRACTS.c.name,
            CONTRACTS.c.provider,
            CONTRACTS.c.account,
            type_coerce(CONTRACTS.c.stores, Text).label("stores"),
            CONTRACTS.c.expiry_text,
            CONTRACTS.c.expiry_timezone,
            CONTRACTS.c.preset,
            type_coerce(CONTRACTS.c.course, Text).label("course"),
            type_coerce(CONTRACTS.c.labels, Text).label("labels"),
            CONTRACTS.c.state,
            CONTRACTS.c.closed_reason,
            CONTRACTS.c.closed_at,
        )
        query = select(*columns).where(*where).order_by(CONTRACTS.c.name)
        return [
            PlannedContract(
                name=row.name,
                provider=row.provider,
                account=row.account,
                servers=tuple(servers.get(row.name, ())),
                stores=texts(row.stores),
                expiry=expiry(row.expiry_text, row.expiry_timezone),
                preset=row.preset,
                course=None if row.course is None else course(row.course),
                labels=texts(row.labels),
                state=ContractState(row.state),
                closed_reason=row.closed_reason,
                closed_at=row.closed_at,
            )
            for row in self._transaction.fetch(query)
        ]

    def _servers_of(self, *where: ColumnElement[bool]) -> Mapping[str, Sequence[str]]:
        links = (
            select(CONTRACT_SERVERS.c.contract, CONTRACT_SERVERS.c.server)
            .join(CONTRACTS, CONTRACTS.c.name == CONTRACT_SERVERS.c.contract)
            .where(*where)
            .order_by(CONTRACT_SERVERS.c.contract, CONTRACT_SERVERS.c.position)
        )
        servers: Mapping[str, list[str]] = defaultdict(list)
        for contract, server in self._transaction.fetch(links):
            servers[contract].append(server)
        return servers


def _speaks_alone() -> ColumnElement[bool]:
    """Whether a contract names a registered server that no active one names."""
    own, other, active = CONTRACT_SERVERS.alias(), CONTRACT_SERVERS.alias(), CONTRACTS.alias()
    is_spoken_for = exists().where(
        other.c.server == own.c.server,
        active.c.name == other.c.contract,
        active.c.state == ContractState.ACTIVE.value,
    )
    is_registered = exists().where(SERVERS.c.name == own.c.server)
    return exists().where(own.c.contract == CONTRACTS.c.name, is_registered, ~is_spoken_for)


def _texts(text: str) -> tuple[str, ...]:
    return tuple(json.loads(text))


def _expiry(text: str, timezone: str | None) -> Expiry:
    return Expiry(text=text, timezone=timezone)


def _copy(row: AnyRow) -> VerifiedCopy | None:
    if row.copy_run is None:
        return None
    depth = _DEPTHS[row.copy_depth]
    return VerifiedCopy(run=row.copy_run, at=row.copy_at, depth=depth, store=row.copy_store)


def _attempt(row: AnyRow, leases: Mapping[str, datetime]) -> Attempt | None:
    if row.run is None:
        return None
    return Attempt(
        run=row.run,
        kind=_KINDS[row.kind],
        state=_STATES[row.state],
        started_at=row.started_at,
        finished_at=row.finished_at,
        failures=row.failures,
        error=read_failure(row),
        owner=row.owner,
        lease_until=leases.get(row.run, row.lease_until),
    )
