"""The standings: what each server's history comes to, kept beside it so that plans read little.

Whoever writes a run or a verification calls `refresh` in the same transaction; it draws the
standing from the history itself, never from the standing before.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, Connection, func, select, tuple_, union, update

from daemon.clock import Clock
from daemon.domain.outlook import Attempt, VerifiedCopy
from daemon.domain.run import TOLD_TO_END, Run, RunState
from daemon.domain.standing import SAMPLES, attempt_of, samples_of
from daemon.domain.verification import Outcome, Verification, strongest
from daemon.errors import InvalidValue
from daemon.store.evidence import find_evidence
from daemon.store.run_rows import failure_values, read_run
from daemon.store.samples import write_samples
from daemon.store.tables import RUNS, SERVERS, STANDINGS
from daemon.store.transaction import Transaction

#: By the claim's number, which no clock can put wrong; the rest tells adopted runs apart.
_AGE: Final = (RUNS.c.epoch, RUNS.c.started_at, RUNS.c.run)
_NEWEST_FIRST: Final = tuple(column.desc() for column in _AGE)
_IS_VERIFIED: Final = RUNS.c.state == RunState.VERIFIED.value
_WAS_TOLD: Final = func.coalesce(RUNS.c.error_code, "").in_(sorted(TOLD_TO_END))
_BATCH: Final = 50


class Standings:
    """Standings by server."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def refresh(self, server: str) -> None:
        """Draw a server's standing anew from its runs and their evidence."""
        newest = self._runs(server, limit=1)
        if not newest:
            return
        complete = self._runs(server, _IS_VERIFIED, limit=SAMPLES + 1)
        failures = self._count_failures(server, complete[0] if complete else None)
        self._put(
            server,
            {
                **_attempt_values(attempt_of(newest[0], failures)),
                **_copy_values(self._newest_copy(server, complete)),
                "samples": write_samples(samples_of(complete[::-1])),
            },
        )

    def measure(self, server: str, size: int) -> None:
        """Record how many bytes a server says that it holds; audited where that is news.

        Raises:
            InvalidValue: fewer than none, or more than any disk holds.
        """
        if size < 0:
            raise InvalidValue(f"A server does not hold {size} bytes.")
        self._transaction.take_turn()
        if self.measured(server) != size:
            self._put(server, {"measured_bytes": size})
            self._transaction.record("server.measured", server, {"bytes": size})

    def measured(self, server: str) -> int | None:
        """What was measured last, in bytes; None before that."""
        query = select(STANDINGS.c.measured_bytes).where(STANDINGS.c.server == server)
        row = self._transaction.fetch_one(query)
        size: int | None = None if row is None else row.measured_bytes
        return size

    def rebuild(self) -> None:
        """Draw all standings anew; measured sizes stay."""
        known = union(select(SERVERS.c.name.label("server")), select(RUNS.c.server))
        for row in self._transaction.fetch(known):
            self.refresh(row.server)

    def _put(self, server: str, values: Mapping[str, object]) -> None:
        row = update(STANDINGS).where(STANDINGS.c.server == server).values(dict(values))
        if not self._transaction.change(row):
            self._transaction.insert(STANDINGS, {"server": server, "samples": "[]", **values})

    def _runs(self, server: str, *where: ColumnElement[bool], limit: int) -> tuple[Run, ...]:
        """The newest ones, the very newest first."""
        query = select(RUNS).where(RUNS.c.server == server, *where).order_by(*_NEWEST_FIRST)
        return tuple(read_run(row) for row in self._transaction.fetch(query.limit(limit)))

    def _count_failures(self, server: str, complete: Run | None) -> int:
        """Ended runs since the last complete one, but for those that were told to end."""
        failed = (RUNS.c.server == server, RUNS.c.finished_at.is_not(None), ~_WAS_TOLD)
        query = select(func.count()).where(*failed)
        if complete is not None:
            query = query.where(tuple_(*_AGE) > _age(complete))
        return int(self._transaction.fetch_value(query))

    def _newest_copy(self, server: str, complete: Sequence[Run]) -> VerifiedCopy | None:
        """Mostly of the newest complete run; an older one where damage was found later."""
        while complete:
            found = self._first_proven(complete)
            if found is not None:
                return found
            older = tuple_(*_AGE) < _age(complete[-1])
            complete = self._runs(server, _IS_VERIFIED, older, limit=_BATCH)
        return None

    def _first_proven(self, runs: Sequence[Run]) -> VerifiedCopy | None:
        evidence: Mapping[str, list[Verification]] = defaultdict(list)
        for verification in find_evidence(self._transaction, [run.run for run in runs]):
            evidence[verification.run].append(verification)
        copies = (_proven(run, evidence[run.run]) for run in runs)
        return next((copy for copy in copies if copy is not None), None)


def rebuild_standings(connection: Connection, clock: Clock) -> None:
    """Draw all standings anew in the transaction of an upgrade."""
    Standings(Transaction(connection, clock=clock, actor="", has_turn=True)).rebuild()


def _age(run: Run) -> tuple[int, datetime, str]:
    return run.epoch, run.started_at, run.run


def _proven(run: Run, evidence: Iterable[Verification]) -> VerifiedCopy | None:
    if run.manifest_sha256 is None:
        return None
    standing = strongest(evidence, run=run.run, manifest_sha256=run.manifest_sha256)
    if standing is None or standing.outcome is not Outcome.PASSED:
        return None
    return VerifiedCopy(run=run.run, at=run.started_at, depth=standing.depth, store=run.store)


def _copy_values(copy: VerifiedCopy | None) -> dict[str, object]:
    return {
        "copy_run": None if copy is None else copy.run,
        "copy_at": None if copy is None else copy.at,
        "copy_depth": None if copy is None else copy.depth.value,
        "copy_store": None if copy is None else copy.store,
    }


def _attempt_values(attempt: Attempt) -> dict[str, object]:
    return {
        "run": attempt.run,
        "kind": attempt.kind.value,
        "state": attempt.state.value,
        "started_at": attempt.started_at,
        "finished_at": attempt.finished_at,
        "failures": attempt.failures,
        "owner": attempt.owner,
        "lease_until": attempt.lease_until,
        **failure_values(attempt.error),
    }
