"""The audit trail: append-only, one hash chain over everything that was ever changed."""

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import select

from daemon.domain.audit import AuditEvent, AuditHead
from daemon.domain.canonical import JsonObject
from daemon.store.tables import AUDIT_EVENTS
from daemon.store.transaction import AnyRow, Transaction

_BATCH = 1000


class AuditTrail:
    """Events by their sequence. Repositories record what they change; others record the rest."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def record(self, kind: str, subject: str, payload: JsonObject) -> AuditEvent:
        """Append an event about something that changed outside the database.

        Args:
            kind: What happened, as `noun.past-tense`.
            subject: What it happened to.
            payload: More about it; never a secret.
        """
        return self._transaction.record(kind, subject, payload)

    def head(self) -> AuditHead:
        """Where the trail ends. One row is read, and shows whether anything has changed."""
        return self._transaction.head()

    def newest_at(self) -> datetime | None:
        """When the last event was recorded; None before the first.

        The last by its number: a clock that was once far ahead has left later dates on earlier
        events, and must not be believed for ever.
        """
        last = select(AUDIT_EVENTS.c.at).order_by(AUDIT_EVENTS.c.sequence.desc()).limit(1)
        row = self._transaction.fetch_one(last)
        at: datetime | None = None if row is None else row.at
        return at

    def events(self, *, after: int = 0, subject: str | None = None) -> Iterator[AuditEvent]:
        """The events that follow number `after`, oldest first; of one subject or of all."""
        query = select(AUDIT_EVENTS).order_by(AUDIT_EVENTS.c.sequence).limit(_BATCH)
        if subject is not None:
            query = query.where(AUDIT_EVENTS.c.subject == subject)
        while rows := self._transaction.fetch(query.where(AUDIT_EVENTS.c.sequence > after)):
            yield from (_event(row) for row in rows)
            after = rows[-1].sequence


def _event(row: AnyRow) -> AuditEvent:
    return AuditEvent(
        sequence=row.sequence,
        at=row.at,
        actor=row.actor,
        kind=row.kind,
        subject=row.subject,
        payload=row.payload,
        previous_hash=row.previous_hash,
        hash=row.hash,
    )
