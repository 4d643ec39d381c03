"""The verifications: evidence, each about the manifest of one run; none is ever changed."""

from sqlalchemy import select

from daemon.domain.verification import Verification
from daemon.errors import NotFound
from daemon.store.evidence import find_evidence
from daemon.store.standings import Standings
from daemon.store.tables import MANIFESTS, VERIFICATIONS
from daemon.store.transaction import Transaction


class Verifications:
    """Verifications by run."""

    def __init__(self, transaction: Transaction, standings: Standings) -> None:
        self._transaction = transaction
        self._standings = standings

    def record(self, verification: Verification) -> None:
        """Record what was found.

        Raises:
            NotFound: the run has no manifest with that digest, so there is nothing to speak of.
        """
        known = select(MANIFESTS.c.server).where(
            MANIFESTS.c.run == verification.run,
            MANIFESTS.c.sha256 == verification.manifest_sha256,
        )
        manifest = self._transaction.fetch_one(known)
        if manifest is None:
            raise NotFound(f"The manifest that was verified is not that of {verification.run}.")
        self._transaction.insert(VERIFICATIONS, _values(verification))
        self._standings.refresh(manifest.server)
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
        return tuple(find_evidence(self._transaction, runs))


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
