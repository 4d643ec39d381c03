"""The history: runs together with the evidence that stands for them."""

from collections import defaultdict
from collections.abc import Mapping

from daemon.domain.history import HistoryRow, history_row
from daemon.domain.run import Run
from daemon.domain.verification import Verification
from daemon.store.runs import Runs
from daemon.store.verifications import Verifications


class History:
    """Reads only."""

    def __init__(self, runs: Runs, verifications: Verifications) -> None:
        self._runs = runs
        self._verifications = verifications

    def rows(
        self, *, server: str | None = None, limit: int | None = None
    ) -> tuple[HistoryRow, ...]:
        """Runs of one server or of all, newest first, each with its evidence."""
        return self._with_evidence(self._runs.list(server=server, limit=limit))

    def row(self, run: str) -> HistoryRow:
        """One run with its evidence. Raises NotFound."""
        return self._with_evidence((self._runs.get(run),))[0]

    def _with_evidence(self, runs: tuple[Run, ...]) -> tuple[HistoryRow, ...]:
        evidence: Mapping[str, list[Verification]] = defaultdict(list)
        for verification in self._verifications.of(*(run.run for run in runs)):
            evidence[verification.run].append(verification)
        return tuple(history_row(run, evidence[run.run]) for run in runs)
