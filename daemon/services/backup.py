"""One backup of one server, from the claim to the manifest: DESIGN's order of a run."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from backends.capture.progress import CaptureProgress
from backends.capture.staging import Staging
from backends.protocols import SourcePull
from backends.repository.lock import HeldLock, hold_lock
from backends.repository.repository import Repository
from backends.signing import SigningKey
from backends.types import BlobId, PullSpec, SshTarget
from daemon.clock import Clock
from daemon.domain.contract import Contract
from daemon.domain.identifier import new_run_id
from daemon.domain.run import Captured, Failure, Run, RunKind, RunState, advance
from daemon.domain.server import Server
from daemon.domain.verification import Depth
from daemon.errors import ClaimLost, RunIncomplete, VerificationFailed, code_for, hint_for
from daemon.services.baseline import Baseline, survey
from daemon.services.chain import find_head
from daemon.services.deposit import Deposit, Tuning, deposit, save_repository_snapshot
from daemon.services.destination import Destination, open_or_create_repository
from daemon.services.estimate import Measure, estimating
from daemon.services.lease import LEASE, Lease, keep_lease
from daemon.services.ownership import is_gone
from daemon.services.proof import Evidence, Proof, ProofWatcher, prove
from daemon.services.sealing import Sealed, seal, store_sums
from daemon.services.units import Units


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupTools:
    """What a backup works with; `bootstrap` puts it together.

    Attributes:
        units: Opens transactions.
        clock: The time.
        random: So many unpredictable bytes.
        store_name: What a store (None: the default one) is called.
        repository_url: Where the repository in a store of a server is, both by name.
        destination: The same repository, to be opened.
        make_pull: Makes the pull from its journal and the lease that may stop it.
        measure: Asks a server how much there is to pull.
        signing_key: Reads the key that signs manifests.
        staging: Folder above all staging folders.
        identity: SSH key of servers that name none.
        owner: Who we are, for the lease; see `name_owner`.
        depth: How deep runs are verified where the server does not say.
        tuning: See `Tuning`.
    """

    units: Units
    clock: Clock
    random: Callable[[int], bytes]
    store_name: Callable[[str | None], str]
    repository_url: Callable[[str | None, str], str]
    destination: Callable[[str | None, str], Destination]
    make_pull: Callable[[Callable[[bytes], object], Lease], SourcePull]
    measure: Measure
    signing_key: Callable[[], SigningKey]
    staging: Path
    identity: Path
    owner: str
    depth: Depth
    tuning: Tuning


class BackupObserver(ProofWatcher, Protocol):
    """Is told how a backup goes: a terminal, a log, or nobody."""

    def entered(self, run: Run, /) -> None:
        """The run is in another state."""

    @property
    def wants_estimate(self) -> bool:
        """Whether time left is shown to somebody, so that asking the server for sizes pays."""

    def capturing(self, progress: CaptureProgress, /) -> AbstractContextManager[None]:
        """Data flows for as long as the block lasts."""

    def warned(self, message: str, /) -> None:
        """Something deserves attention and does not end the run."""


def back_up(
    tools: BackupTools,
    name: str,
    observer: BackupObserver,
    *,
    kind: RunKind = RunKind.MANUAL,
    depth: Depth | None = None,
) -> Run:
    """Back up the server `name`; returns its run, `verified` or `partial`.

    Args:
        tools: See `BackupTools`.
        name: Of a registered server.
        observer: Is told how it goes.
        kind: Why it is done.
        depth: How deep to verify, in place of the server's and the settings' word.

    Raises:
        NotFound: no such server, or the settings have no such store.
        RunActive: another run of it is under way.
        ClaimLost: somebody else took the run over; nothing more was written.
        BackendError, LapseguardError: what stopped it; recorded as the run's failure.
    """
    with tools.units(read_only=True) as work:
        server = work.servers.get(name)
        contracts = work.contracts.of_server(name)
    run = _claim(tools, server, kind)
    with keep_lease(run, tools.units, tools.clock) as lease:
        attempt = _Attempt(
            tools=tools,
            server=server,
            contracts=contracts,
            observer=observer,
            lease=lease,
            run=run,
            depth=depth or server.verify_depth or tools.depth,
        )
        return attempt.carry_out()


def pull_spec(server: Server, image: Path, identity: Path) -> PullSpec:
    """What is asked of the server."""
    target = SshTarget(
        alias=server.name,
        host=server.host,
        port=server.port,
        user=server.user,
        identity=server.identity or str(identity),
        host_key=server.host_key,
    )
    return PullSpec(
        target=target,
        paths=server.paths,
        excludes=server.excludes,
        staging=str(image),
        sudo=server.sudo,
        one_file_system=server.one_file_system,
    )


def _claim(tools: BackupTools, server: Server, kind: RunKind) -> Run:
    with tools.units() as work:
        run = work.runs.claim(
            run=new_run_id(tools.clock.now(), tools.random(3)),
            server=server.name,
            kind=kind,
            store=tools.store_name(server.store),
            owner=tools.owner,
            lease=LEASE,
            is_gone=lambda owner: is_gone(owner, tools.owner),
        )
        work.commit()
    return run


@dataclass(kw_only=True)
class _Attempt:
    """One claimed run; `run` is replaced as it advances."""

    tools: BackupTools
    server: Server
    contracts: tuple[Contract, ...]
    observer: BackupObserver
    lease: Lease
    run: Run
    depth: Depth

    def carry_out(self) -> Run:
        """Do everything, and see that a failure is on record."""
        try:
            destination = self.tools.destination(self.server.store, self.server.name)
            with closing(destination.store):
                self._work(destination)
        except ClaimLost:
            raise
        except BaseException as error:
            self.lease.check()
            self._record_failure(error)
            raise
        return self.run

    def _work(self, destination: Destination) -> None:
        """Every step under the repository's lock, which keeps others from pruning our packs."""
        self._enter(RunState.PULLING)
        key = self.tools.signing_key()
        staging = Staging(self.tools.staging / self.server.name)
        staging.prepare()
        repository = open_or_create_repository(destination)
        with hold_lock(repository) as lock:
            baseline = self._survey(repository)
            spec = pull_spec(self.server, staging.image, self.tools.identity)
            done = self._deposit(baseline, spec, staging)
            self._enter(RunState.STORING)
            lock.ensure()
            snapshot = save_repository_snapshot(
                baseline, done, server=self.server.name, spec=spec, run=self.run.run, at=self._now()
            )
            self._enter(RunState.VERIFYING, captured=done.captured(snapshot))
            self._prove_and_seal(baseline, done, staging, key, lock)
        staging.forget_journal()

    def _survey(self, repository: Repository) -> Baseline:
        head = find_head(repository.store, repository.id, self.tools.units)
        return survey(repository, head, self.observer.warned)

    def _deposit(self, baseline: Baseline, spec: PullSpec, staging: Staging) -> Deposit:
        return deposit(
            baseline,
            spec=spec,
            staging=staging,
            make_pull=lambda journal: self.tools.make_pull(journal, self.lease),
            tuning=self.tools.tuning,
            watch=lambda progress: self._watch(baseline, spec, progress),
        )

    @contextmanager
    def _watch(
        self, baseline: Baseline, spec: PullSpec, progress: CaptureProgress
    ) -> Iterator[None]:
        with ExitStack() as stack:
            # Later runs send what has changed, of which the server's sizes say nothing.
            if self.observer.wants_estimate and baseline.tree is None:
                stack.enter_context(estimating(self.tools.measure, spec, progress))
            stack.enter_context(self.observer.capturing(progress))
            yield

    def _prove_and_seal(
        self,
        baseline: Baseline,
        done: Deposit,
        staging: Staging,
        key: SigningKey,
        lock: HeldLock,
    ) -> None:
        proof = self._prove(baseline, done, staging)
        store = baseline.repository.store
        sums = store_sums(store, self.run.run, done.sums)
        lock.ensure()
        sealed = seal(
            store,
            run=self.run,
            server=self.server,
            contracts=self.contracts,
            baseline=baseline,
            done=done,
            proof=proof,
            sums=sums,
            key=key,
            now=self._now(),
            may_write=self.lease.check,
        )
        self._conclude(sealed, done)

    def _prove(self, baseline: Baseline, done: Deposit, staging: Staging) -> Proof:
        packs = done.report.earlier_packs | {receipt.pack for receipt in done.receipts}
        evidence = Evidence(
            repository=baseline.repository,
            index=baseline.index,
            reader=baseline.reader,
            snapshot=self.run.snapshot or "",
            tree=BlobId(done.report.tree),
            packs=packs,
            sums=lambda: done.sums,
            scratch=staging.root,
        )
        proof = prove(evidence, self.depth, self.observer, read_unattested=True)
        if proof.problems:
            more = len(proof.problems) - 1
            raise VerificationFailed(
                f"What was stored does not verify: {proof.problems[0]}"
                + (f" And {more} more." if more else "")
            )
        return proof

    def _conclude(self, sealed: Sealed, done: Deposit) -> None:
        self.lease.check()
        final = advance(
            self.run,
            RunState.VERIFIED if done.complete else RunState.PARTIAL,
            self._now(),
            manifest_sha256=sealed.signed.sha256,
            error=None if done.complete else _incompleteness(done),
        )
        with self.tools.units() as work:
            work.manifests.record(self.run, sealed.signed, sealed.document)
            work.verifications.record(sealed.verification)
            work.runs.save(final)
            work.commit()
        self._become(final)

    def _enter(self, state: RunState, *, captured: Captured | None = None) -> None:
        self.lease.check()
        following = advance(self.run, state, self._now(), captured=captured)
        with self.tools.units() as work:
            work.runs.save(following)
            work.commit()
        self._become(following)

    def _record_failure(self, error: BaseException) -> None:
        if self.run.is_final:
            return
        failure = Failure(code=code_for(error), message=str(error), hint=hint_for(error))
        failed = advance(self.run, RunState.FAILED, self._now(), error=failure)
        with self.tools.units() as work:
            work.runs.save(failed)
            work.commit()
        self._become(failed)

    def _become(self, run: Run) -> None:
        self.run = run
        self.observer.entered(run)

    def _now(self) -> datetime:
        return self.tools.clock.now()


def _incompleteness(done: Deposit) -> Failure:
    count = len(done.report.omissions)
    first = done.report.omissions[0]
    shown = first.path.decode(errors="backslashreplace")
    return Failure(
        code=RunIncomplete.__name__,
        message=f"{count} entries are missing, the first: {shown}: {first.reason}",
        hint=RunIncomplete.default_hint,
    )
