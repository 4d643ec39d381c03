"""From the lock on the repository to the manifest: what a run does to a repository, in order.

`backup` begins the pull before any of this is loaded.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

from backends.capture.progress import CaptureProgress
from backends.capture.staging import Staging
from backends.repository.lock import HeldLock, hold_lock
from backends.repository.repository import Repository
from backends.signing import SigningKey
from backends.types import BlobId, PullSpec
from daemon.domain.run import Captured, RunState
from daemon.domain.verification import Depth
from daemon.errors import VerificationFailed
from daemon.services.attempt import Attempt
from daemon.services.baseline import Baseline, adopt_unlisted, survey
from daemon.services.beside import Accompaniment
from daemon.services.chain import find_head
from daemon.services.checkpointing import CHECKPOINT_PREFIX, CheckpointKeeper, Occasion
from daemon.services.deposit import (
    Deposit,
    PlanCheckpoints,
    deposit,
    save_repository_snapshot,
)
from daemon.services.destination import Destination, open_or_create
from daemon.services.distrust import forget_lost, note_distrusted
from daemon.services.early import EarlyPull
from daemon.services.estimate import estimating, expect_rest
from daemon.services.imagemark import leave_mark
from daemon.services.proof import Evidence, Proof, prove
from daemon.services.salvage import salvage_checkpoints
from daemon.services.sealing import seal, store_sums
from daemon.services.shortfall import shortfall_of
from daemon.services.source import HeldSource, SourceTools, hold_source


def keep_safe(
    attempt: Attempt,
    staging: Staging,
    early: EarlyPull | None,
    destination: Destination,
    opened: Callable[[], Repository],
) -> None:
    """Store, prove and seal what the server has.

    Args:
        attempt: The run.
        staging: Prepared.
        early: The pull, where it has begun already.
        destination: Where to.
        opened: Waits for the repository there.

    Raises:
        BackendError, LapseguardError: what stopped it.
    """
    tools, server, warn = attempt.tools, attempt.server, attempt.observer.warned

    def was_used() -> bool:
        with tools.units(read_only=True) as work:
            before = work.runs.newest(server.name, RunState.VERIFIED, RunState.PARTIAL)
        return before is not None and before.store == destination.store_name

    key = tools.signing_key()
    spec = attempt.pull_into(staging.image)
    with Accompaniment(tools, server, spec, attempt.stopping, attempt.observer) as beside:
        repository = open_or_create(destination, opened, was_used, warn)
        attempt.stopping.check_asked()
        _Safekeeping(attempt, staging, early, key, beside).carry_out(repository)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Saved:
    """What is in the repository and not proven yet."""

    baseline: Baseline
    done: Deposit
    captured: Captured


class _Safekeeping:
    """One run's work in the repository; `carry_out` once.

    Args:
        attempt: The run.
        staging: Prepared.
        early: The pull, where it has begun already.
        key: Signs the manifest.
        beside: What is stored beside the files.
    """

    def __init__(
        self,
        attempt: Attempt,
        staging: Staging,
        early: EarlyPull | None,
        key: SigningKey,
        beside: Accompaniment,
    ) -> None:
        self._attempt = attempt
        self._tools = attempt.tools
        self._server = attempt.server
        self._observer = attempt.observer
        self._claim = attempt.claim
        self._staging = staging
        self._early = early
        self._key = key
        self._beside = beside
        self._keeper: CheckpointKeeper | None = None
        #: As it was found while the lock was taken; used once.
        self._baseline: Baseline | None = None

    def carry_out(self, repository: Repository) -> None:
        """Every step under the repository's lock, which keeps others from pruning our packs."""
        with ExitStack() as locks:
            lock = locks.enter_context(
                hold_lock(repository, meanwhile=lambda: self._look_ahead(repository))
            )
            saved = self._save(repository, lock)
            self._claim.enter(RunState.VERIFYING, captured=saved.captured)
            lock = self._mend(saved, locks, lock)
            proof = self._prove(saved)
            if proof.lost:
                saved = self._save_again(saved, proof, lock)
                lock = self._mend(saved, locks, lock)
                proof = self._prove(saved)
            self._seal(saved, proof, lock)
            if self._keeper is not None:
                self._keeper.forget()
        if saved.done.report.cut is None:
            self._staging.forget_journal()
            leave_mark(self._staging, saved.done.mark, self._observer.warned)
        else:
            self._staging.shorten_journal(saved.done.report.left_out)

    def _look_ahead(self, repository: Repository) -> None:
        """Survey while the lock waits to count; only where nothing is to be salvaged before."""
        store, warn = repository.store, self._observer.warned
        if not any(True for _ in store.list(CHECKPOINT_PREFIX)):
            head = find_head(store, repository.id, self._tools.units, warn)
            self._baseline = survey(repository, head, warn)

    def _survey(self, repository: Repository) -> Baseline:
        """What the repository has, with what runs that broke off have left in it."""
        known, self._baseline = self._baseline, None
        if known is None:
            store, warn, units = repository.store, self._observer.warned, self._tools.units
            salvage_checkpoints(store, repository.id, units, warn, key=self._key.public_text)
            known = survey(repository, find_head(store, repository.id, units, warn), warn)
        adopt_unlisted(known)
        return known

    def _save(self, repository: Repository, lock: HeldLock) -> _Saved:
        """Data, then its index, then the repository snapshot that makes it visible."""
        baseline = self._survey(repository)
        spec = self._attempt.pull_into(self._staging.image)
        warn = self._observer.warned
        with hold_source(
            SourceTools.of(self._tools, warn), self._claim.run, self._server, spec
        ) as source:
            done = self._deposit(baseline, source, lock)
        if self._claim.run.state is RunState.PULLING:
            self._claim.enter(RunState.STORING)
        lock.ensure()
        snapshot = save_repository_snapshot(
            baseline,
            done,
            server=self._server.name,
            spec=spec,
            run=self._claim.run.run,
            at=self._tools.clock.now(),
        )
        return _Saved(baseline=baseline, done=done, captured=done.captured(snapshot))

    def _deposit(self, baseline: Baseline, source: HeldSource, lock: HeldLock) -> Deposit:
        early, self._early = self._early, None
        done = deposit(
            baseline,
            spec=source.spec,
            staging=self._staging,
            make_pull=lambda journal, room: source.watched(
                lambda stop: self._attempt.make_pull(journal, stop, room),
                self._claim.lease.stop,
            ),
            tuning=self._tools.tuning,
            watch=lambda progress: self._watch(baseline, source.spec, progress),
            plan_additions=self._beside.plan,
            now=self._tools.clock.now(),
            plan_checkpoints=self._plan_checkpoints(baseline, source, lock),
            whole=self._attempt.depth > Depth.STORED,
            precious=self._attempt.precious,
            halt=self._attempt.stopping,
            early=early,
        )
        return replace(done, source=source.view)

    def _plan_checkpoints(
        self, baseline: Baseline, source: HeldSource, lock: HeldLock
    ) -> PlanCheckpoints | None:
        """None where there are none, and where a run is stored once more."""
        interval = self._tools.tuning.checkpoints
        if interval is None or self._claim.run.state is not RunState.PULLING:
            return None
        occasion = Occasion(
            run=self._claim.run,
            server=self._server,
            contracts=self._attempt.contracts,
            spec=source.spec,
            source=source.view,
            key=self._key,
            now=self._tools.clock.now,
            ensure=(lock.ensure, self._claim.lease.check),
            warn=self._observer.warned,
            interval=interval,
        )
        self._keeper = CheckpointKeeper(baseline, occasion)
        return self._keeper.plan

    def _save_again(self, saved: _Saved, proof: Proof, lock: HeldLock) -> _Saved:
        """Store what lost packs held once more: staging still has all of it."""
        self._observer.warned(
            f"{len(proof.lost)} packs are missing or damaged; storing their data again. "
            f"{proof.problems[0]}"
        )
        repository = saved.baseline.repository
        note_distrusted(repository.store, proof.damaged)
        self._staging.prepare()  # so that its journal counts as that of a run that broke off
        again = self._save(repository, lock)
        self._claim.correct(again.captured)
        return again

    def _mend(self, saved: _Saved, locks: ExitStack, lock: HeldLock) -> HeldLock:
        """Let go of the lock where lost packs are to be forgotten, and take it again."""
        baseline = saved.baseline
        if not baseline.state.calls_for_mending:
            return lock
        repository = baseline.repository
        locks.close()
        forget_lost(repository, self._observer.warned)
        return locks.enter_context(hold_lock(repository))

    @contextmanager
    def _watch(
        self, baseline: Baseline, spec: PullSpec, progress: CaptureProgress
    ) -> Iterator[None]:
        with ExitStack() as stack:
            expect_rest(self._tools.units, self._server.name, baseline, progress)
            if self._observer.wants_estimate and baseline.tree is None:
                stack.enter_context(estimating(self._tools.measure, spec, progress))
            stack.enter_context(self._observer.capturing(progress))
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
            sums=lambda: done.sums.kept_in(self._staging.root).read(
                lambda: baseline.reader.walk(BlobId(done.report.tree))
            ),
            scratch=self._staging.root,
        )
        return prove(
            evidence,
            self._attempt.depth,
            self._observer,
            read_unattested=True,
            enough=self._attempt.stopping.asked.is_set,
        )

    def _seal(self, saved: _Saved, proof: Proof, lock: HeldLock) -> None:
        if proof.problems:
            more = len(proof.problems) - 1
            raise VerificationFailed(
                f"What was stored does not verify: {proof.problems[0]}"
                + (f" And {more} more." if more else "")
            )
        store = saved.baseline.repository.store
        sums = store_sums(store, self._claim.run.run, saved.done.sums)
        lock.ensure()
        sealed = seal(
            store,
            run=self._claim.run,
            server=self._server,
            contracts=self._attempt.contracts,
            baseline=saved.baseline,
            done=saved.done,
            proof=proof,
            sums=sums,
            key=self._key,
            now=self._tools.clock.now(),
            may_write=self._claim.lease.check,
        )
        self._claim.conclude(sealed, shortfall_of(saved.done, proof, self._attempt.stopping))
