"""What there is by name, for a shell that completes it."""

from typing import Final

from sqlalchemy import ColumnElement, select

from daemon.domain.contract import ContractState
from daemon.store.tables import CONTRACTS, RUNS, SERVERS
from daemon.store.transaction import Transaction

#: More than a terminal shows; a fleet may have a hundred thousand.
_MOST: Final = 500


class Names:
    """Names that begin with a text, in their order, 500 at most."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def servers(self, start: str) -> tuple[str, ...]:
        """Registered servers."""
        return self._beginning(SERVERS.c.name, start)

    def contracts(self, start: str) -> tuple[str, ...]:
        """Contracts that are not closed."""
        active = CONTRACTS.c.state == ContractState.ACTIVE.value
        return self._beginning(CONTRACTS.c.name, start, active)

    def runs(self, start: str) -> tuple[str, ...]:
        """The newest runs, the newest first."""
        order = RUNS.c.started_at.desc(), RUNS.c.run.desc()
        query = select(RUNS.c.run).where(RUNS.c.run.startswith(start, autoescape=True))
        rows = self._transaction.fetch(query.order_by(*order).limit(_MOST))
        return tuple(row[0] for row in rows)

    def _beginning(
        self, column: ColumnElement[str], start: str, *where: ColumnElement[bool]
    ) -> tuple[str, ...]:
        query = select(column).where(column.startswith(start, autoescape=True), *where)
        rows = self._transaction.fetch(query.order_by(column).limit(_MOST))
        return tuple(row[0] for row in rows)
