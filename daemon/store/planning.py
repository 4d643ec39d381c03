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
from daemon.domain.garbage import paused_collection
from daemon.domain.outlook import Attempt, VerifiedCopy
from daemon.domain.planned import PlannedContract, PlannedServer
from daemon.domain.run import Failure, RunKind, RunState
from daemon.domain.standing import Standing, host_of
from daemon.domain.verification import Depth
from daemon.store.acknowledgements import Acknowledgements
from daemon.store.courses import read_course
from daemon.store.samples import StoredSamples
from daemon.store.server_parts import read_rates
from daemon.store.tables import CONTRACT_SERVERS, CONTRACTS, RUNS, SERVERS, STANDINGS
from daemon.store.transaction import Transaction

_KINDS: Final = {kind.value: kind for kind in RunKind}
_STATES: Final = {state.value: state for state in RunState}
_DEPTHS: Final = {depth.value: depth for depth in Depth}
_ENDS: Final = {state.value: state for state in ContractState}
#: These three in the order in which rows are taken apart; by name would take twice as long.
_SERVERS: Final = select(
    SERVERS.c.name,
    SERVERS.c.store,
    type_coerce(SERVERS.c.labels, Text),
    SERVERS.c.value,
    type_coerce(SERVERS.c.priority, Text),
    SERVERS.c.bandwidth,
    type_coerce(SERVERS.c.rates, Text),
    SERVERS.c.verify_depth,
    SERVERS.c.fate_accepted,
).order_by(SERVERS.c.name)
_CONTRACTS: Final = select(
    CONTRACTS.c.name,
    CONTRACTS.c.provider,
    CONTRACTS.c.account,
    type_coerce(CONTRACTS.c.stores, Text),
    CONTRACTS.c.expiry_text,
    CONTRACTS.c.expiry_timezone,
    CONTRACTS.c.preset,
    type_coerce(CONTRACTS.c.course, Text),
    type_coerce(CONTRACTS.c.labels, Text),
    CONTRACTS.c.state,
    CONTRACTS.c.closed_reason,
    CONTRACTS.c.closed_at,
).order_by(CONTRACTS.c.name)
_STANDINGS: Final = select(
    STANDINGS.c.server,
    STANDINGS.c.samples,
    STANDINGS.c.measured_bytes,
    STANDINGS.c.owner,
    STANDINGS.c.copy_run,
    STANDINGS.c.copy_at,
    STANDINGS.c.copy_depth,
    STANDINGS.c.copy_store,
    STANDINGS.c.run,
    STANDINGS.c.kind,
    STANDINGS.c.state,
    STANDINGS.c.started_at,
    STANDINGS.c.finished_at,
    STANDINGS.c.failures,
    STANDINGS.c.lease_until,
    STANDINGS.c.error_code,
    STANDINGS.c.error_message,
    STANDINGS.c.error_hint,
)
_ACTIVE: Final = CONTRACTS.c.state == ContractState.ACTIVE.value


class Planning:
    """Reads only; everything as of the instant of the unit of work."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    @paused_collection()
    def servers(self) -> Sequence[PlannedServer]:
        """All registered servers, by name."""
        texts, tables = cache(_texts), cache(read_rates)
        return [
            PlannedServer(
                name=name,
                store=store,
                labels=texts(labels),
                value=value,
                priority=texts(priority),
                bandwidth=bandwidth,
                rates=tables(rates),
                depth=None if depth is None else _DEPTHS[depth],
                fate_accepted=fate_accepted,
            )
            for name, store, labels, value, priority, bandwidth, rates, depth, fate_accepted in (
                self._transaction.fetch(_SERVERS)
            )
        ]

    @paused_collection()
    def contracts(self) -> Sequence[PlannedContract]:
        """The active contracts, and the closed ones that name a server that no active one names."""
        return [*self._contracts(_ACTIVE), *self._contracts(~_ACTIVE, _speaks_alone())]

    def acknowledgements(self) -> Mapping[str, Acknowledgement]:
        """The last decision about each contract that has any."""
        return Acknowledgements(self._transaction).newest()

    @paused_collection()
    def standings(self) -> Mapping[str, Standing]:
        """Standings by server; there is none where neither a run nor a size is known."""
        leases = self._leases()
        hosts = cache(host_of)
        return {
            row[0]: Standing(
                server=row[0],
                samples=StoredSamples(row[1]),
                measured_bytes=row[2],
                host=None if row[3] is None else hosts(row[3]),
                copy=None if row[4] is None else _copy(*row[4:8]),
                attempt=None if row[8] is None else _attempt(leases, row[3], *row[8:]),
            )
            for row in self._transaction.fetch(_STANDINGS)
        }

    def _leases(self) -> Mapping[str, datetime]:
        """Leases of the runs under way: they are extended without anything else being written."""
        query = select(RUNS.c.run, RUNS.c.lease_until).where(RUNS.c.finished_at.is_(None))
        return {row.run: row.lease_until for row in self._transaction.fetch(query)}

    def _contracts(self, *where: ColumnElement[bool]) -> Sequence[PlannedContract]:
        texts, course, expiry = cache(_texts), cache(read_course), cache(_expiry)
        servers = self._servers_of(*where)
        return [
            PlannedContract(
                name=row[0],
                provider=row[1],
                account=row[2],
                servers=tuple(servers.get(row[0], ())),
                stores=texts(row[3]),
                expiry=expiry(row[4], row[5]),
                preset=row[6],
                course=None if row[7] is None else course(row[7]),
                labels=texts(row[8]),
                state=_ENDS[row[9]],
                closed_reason=row[10],
                closed_at=row[11],
            )
            for row in self._transaction.fetch(_CONTRACTS.where(*where))
        ]

    def _servers_of(self, *where: ColumnElement[bool]) -> Mapping[str, Sequence[str]]:
        links = (
            select(CONTRACT_SERVERS.c.contract, CONTRACT_SERVERS.c.server)
            .join(CONTRACTS, CONTRACTS.c.name == CONTRACT_SERVERS.c.contract)
            .where(*where)
            .order_by(CONTRACT_SERVERS.c.position)
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


def _copy(run: str, at: datetime, depth: str, store: str) -> VerifiedCopy:
    return VerifiedCopy(run=run, at=at, depth=_DEPTHS[depth], store=store)


def _attempt(  # noqa: PLR0917 - the columns of a row, in their order
    leases: Mapping[str, datetime],
    owner: str,
    run: str,
    kind: str,
    state: str,
    started_at: datetime,
    finished_at: datetime | None,
    failures: int,
    lease_until: datetime,
    code: str | None,
    message: str,
    hint: str,
) -> Attempt:
    return Attempt(
        run=run,
        kind=_KINDS[kind],
        state=_STATES[state],
        started_at=started_at,
        finished_at=finished_at,
        failures=failures,
        error=None if code is None else Failure(code=code, message=message, hint=hint),
        owner=owner,
        lease_until=leases.get(run, lease_until),
    )
