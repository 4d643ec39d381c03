"""One database transaction: the statements of all repositories, and what they record."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeAlias

from sqlalchemy import Connection, Executable, Row, Table, insert, select

from daemon.clock import Clock
from daemon.domain.audit import NO_EVENTS, AuditEvent, AuditHead, chain, head_of
from daemon.domain.canonical import JsonObject
from daemon.domain.instant import as_utc
from daemon.store.driver_errors import translated
from daemon.store.postgresql import CLOCK, lock_writers
from daemon.store.tables import AUDIT_EVENTS

#: A row of any query; its columns are known to the query alone.
AnyRow: TypeAlias = Row[*tuple[Any, ...]]

#: Events are written so many at a time: a database must not wonder for long what we are doing.
_BATCH: Final = 5000


class Transaction:
    """What repositories do their work with; `UnitOfWork` begins and ends it.

    Args:
        connection: Within a transaction.
        clock: What time it is, unless the database says so itself.
        actor: Whom audit events name.
        has_turn: Whether it is known to be the only writing one.
    """

    def __init__(
        self, connection: Connection, *, clock: Clock, actor: str, has_turn: bool = True
    ) -> None:
        self._connection = connection
        self._clock = clock
        self._actor = actor
        self._has_turn = has_turn
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
        """Add rows, if any. The values stay out of the statement, which is prepared only once."""
        if not rows:
            return
        with translated():
            self._connection.execute(insert(table), [dict(row) for row in rows])

    def change(self, statement: Executable) -> int:
        """How many rows a statement changed."""
        with translated():
            return self._connection.execute(statement).rowcount

    def change_each(self, statement: Executable, *values: Mapping[str, object]) -> None:
        """Do a statement with bound parameters once for each set of values, if there are any."""
        if not values:
            return
        with translated():
            self._connection.execute(statement, [dict(each) for each in values])

    def now(self) -> datetime:
        """The present instant: the database's, where several hosts share one, else our clock's."""
        if self._connection.dialect.name != "postgresql":
            return as_utc(self._clock.now())
        at: datetime = self.fetch_value(CLOCK)
        return as_utc(at)

    def take_turn(self) -> None:
        """Wait until no other writer is in a turn; ours lasts until the transaction ends.

        What was read before may have changed meanwhile, unless something else guards it.
        """
        if not self._has_turn:
            with translated():
                lock_writers(self._connection)
            self._has_turn = True
            self._head = None

    def record(self, kind: str, subject: str, payload: JsonObject) -> AuditEvent:
        """Append an event to the audit trail, in the same transaction as what it tells of."""
        return self.record_each(kind, ((subject, payload),))[0]

    def record_each(
        self, kind: str, subjects: Iterable[tuple[str, JsonObject]]
    ) -> Sequence[AuditEvent]:
        """Append events of one kind and one instant, each with its subject and payload."""
        self.take_turn()
        at, head = self.now(), self.head()
        events: list[AuditEvent] = []
        waiting: list[AuditEvent] = []
        for subject, payload in subjects:
            event = chain(
                head, at=at, actor=self._actor, kind=kind, subject=subject, payload=payload
            )
            head = head_of(event)
            events.append(event)
            waiting.append(event)
            if len(waiting) >= _BATCH:
                self._append(waiting)
        self._append(waiting)
        return events

    def _append(self, events: list[AuditEvent]) -> None:
        """Write events that follow the head, and forget them."""
        if events:
            self.insert(AUDIT_EVENTS, *(dataclasses.asdict(event) for event in events))
            self._head = head_of(events[-1])
            events.clear()

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
