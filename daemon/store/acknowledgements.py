"""What people decided about contracts; decisions are added, never changed."""

from collections.abc import Mapping

from sqlalchemy import func, select

from daemon.domain.acknowledgement import Acknowledgement, Decision
from daemon.domain.canonical import JsonObject
from daemon.domain.contract import Expiry
from daemon.domain.instant import write_instant
from daemon.store.missing import not_found
from daemon.store.tables import ACKNOWLEDGEMENTS, CONTRACTS
from daemon.store.transaction import AnyRow, Transaction


class Acknowledgements:
    """Decisions by contract."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def record(self, acknowledgement: Acknowledgement) -> None:
        """Record a decision. Raises NotFound if there is no such contract."""
        name = acknowledgement.contract
        if self._transaction.fetch_one(select(CONTRACTS.c.name).filter_by(name=name)) is None:
            known = self._transaction.fetch(select(CONTRACTS.c.name))
            raise not_found("contract", name, (row.name for row in known))
        self._transaction.insert(ACKNOWLEDGEMENTS, _values(acknowledgement))
        self._transaction.record("contract.acknowledged", name, _payload(acknowledgement))

    def of(self, contract: str) -> tuple[Acknowledgement, ...]:
        """All decisions about a contract, oldest first."""
        query = select(ACKNOWLEDGEMENTS).where(ACKNOWLEDGEMENTS.c.contract == contract)
        rows = self._transaction.fetch(query.order_by(ACKNOWLEDGEMENTS.c.id))
        return tuple(_acknowledgement(row) for row in rows)

    def newest(self) -> Mapping[str, Acknowledgement]:
        """The last decision about each contract that has any; it may be about an earlier end."""
        last = select(func.max(ACKNOWLEDGEMENTS.c.id)).group_by(ACKNOWLEDGEMENTS.c.contract)
        query = select(ACKNOWLEDGEMENTS).where(ACKNOWLEDGEMENTS.c.id.in_(last))
        return {row.contract: _acknowledgement(row) for row in self._transaction.fetch(query)}


def _acknowledgement(row: AnyRow) -> Acknowledgement:
    return Acknowledgement(
        contract=row.contract,
        decision=Decision(row.decision),
        until=row.until,
        reason=row.reason,
        who=row.who,
        at=row.at,
        expiry=Expiry(text=row.expiry_text, timezone=row.expiry_timezone),
    )


def _values(acknowledgement: Acknowledgement) -> dict[str, object]:
    return {
        "contract": acknowledgement.contract,
        "decision": acknowledgement.decision.value,
        "until": acknowledgement.until,
        "reason": acknowledgement.reason,
        "who": acknowledgement.who,
        "at": acknowledgement.at,
        "expiry_text": acknowledgement.expiry.text,
        "expiry_timezone": acknowledgement.expiry.timezone,
    }


def _payload(acknowledgement: Acknowledgement) -> JsonObject:
    until = acknowledgement.until
    return {
        "decision": acknowledgement.decision.value,
        "until": None if until is None else write_instant(until),
        "reason": acknowledgement.reason,
        "who": acknowledgement.who,
        "expiry": acknowledgement.expiry.text,
        "timezone": acknowledgement.expiry.timezone,
    }
