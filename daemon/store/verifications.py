"""The verifications: evidence, each about the manifest of one run; none is ever changed."""

from collections.abc import Iterator, Sequence
from typing import Final

from sqlalchemy import select

from daemon.domain.verification import Depth, Outcome, Verification
from daemon.errors import NotFound
from daemon.store.tables import MANIFESTS, VERIFICATIONS
from daemon.store.transaction import AnyRow, Transaction

#: Databases take only so many values in one statement.
_AT_ONCE: Final = 1000


class Verifications:
    """Verifications by run."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def record(self, verification: Verification) -> None:
        """Record what was found.

        Raises:
            NotFound: the run has no manifest with that digest, so there is nothing to speak of.
        """
        known = select(MANIFESTS.c.run).where(
            MANIFESTS.c.run == verification.run,
            MANIFESTS.c.sha256 == verification.manifest_sha256,
        )
        if self._transaction.fetch_one(known) is None:
            raise NotFound(f"The manifest that was verified is not that of {verification.run}.")
        self._transaction.insert(VERIFICATIONS, _values(verification))
        self._transaction.record(
            f"verification.{verification.outcome.value}",
            verification.run,
            {
                "manifest_sha256": verification.manifest_sha256,
                "depth": verification.depth.value,
                "matches_source": verification.matches_source,
                "problems": len(verification.problems),
            },
        )

    def of(self, *runs: str) -> tuple[Verification, ...]:
        """All evidence about these runs, in the order in which it was recorded for each."""
        pieces = (runs[start : start + _AT_ONCE] for start in range(0, len(runs), _AT_ONCE))
        return tuple(found for piece in pieces for found in self._find(piece))

    def _find(self, runs: Sequence[str]) -> Iterator[Verification]:
        query = select(VERIFICATIONS).where(VERIFICATIONS.c.run.in_(runs))
        rows = self._transaction.fetch(query.order_by(VERIFICATIONS.c.id))
        return (_verification(row) for row in rows)


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


def _values(verification: Verification) -> dict[str, object]:
    return {
        "run": verification.run,
        "manifest_sha256": verification.manifest_sha256,
        "depth": verification.depth.value,
        "outcome": verification.outcome.value,
        "checked_at": verification.checked_at,
        "matches_source": verification.matches_source,
        "problems": verification.problems,
    }
