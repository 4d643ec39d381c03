"""The runs: claimed with a lease and an epoch, so that a stale owner cannot write."""

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, select, update

from daemon.domain.canonical import JsonObject
from daemon.domain.instant import write_instant, write_second
from daemon.domain.run import Run, RunKind, RunState, advance
from daemon.errors import ClaimLost, InvalidValue, RunActive
from daemon.store.missing import not_found
from daemon.store.run_rows import read_run, run_values
from daemon.store.standings import Standings
from daemon.store.tables import RUNS
from daemon.store.transaction import Transaction


class Runs:
    """Runs by id.

    A claim is what `claim` gave: the run with its epoch. Every write carries it, and is refused
    with ClaimLost once somebody else has taken over; the owner then stops at once.
    """

    def __init__(self, transaction: Transaction, standings: Standings) -> None:
        self._transaction = transaction
        self._standings = standings

    def claim(
        self,
        *,
        run: str,
        server: str,
        kind: RunKind,
        store: str,
        owner: str,
        lease: timedelta,
        is_gone: Callable[[str], bool] = lambda _: False,
    ) -> Run:
        """Begin a run of a server.

        A run of the same server whose owner let the lease lapse, or is gone, is closed as
        abandoned.

        Args:
            run: Its id; see `new_run_id`.
            server: See `Run`, as for the next three.
            kind: Why it is started.
            store: Where it will write to.
            owner: Who holds the claim.
            lease: For how long nobody else may take over, unless it is extended.
            is_gone: Whether an owner provably exists no more, so that its lease counts for nothing.

        Raises:
            RunActive: another run of the server is under way and its lease still holds.
        """
        now = self._transaction.now()
        before = self._unfinished(server)
        if before is not None:
            self._take_over(before, now, is_gone)
        claimed = Run(
            run=run,
            server=server,
            kind=kind,
            state=RunState.CLAIMED,
            started_at=now,
            store=store,
            epoch=self._highest_epoch(server) + 1,
            owner=owner,
            lease_until=now + lease,
        )
        self._transaction.insert(RUNS, run_values(claimed))
        self._standings.refresh(server)
        payload = {"server": server, "kind": kind.value, "owner": owner, "epoch": claimed.epoch}
        self._transaction.record("run.claimed", run, payload)
        return claimed

    def save(self, run: Run) -> None:
        """Record how far a claimed run is; see `advance`. Raises ClaimLost."""
        values = run_values(run)
        # The lease is the database's to know: a value read earlier must not shorten it.
        del values["lease_until"]
        self._write(run, values)
        self._standings.refresh(run.server)
        self._transaction.record(f"run.{run.state.value}", run.run, _payload(run))

    def extend_lease(self, run: Run, lease: timedelta) -> Run:
        """Keep others from taking over for `lease` from now. Not history, so not audited.

        Raises:
            ClaimLost: somebody else has the server now, or the run has ended.
        """
        until = self._transaction.now() + lease
        self._write(run, {"lease_until": until})
        return self.get(run.run)

    def adopt(self, run: Run) -> bool:
        """Record a finished run found in a bucket; False if it is here already."""
        if not run.is_final:
            raise InvalidValue(f"The run {run.run} is {run.state.value}, so it cannot be adopted.")
        if self._find(RUNS.c.run == run.run):
            return False
        self._transaction.insert(RUNS, run_values(run))
        self._standings.refresh(run.server)
        self._transaction.record("run.adopted", run.run, {**_payload(run), "server": run.server})
        return True

    def get(self, run: str) -> Run:
        """The run of that id. Raises NotFound."""
        found = self._find(RUNS.c.run == run)
        if not found:
            recent = select(RUNS.c.run).order_by(RUNS.c.started_at.desc()).limit(1000)
            raise not_found("run", run, (row[0] for row in self._transaction.fetch(recent)))
        return found[0]

    def list(self, *, server: str | None = None, limit: int | None = None) -> tuple[Run, ...]:
        """Runs of one server or of all, newest first."""
        return self._find(*([] if server is None else [RUNS.c.server == server]), limit=limit)

    def newest(self, server: str, *states: RunState) -> Run | None:
        """The newest run of a server that is in one of these states, if any."""
        wanted = RUNS.c.state.in_([state.value for state in states])
        found = self._find(RUNS.c.server == server, wanted, limit=1)
        return found[0] if found else None

    def unfinished(self) -> tuple[Run, ...]:
        """Runs under way, and those whose owner is gone, newest first."""
        return self._find(RUNS.c.finished_at.is_(None))

    def lapsed(self) -> tuple[str, ...]:
        """Ids of runs under way that may be taken over, since their lease has lapsed."""
        lapsed = RUNS.c.lease_until <= self._transaction.now()
        query = select(RUNS.c.run).where(RUNS.c.finished_at.is_(None), lapsed)
        return tuple(row.run for row in self._transaction.fetch(query.order_by(RUNS.c.run)))

    def require_claim(self, run: Run) -> None:
        """Return if `run` is still ours to write about. Raises ClaimLost."""
        held = select(RUNS.c.run).where(RUNS.c.run == run.run, RUNS.c.epoch == run.epoch)
        if self._transaction.fetch_one(held) is None:
            raise _claim_lost(run)

    def _take_over(self, before: Run, now: datetime, is_gone: Callable[[str], bool]) -> None:
        if before.lease_until > now and not is_gone(before.owner):
            raise RunActive(
                f"The run {before.run} of {before.server} is under way, held by {before.owner} "
                f"until {write_second(before.lease_until)}."
            )
        abandoned = advance(before, RunState.ABANDONED, now)
        # A higher epoch on the old row too: from here on, its owner's writes match nothing.
        self._write(before, {**run_values(abandoned), "epoch": before.epoch + 1})
        payload = {"owner": before.owner, "lease_until": write_instant(before.lease_until)}
        self._transaction.record("run.abandoned", before.run, payload)

    def _write(self, run: Run, values: dict[str, object]) -> None:
        held = (RUNS.c.run == run.run, RUNS.c.epoch == run.epoch, RUNS.c.finished_at.is_(None))
        if not self._transaction.change(update(RUNS).where(*held).values(values)):
            raise _claim_lost(run)

    def _unfinished(self, server: str) -> Run | None:
        found = self._find(RUNS.c.server == server, RUNS.c.finished_at.is_(None))
        return found[0] if found else None

    def _highest_epoch(self, server: str) -> int:
        highest = select(func.coalesce(func.max(RUNS.c.epoch), 0))
        return int(self._transaction.fetch_value(highest.where(RUNS.c.server == server)))

    def _find(self, *where: ColumnElement[bool], limit: int | None = None) -> tuple[Run, ...]:
        query = select(RUNS).where(*where).order_by(RUNS.c.started_at.desc(), RUNS.c.run.desc())
        return tuple(read_run(row) for row in self._transaction.fetch(query.limit(limit)))


def _claim_lost(run: Run) -> ClaimLost:
    return ClaimLost(f"The run {run.run} of {run.server} is no longer ours.")


def _payload(run: Run) -> JsonObject:
    """What is known by now; the rest is left out."""
    known = {
        "files": run.files,
        "bytes": run.bytes,
        "stored_bytes": run.stored_bytes,
        "new_bytes": run.new_bytes,
        "snapshot": run.snapshot,
        "manifest_sha256": run.manifest_sha256,
        "error": None if run.error is None else run.error.code,
        "message": None if run.error is None else run.error.message,
    }
    return {name: value for name, value in known.items() if value is not None}
