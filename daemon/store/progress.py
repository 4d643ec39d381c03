"""How far runs under way are. Not history: not audited, and forgotten when they end."""

from collections.abc import Mapping

from sqlalchemy import delete, select, update

from daemon.domain.progress import Progress
from daemon.store.tables import PROGRESS, RUNS
from daemon.store.transaction import AnyRow, Transaction

_FIELDS = tuple(Progress.__dataclass_fields__)


class ProgressRecords:
    """The newest reading of each run under way. Needs no turn: begin the unit `at_once`."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def record(self, run: str, progress: Progress) -> None:
        """Keep this reading in place of the last one."""
        values = {name: getattr(progress, name) for name in _FIELDS}
        if self._transaction.change(update(PROGRESS).where(PROGRESS.c.run == run).values(values)):
            return
        self._forget_ended()
        self._transaction.insert(PROGRESS, {"run": run, **values})

    def forget(self, run: str) -> None:
        """The run has ended."""
        self._transaction.change(delete(PROGRESS).where(PROGRESS.c.run == run))

    def all(self) -> Mapping[str, Progress]:
        """By server, of runs that have not ended."""
        query = select(RUNS.c.server, PROGRESS).join(RUNS, RUNS.c.run == PROGRESS.c.run)
        rows = self._transaction.fetch(query.where(RUNS.c.finished_at.is_(None)))
        return {row.server: _progress(row) for row in rows}

    def _forget_ended(self) -> None:
        """Of runs whose owners could not: they were killed."""
        ended = select(RUNS.c.run).where(RUNS.c.finished_at.is_not(None))
        self._transaction.change(delete(PROGRESS).where(PROGRESS.c.run.in_(ended)))


def _progress(row: AnyRow) -> Progress:
    return Progress(**{name: getattr(row, name) for name in _FIELDS})
