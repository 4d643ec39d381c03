"""One backup of one server, from the claim to the manifest: DESIGN's order of a run."""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace

from backends.capture.progress import CaptureProgress
from backends.capture.staging import Staging
from backends.errors import BackendError, TransferInterrupted
from backends.repository.lock import HeldLock, hold_lock
from backends.repository.repository import Repository
from backends.signing import SigningKey
from backends.types import BlobId, PullSpec
from daemon.domain.contract import Contract
from daemon.domain.identifier import new_run_id
from daemon.domain.run import Captured, Run, RunKind, RunState
from daemon.domain.server import Server
from daemon.domain.verification import Depth
from daemon.errors import ClaimLost, VerificationFailed
from daemon.services.backup_tools import BackupObserver, BackupTools
from daemon.services.baseline import Baseline, survey
from daemon.services.beside import Accompaniment
from daemon.services.chain import find_head
from daemon.services.checkpointing import CheckpointKeeper, Occasion
from daemon.services.claim import Claim, claim_run
from daemon.services.deposit import (
    Deposit,
    PlanCheckpoints,
    deposit,
    save_repository_snapshot,
)
from daemon.services.destination import Destination, Patience, open_or_create
from daemon.services.distrust import forget_lost, note_distrusted
from daemon.services.early import EarlyPull, begin_early
from daemon.services.estimate import estimating, expect_rest
from daemon.services.guard import GuardedStore
from daemon.services.imagemark import leave_mark
from daemon.services.lease import keep_lease
from daemon.services.proof import Evidence, Proof, prove
from daemon.services.request import pull_spec, tools_for
from daemon.services.salvage import salvage_checkpoints
from daemon.services.sealing import seal, store_sums
from daemon.services.shortfall import shortfall_of
from daemon.services.source import HeldSource, SourceTools, hold_source
from daemon.services.stopping import Stopping

__all__ = ["BackupObserver", "BackupTools", "back_up"]


def back_up(
    tools: BackupTools,
    name: str,
    observer: BackupObserver,
    *,
    kind: RunKind = RunKind.MANUAL,
    depth: Depth | None = None,
    stop: Stopping | None = None,
    bandwidth: int | None = None,
    precious_first: bool = True,
) -> Run:
    """Back up the server `name`; returns its run, `verified` or `partial`.

    A pull that ends before its time, on request or because the server fails, leaves what has
    arrived as a checkpoint: restorable, `partial` with the reason, and continued by the next run.

    Args:
        tools: See `BackupTools`.
        name: Of a registered server.
        observer: Is told how it goes.
        kind: Why it is done.
        depth: How deep to verify, in place of the server's and the settings' word.
        stop: Ends it before its time.
        bandwidth: Bytes a second at most, besides the server's own limit.
        precious_first: Store the server's precious paths before the rest, where it names any.

    Raises:
        NotFound: no such server, or the settings have no such store.
        RunActive: another run of it is under way.
        ClaimLost: somebody else took the run over; nothing more was written.
        LapseguardError: the reason to stop, where nothing had arrived by then.
        BackendError, LapseguardError: what stopped it; recorded as the run's failure.
    """
    with tools.units(read_only=True) as work:
        server = work.servers.get(name)
        contracts = work.contracts.of_server(name)
    run = claim_run(
        tools.units,
        run=new_run_id(tools.clock.now(), tools.random(3)),
        server=server.name,
        kind=kind,
        store=tools.store_name(server.store),
        owner=tools.owner,
        lease=tools.lease,
    )
    with keep_lease(run, tools.units, tools.clock, stop, length=tools.lease) as lease:
        attempt = _Attempt(
            tools=tools_for(tools, server),
            server=server,
            contracts=contracts,
            observer=observer,
            claim=Claim(
                run, lease, units=tools.units, clock=tools.clock, on_change=observer.entered
            ),
            depth=depth or server.verify_depth or tools.depth,
            bandwidth=bandwidth,
            precious=server.priority if precious_first else (),
        )
        return attempt.carry_out()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Saved:
    """What is in the repository and not proven yet."""

    baseline: Baseline
    done: Deposit
    captured: Captured
    staging: Staging


@dataclass(kw_only=True)
class _Attempt:
    """One claimed run, from the first look at the repository to the manifest."""

    tools: BackupTools
    server: Server
    contracts: tuple[Contract, ...]
    observer: BackupObserver
    claim: Claim
    depth: Depth
    bandwidth: int | None
    precious: tuple[str, ...]
    keeper: CheckpointKeeper | None = None
    early: EarlyPull | None = None
    beside: Accompaniment = field(init=False)

    @property
    def stopping(self) -> Stopping:
        """How this run is told to end before its time."""
        return self.claim.lease.stopping

    def carry_out(self) -> Run:
        """Do everything, and see that a failure is on record."""
        try:
            self._reach_out()
        except ClaimLost:
            raise
        except BaseException as error:
            if (unrecorded := self.claim.fail(error)) is not None:
                # Safe to go on: what happened first matters more, and the next run of this
                # server closes this one.
                self.observer.warned(f"The failure is not on record: {unrecorded}")
            raise
        return self.claim.run

    def _reach_out(self) -> None:
        """Have the pull begin, and open the repository meanwhile."""
        self.claim.enter(RunState.PULLING)
        key = self.tools.signing_key()
        staging = Staging(self.tools.staging / self.server.name)
        staging.prepare()
        spec = pull_spec(self.server, staging.image, self.tools.identity, self.bandwidth)
        with Accompaniment(
            self.tools, self.server, spec, self.stopping, self.observer
        ) as self.beside:
            self.early = self._begin_early(staging, spec)
            try:
                self._reach_store(staging, key)
            finally:
                if self.early is not None:
                    self.early.close()

    def _begin_early(self, staging: Staging, spec: PullSpec) -> EarlyPull | None:
        """None where something is to be made or stored before anything is pulled."""
        self.stopping.check_asked()
        server, tuning = self.server, self.tools.tuning
        if self.precious or server.dumps or not server.freezing.is_idle:
            return None
        return begin_early(
            staging,
            spec,
            lambda journal, stop, room: self.tools.make_pull(
                journal, stop, room, self.tools.pull_rate
            ),
            self.claim.lease.stop,
            mode=tuning.staging,
            floor=tuning.floor,
        )

    def _reach_store(self, staging: Staging, key: SigningKey) -> None:
        stopping = self.stopping
        patience = Patience(
            stop=stopping.at_once, warn=self.observer.warned, time_left=stopping.patience
        )
        destination = self.tools.destination(self.server.store, self.server.name, patience)
        store = GuardedStore(destination.store, stopping.check)
        try:
            with closing(store):
                self._work(replace(destination, store=store), staging, key)
        except BackendError as error:
            if not stopping.asked.is_set():
                raise
            # Asked to stop, so that is why it ends; what failed meanwhile is told beside it.
            if not isinstance(error, TransferInterrupted):
                self.observer.warned(f"No checkpoint could be made: {error}")
            raise stopping.reason from error

    def _work(self, destination: Destination, staging: Staging, key: SigningKey) -> None:
        """Every step under the repository's lock, which keeps others from pruning our packs."""
        repository = self._open(destination)
        self.stopping.check_asked()
        with ExitStack() as locks:
            lock = locks.enter_context(hold_lock(repository))
            saved = self._save(repository, staging, lock, key)
            self.claim.enter(RunState.VERIFYING, captured=saved.captured)
            lock = self._mend(saved, locks, lock)
            proof = self._prove(saved)
            if proof.lost:
                saved = self._save_again(saved, proof, lock, key)
                lock = self._mend(saved, locks, lock)
                proof = self._prove(saved)
            self._seal(saved, proof, key, lock)
            if self.keeper is not None:
                self.keeper.forget()
        if saved.done.report.cut is None:
            staging.forget_journal()
            leave_mark(staging, saved.done.mark, self.observer.warned)
        else:
            staging.shorten_journal(saved.done.report.left_out)

    def _open(self, destination: Destination) -> Repository:
        def was_used() -> bool:
            with self.tools.units(read_only=True) as work:
                before = work.runs.newest(self.server.name, RunState.VERIFIED, RunState.PARTIAL)
            return before is not None and before.store == destination.store_name

        return open_or_create(destination, was_used, self.observer.warned)

    def _save(
        self, repository: Repository, staging: Staging, lock: HeldLock, key: SigningKey
    ) -> _Saved:
        """Data, then its index, then the repository snapshot that makes it visible."""
        warn = self.observer.warned
        salvage_checkpoints(
            repository.store, repository.id, self.tools.units, warn, key=key.public_text
        )
        head = find_head(repository.store, repository.id, self.tools.units, warn)
        baseline = survey(repository, head, warn)
        spec = pull_spec(self.server, staging.image, self.tools.identity, self.bandwidth)
        with hold_source(
            SourceTools.of(self.tools, warn), self.claim.run, self.server, spec
        ) as source:
            done = self._deposit(baseline, staging, source, key, lock)
        if self.claim.run.state is RunState.PULLING:
            self.claim.enter(RunState.STORING)
        lock.ensure()
        snapshot = save_repository_snapshot(
            baseline,
            done,
            server=self.server.name,
            spec=spec,
            run=self.claim.run.run,
            at=self.tools.clock.now(),
        )
        return _Saved(
            baseline=baseline, done=done, captured=done.captured(snapshot), staging=staging
        )

    def _deposit(
        self,
        baseline: Baseline,
        staging: Staging,
        source: HeldSource,
        key: SigningKey,
        lock: HeldLock,
    ) -> Deposit:
        done = deposit(
            baseline,
            spec=source.spec,
            staging=staging,
            make_pull=lambda journal, room: source.watched(
                lambda stop: self.tools.make_pull(journal, stop, room, self.tools.pull_rate),
                self.claim.lease.stop,
            ),
            tuning=self.tools.tuning,
            watch=lambda progress: self._watch(baseline, source.spec, progress),
            plan_additions=self.beside.plan,
            now=self.tools.clock.now(),
            plan_checkpoints=self._plan_checkpoints(baseline, source, key, lock),
            whole=self.depth > Depth.STORED,
            precious=self.precious,
            halt=self.stopping,
            early=self.early,
        )
        self.early = None
        return replace(done, source=source.view)

    def _plan_checkpoints(
        self, baseline: Baseline, source: HeldSource, key: SigningKey, lock: HeldLock
    ) -> PlanCheckpoints | None:
        """None where there are none, and where a run is stored once more."""
        interval = self.tools.tuning.checkpoints
        if interval is None or self.claim.run.state is not RunState.PULLING:
            return None
        occasion = Occasion(
            run=self.claim.run,
            server=self.server,
            contracts=self.contracts,
            spec=source.spec,
            source=source.view,
            key=key,
            now=self.tools.clock.now,
            ensure=(lock.ensure, self.claim.lease.check),
            warn=self.observer.warned,
            interval=interval,
        )
        self.keeper = CheckpointKeeper(baseline, occasion)
        return self.keeper.plan

    def _save_again(self, saved: _Saved, proof: Proof, lock: HeldLock, key: SigningKey) -> _Saved:
        """Store what lost packs held once more: staging still has all of it."""
        self.observer.warned(
            f"{len(proof.lost)} packs are missing or damaged; storing their data again. "
            f"{proof.problems[0]}"
        )
        repository = saved.baseline.repository
        note_distrusted(repository.store, proof.damaged)
        saved.staging.prepare()  # so that its journal counts as that of a run that broke off
        again = self._save(repository, saved.staging, lock, key)
        self.claim.correct(again.captured)
        return again

    def _mend(self, saved: _Saved, locks: ExitStack, lock: HeldLock) -> HeldLock:
        """Let go of the lock where lost packs are to be forgotten, and take it again."""
        baseline = saved.baseline
        if not baseline.state.calls_for_mending:
            return lock
        repository = baseline.repository
        locks.close()
        forget_lost(repository, self.observer.warned)
        return locks.enter_context(hold_lock(repository))

    @contextmanager
    def _watch(
        self, baseline: Baseline, spec: PullSpec, progress: CaptureProgress
    ) -> Iterator[None]:
        with ExitStack() as stack:
            expect_rest(self.tools.units, self.server.name, baseline, progress)
            if self.observer.wants_estimate and baseline.tree is None:
                stack.enter_context(estimating(self.tools.measure, spec, progress))
            stack.enter_context(self.observer.capturing(progress))
            yield

    def _prove(self, saved: _Saved) -> Proof:
        baseline, done = saved.baseline, saved.done
        evidence = Evidence(
            repository=baseline.repository,
            index=baseline.index,
            reader=baseline.reader,
            snapshot=saved.captured.snapshot,
            tree=BlobId(done.report.tree),
            packs=done.report.earlier_packs | {receipt.pack for receipt in done.receipts},
            sums=lambda: done.sums,
            scratch=saved.staging.root,
        )
        return prove(
            evidence,
            self.depth,
            self.observer,
            read_unattested=True,
            enough=self.stopping.asked.is_set,
        )

    def _seal(self, saved: _Saved, proof: Proof, key: SigningKey, lock: HeldLock) -> None:
        if proof.problems:
            more = len(proof.problems) - 1
            raise VerificationFailed(
                f"What was stored does not verify: {proof.problems[0]}"
                + (f" And {more} more." if more else "")
            )
        store = saved.baseline.repository.store
        sums = store_sums(store, self.claim.run.run, saved.done.sums)
        lock.ensure()
        sealed = seal(
            store,
            run=self.claim.run,
            server=self.server,
            contracts=self.contracts,
            baseline=saved.baseline,
            done=saved.done,
            proof=proof,
            sums=sums,
            key=key,
            now=self.tools.clock.now(),
            may_write=self.claim.lease.check,
        )
        self.claim.conclude(sealed, shortfall_of(saved.done, proof, self.stopping))
