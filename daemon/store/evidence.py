"""Reads verifications; both those who list them and those who draw standings do."""

from collections.abc import Iterator, Sequence

from sqlalchemy import select

from daemon.domain.verification import Depth, Outcome, Verification
from daemon.store.pieces import in_pieces
from daemon.store.tables import VERIFICATIONS
from daemon.store.transaction import AnyRow, Transaction


def find_evidence(transaction: Transaction, runs: Sequence[str]) -> Iterator[Verification]:
    """All evidence about these runs, in the order in which it was recorded for each."""
    for piece in in_pieces(runs):
        query = select(VERIFICATIONS).where(VERIFICATIONS.c.run.in_(piece))
        rows = transaction.fetch(query.order_by(VERIFICATIONS.c.id))
        yield from (_verification(row) for row in rows)


def _verification(row: AnyRow) -> Verification:
    return Verification(
        run=row.run,
        manifest_sha256=row.manifest_sha256,
        depth=Depth(row.depth),
        outcome=Outcome(row.outcome),
        checked_at=row.checked_at,
        matches_source=row.matches_source,
        problems=row.problems,
    )
