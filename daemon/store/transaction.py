"""One database transaction: the statements of all repositories, and what they record."""

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import Connection, Executable, Row, Table, insert, select

from daemon.clock import Clock
from daemon.domain.audit import NO_EVENTS, AuditEvent, AuditHead, chain, head_of
from daemon.domain.canonical import JsonObject
from daemon.domain.instant import as_utc
from daemon.store.driver_errors import translated
from daemon.store.postgresql import CLOCK
from daemon.store.tables import AUDIT_EVENTS

#: A row of any query; its columns are known to the query alone.
AnyRow: TypeAlias = Row[Any]


class Transaction:
    """What repositories do their work with; `UnitOfWork` begins and ends it."""

    def __init__(self, connection: Connection, *, clock: Clock, actor: str) -> None:
        self._connection = connection
        self._clock = clock
        self._actor = actor
        self._head: AuditHead | None = None

    def fetch(self, statement: Executable) -> Sequence[AnyRow]:
        """All rows that a query finds."""
        with translated():
            return self._connection.execute(statement).all()

    def fetch_one(self, statement: Executable) -> AnyRow | None:
        """The first row that a query finds, if any."""
        with translated():
            return self._connection.execute(statement).first()

    def fetch_value(self, statement: Executable) -> Any:  # noqa: ANN401 - the query knows
        """The one value of the one row that a query always finds."""
        with translated():
            return self._connection.execute(statement).scalar_one()

    def insert(self, table: Table, *rows: Mapping[str, object]) -> None:
        """Add rows. The values stay out of the statement, which then is prepared only once."""
        with translated():
            self._connection.execute(insert(table), [dict(row) for row in rows])

    def change(self, statement: Executable) -> int:
        """How many rows a statement changed."""
        with translated():
            return self._connection.execute(statement).rowcount

    def now(self) -> datetime:
        """The present instant: the database's, where several hosts share one, else our clock's."""
        if self._connection.dialect.name != "postgresql":
            return as_utc(self._clock.now())
        at: datetime = self.fetch_value(CLOCK)
        return as_utc(at)

    def record(self, kind: str, subject: str, payload: JsonObject) -> AuditEvent:
        """Append an event to the audit trail, in the same transaction as what it tells of."""
        event = chain(
            self.head(),
            at=self.now(),
            actor=self._actor,
            kind=kind,
            subject=subject,
            payload=payload,
        )
        self.insert(AUDIT_EVENTS, dataclasses.asdict(event))
        self._head = head_of(event)
        return event

    def head(self) -> AuditHead:
        """Where the audit trail ends."""
        if self._head is None:
            last = (
                select(AUDIT_EVENTS.c.sequence, AUDIT_EVENTS.c.hash)
                .order_by(AUDIT_EVENTS.c.sequence.desc())
                .limit(1)
            )
            row = self.fetch_one(last)
            found = row and AuditHead(sequence=row.sequence, hash=row.hash)
            self._head = found or NO_EVENTS
        return self._head
