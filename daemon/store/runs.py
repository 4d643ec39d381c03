"""The runs: claimed with a lease and an epoch, so that a stale owner cannot write."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import timedelta

from sqlalchemy import ColumnElement, func, select, update

from daemon.domain.candidate import Candidate
from daemon.domain.canonical import JsonObject
from daemon.domain.instant import write_instant, write_second
from daemon.domain.run import Captured, Failure, Run, RunKind, RunState, advance
from daemon.errors import ClaimLost, InvalidValue, RunActive, RunIncomplete
from daemon.store.claims import lock_claim
from daemon.store.missing import not_found
from daemon.store.pieces import in_pieces
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
        """Begin a run of a server. Nobody is waited for who begins one at the same moment.

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
        claimed = self.claim_first(
            (Candidate(server=server, kind=kind, store=store),),
            run=run,
            owner=owner,
            lease=lease,
            is_gone=is_gone,
        )
        if claimed is None:
            raise _run_active(server, self._under_way((server,)).get(server))
        return claimed

    def claim_first(
        self,
        candidates: Sequence[Candidate],
        *,
        run: str,
        owner: str,
        lease: timedelta,
        is_gone: Callable[[str], bool] = lambda _: False,
    ) -> Run | None:
        """Begin a run of the first of several servers that nobody holds; None if all are held.

        See `claim`.
        """
        under_way = self._under_way([candidate.server for candidate in candidates])
        for candidate in candidates:
            before = under_way.get(candidate.server)
            if before is not None and self._holds(before, is_gone):
                continue
            if lock_claim(self._transaction, candidate.server) and self._vacate(candidate, is_gone):
                return self._begin(candidate, run, owner, lease)
        return None

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

    def salvage(self, run: str, captured: Captured, manifest_sha256: str) -> bool:
        """A run that broke off has left a checkpoint: it is `partial`; False if it has ended well.

        Raises:
            NotFound: no such run.
        """
        before = self.get(run)
        if before.state not in {RunState.ABANDONED, RunState.FAILED}:
            return False
        reason = before.error or Failure(
            code=RunIncomplete.__name__,
            message="It broke off; what had arrived by its last checkpoint is kept.",
            hint=RunIncomplete.default_hint,
        )
        salvaged = replace(
            before,
            **asdict(captured),
            state=RunState.PARTIAL,
            manifest_sha256=manifest_sha256,
            error=reason,
        )
        where = (RUNS.c.run == run, RUNS.c.state == before.state.value)
        if not self._transaction.change(update(RUNS).where(*where).values(run_values(salvaged))):
            return False
        self._standings.refresh(before.server)
        self._transaction.record("run.salvaged", run, _payload(salvaged))
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

    def _vacate(self, candidate: Candidate, is_gone: Callable[[str], bool]) -> bool:
        """Close the run under way that nobody keeps alive; False if somebody does after all."""
        # From here on what we read stays true, but for leases: those are extended without a turn.
        self._transaction.take_turn()
        before = self._under_way((candidate.server,)).get(candidate.server)
        return before is None or (not self._holds(before, is_gone) and self._abandon(before))

    def _abandon(self, before: Run) -> bool:
        abandoned = advance(before, RunState.ABANDONED, self._transaction.now())
        # A higher epoch on the old row too: from here on, its owner's writes match nothing.
        values = {**run_values(abandoned), "epoch": before.epoch + 1}
        if not self._change(before, values, RUNS.c.lease_until == before.lease_until):
            return False
        payload = {"owner": before.owner, "lease_until": write_instant(before.lease_until)}
        self._transaction.record("run.abandoned", before.run, payload)
        return True

    def _begin(self, candidate: Candidate, run: str, owner: str, lease: timedelta) -> Run:
        now = self._transaction.now()
        claimed = Run(
            run=run,
            server=candidate.server,
            kind=candidate.kind,
            state=RunState.CLAIMED,
            started_at=now,
            store=candidate.store,
            epoch=self._highest_epoch(candidate.server) + 1,
            owner=owner,
            lease_until=now + lease,
        )
        self._transaction.insert(RUNS, run_values(claimed))
        self._standings.refresh(claimed.server)
        payload = {
            "server": claimed.server,
            "kind": claimed.kind.value,
            "owner": owner,
            "epoch": claimed.epoch,
        }
        self._transaction.record("run.claimed", run, payload)
        return claimed

    def _holds(self, run: Run, is_gone: Callable[[str], bool]) -> bool:
        return run.lease_until > self._transaction.now() and not is_gone(run.owner)

    def _write(self, run: Run, values: dict[str, object]) -> None:
        if not self._change(run, values):
            raise _claim_lost(run)

    def _change(self, run: Run, values: dict[str, object], *where: ColumnElement[bool]) -> bool:
        """Change a claimed run; False where the claim is lost, or `where` no longer true."""
        held = (RUNS.c.run == run.run, RUNS.c.epoch == run.epoch, RUNS.c.finished_at.is_(None))
        return self._transaction.change(update(RUNS).where(*held, *where).values(values)) > 0

    def _under_way(self, servers: Sequence[str]) -> Mapping[str, Run]:
        """The unfinished run of each of these servers that has one."""
        unfinished = RUNS.c.finished_at.is_(None)
        pieces = (self._find(unfinished, RUNS.c.server.in_(piece)) for piece in in_pieces(servers))
        return {run.server: run for piece in pieces for run in piece}

    def _highest_epoch(self, server: str) -> int:
        highest = select(func.coalesce(func.max(RUNS.c.epoch), 0))
        return int(self._transaction.fetch_value(highest.where(RUNS.c.server == server)))

    def _find(self, *where: ColumnElement[bool], limit: int | None = None) -> tuple[Run, ...]:
        query = select(RUNS).where(*where).order_by(RUNS.c.started_at.desc(), RUNS.c.run.desc())
        return tuple(read_run(row) for row in self._transaction.fetch(query.limit(limit)))


def _run_active(server: str, run: Run | None) -> RunActive:
    if run is None:
        return RunActive(f"Somebody else begins a run of {server} at this moment.")
    return RunActive(
        f"The run {run.run} of {server} is under way, held by {run.owner} until "
        f"{write_second(run.lease_until)}."
    )


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
