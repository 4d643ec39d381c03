"""The unit of work: everything or nothing, with the audit events in the same transaction."""

from collections.abc import Callable
from datetime import datetime
from types import TracebackType
from typing import Self

from sqlalchemy import Connection, Engine

from daemon.clock import Clock
from daemon.store.acknowledgements import Acknowledgements
from daemon.store.audit_trail import AuditTrail
from daemon.store.contracts import Contracts
from daemon.store.driver_errors import translated
from daemon.store.engine import begin_reading, begin_writing
from daemon.store.history import History
from daemon.store.hosts import Hosts
from daemon.store.manifests import Manifests
from daemon.store.names import Names
from daemon.store.planning import Planning
from daemon.store.progress import ProgressRecords
from daemon.store.provider_copies import ProviderCopies
from daemon.store.runs import Runs
from daemon.store.servers import Servers
from daemon.store.standings import Standings
from daemon.store.transaction import Transaction
from daemon.store.verifications import Verifications


class UnitOfWork:
    """A transaction, and the repositories that work in it.

        with UnitOfWork(engine, clock=clock, actor="li") as unit:
            unit.servers.add(server)
            unit.commit()

    Without `commit` everything is undone. After it the unit is at its end. A writing unit waits on
    entry until it is the only one, on SQLite and PostgreSQL alike, so what it reads stays true
    until it commits. One that is begun `at_once` waits only when it first records an audit event,
    since events form one chain; on PostgreSQL, what it read before may have changed by then, so
    this is for claims and leases alone, which guard themselves.

    A reading unit sees one instant and does not wait for writers; but on SQLite a writer that
    commits waits for readers, so no unit of any kind is kept open over network I/O or while a
    person reads. Units are used by one thread; engines may be shared.

    Args:
        engine: See `open_engine`.
        clock: What time it is, unless the database is shared and says so itself.
        actor: The person or process that the audit trail names.
        read_only: Only read.
        at_once: Write, but wait as late as possible; on SQLite that is on entry, too.

    Raises:
        DatabaseError: any child, from any method.
    """

    servers: Servers
    contracts: Contracts
    acknowledgements: Acknowledgements
    standings: Standings
    runs: Runs
    manifests: Manifests
    verifications: Verifications
    history: History
    hosts: Hosts
    progress: ProgressRecords
    provider_copies: ProviderCopies
    planning: Planning
    names: Names
    audit: AuditTrail
    #: The present by the clock that dates everything here: see `Transaction.now`.
    now: Callable[[], datetime]

    def __init__(
        self,
        engine: Engine,
        *,
        clock: Clock,
        actor: str,
        read_only: bool = False,
        at_once: bool = False,
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._actor = actor
        self._read_only = read_only
        self._at_once = at_once
        self._connection: Connection | None = None

    def __enter__(self) -> Self:
        with translated():
            connection = self._engine.connect()
        self._connection = connection
        try:
            self._begin(connection)
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._close()

    def commit(self) -> None:
        """Make everything durable, and end the unit."""
        if self._connection is None:
            raise RuntimeError("The unit of work has ended.")
        with translated():
            self._connection.commit()
        self._close()

    def _begin(self, connection: Connection) -> None:
        with translated():
            begin = begin_reading if self._read_only else begin_writing
            begin(connection)
        transaction = Transaction(
            connection, clock=self._clock, actor=self._actor, has_turn=self._read_only
        )
        if not self._at_once:
            transaction.take_turn()
        self.servers = Servers(transaction)
        self.contracts = Contracts(transaction)
        self.acknowledgements = Acknowledgements(transaction)
        self.standings = Standings(transaction)
        self.runs = Runs(transaction, self.standings)
        self.manifests = Manifests(transaction, self.runs)
        self.verifications = Verifications(transaction, self.standings)
        self.history = History(self.runs, self.verifications)
        self.hosts = Hosts(transaction)
        self.progress = ProgressRecords(transaction)
        self.provider_copies = ProviderCopies(transaction)
        self.planning = Planning(transaction)
        self.names = Names(transaction)
        self.audit = AuditTrail(transaction)
        self.now = transaction.now

    def _close(self) -> None:
        """Undo what was not committed. Statements after this fail."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with translated():
                connection.close()
