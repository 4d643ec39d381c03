"""Keeps a run's newest checkpoint in the bucket while the run goes on.

    snapshots/<id>                        tagged `checkpoint`, for every reader of the repository
    lapseguard/sums/<run>-<n>.large….zst  what its trees do not tell of checksums
    lapseguard/checkpoints/<run>.json     its signed manifest, with the number that follows the last

The manifest is written last, and what it replaces is removed after it: whenever the run dies, the
newest checkpoint stands whole. It is outside of the chain until the next run of the server finds
it and, since the run wrote no manifest of its own, takes it into the chain as it is; see
`salvage`. A run that ends in order removes it.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from backends.capture.cadence import CheckpointInterval
from backends.capture.checkpoints import CheckpointPlan, CheckpointReport
from backends.capture.cut import shortfall
from backends.capture.edition import ImageBase
from backends.capture.report import CaptureReport, SourceComparison
from backends.capture.unfinished import omissions_of
from backends.errors import StoreError, TransferInterrupted
from backends.protocols import ObjectStore, SourcePull
from backends.repository.unpacked import ObjectKind
from backends.repository.writer import RepositoryWriter
from backends.signing import SigningKey
from backends.types import PullReport, PullSpec
from daemon.domain.contract import Contract
from daemon.domain.identifier import check_run_id
from daemon.domain.manifest import PackFact, VerificationFact, sums_key
from daemon.domain.manifest_document import write_manifest
from daemon.domain.run import Run
from daemon.domain.server import Server
from daemon.domain.source import SourceView
from daemon.domain.verification import Depth, Outcome
from daemon.services.baseline import Baseline
from daemon.services.deposit import Deposit, Describe, save_repository_snapshot
from daemon.services.earlier_sums import EarlierSums, empty_listing
from daemon.services.listing import Listing, edit_listing
from daemon.services.listing_file import forget_kept
from daemon.services.packs import look_up_packs
from daemon.services.sealing import compose, pack_fact, store_sums_at

CHECKPOINT_PREFIX: Final = "lapseguard/checkpoints/"
_GOING_ON = "the run had not ended yet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """The run whose checkpoints are kept.

    Attributes:
        run, server, contracts, spec, source: What goes into its manifest.
        key: Signs.
        now: The time.
        ensure: Raise where this run may not write any more.
        warn: Told why there are no checkpoints any more.
        interval: See `CheckpointInterval`.
    """

    run: Run
    server: Server
    contracts: tuple[Contract, ...]
    spec: PullSpec
    source: SourceView
    key: SigningKey
    now: Callable[[], datetime]
    ensure: tuple[Callable[[], None], ...]
    warn: Callable[[str], None]
    interval: CheckpointInterval


class CheckpointKeeper:
    """One run's checkpoints, of which the newest is in the bucket."""

    def __init__(self, baseline: Baseline, occasion: Occasion) -> None:
        self._baseline = baseline
        self._occasion = occasion
        self._store = baseline.repository.store
        self._number = 0
        self._current: tuple[str, ...] = ()
        self._listing: Listing | None = None
        self._image = Path(occasion.spec.staging)
        #: Packs of earlier runs that the last manifest does not name; asked for once.
        self._looked_up: dict[bytes, PackFact] = {}
        self._counts = {"compared": 0, "uncompared": 0}

    def plan(
        self,
        writer: RepositoryWriter,
        pull: SourcePull,
        base: ImageBase | None,
        describe: Describe,
    ) -> CheckpointPlan:
        """What the capture needs to know; see `PlanCheckpoints`."""
        self._describe = describe
        return CheckpointPlan(
            interval=self._occasion.interval,
            base=base or _base_of(self._baseline),
            take=lambda report: self._take(report, writer, pull),
            failed=lambda error: self._occasion.warn(f"A checkpoint could not be made: {error}"),
        )

    def forget(self) -> None:
        """The run has its own manifest: its last checkpoint is not needed any more.

        One that cannot be removed now is removed by the next run.
        """
        if not self._number:
            return
        with suppress(StoreError):
            self._store.delete(checkpoint_key(self._occasion.run.run))
            self._remove(self._current)
            self._current = ()

    def _take(self, report: CheckpointReport, writer: RepositoryWriter, pull: SourcePull) -> int:
        occasion = self._occasion
        self._ensure()
        done = self._deposit(report, writer, pull)
        now = occasion.now()
        snapshot = save_repository_snapshot(
            self._baseline,
            done,
            server=occasion.server.name,
            spec=occasion.spec,
            run=occasion.run.run,
            at=now,
        )
        self._number += 1
        sums = sums_key(occasion.run.run).replace(".large", f"-{self._number}.large")
        manifest = compose(
            replace(occasion.run, snapshot=snapshot),
            occasion.server,
            occasion.contracts,
            self._baseline,
            done,
            packs=self._packs(report, writer),
            verification=VerificationFact(
                depth=Depth.LISTED, outcome=Outcome.PASSED, checked_at=now
            ),
            sums=store_sums_at(self._store, sums, done.sums),
            now=now,
        )
        document = write_manifest(manifest, occasion.key.sign, occasion.key.public_text)
        self._ensure()
        self._store.put(checkpoint_key(occasion.run.run), document)
        before, self._current = self._current, (ObjectKind.SNAPSHOT.key(snapshot), sums)
        self._keep_listing(done.sums)
        self._remove(before)
        return len(done.sums.large) + len(document)

    def _ensure(self) -> None:
        for check in self._occasion.ensure:
            check()

    def _deposit(
        self, report: CheckpointReport, writer: RepositoryWriter, pull: SourcePull
    ) -> Deposit:
        base = report.base
        sums = edit_listing(
            self._earlier_sums(),
            report.edition,
            self._image,
            lambda: self._baseline.reader.walk(base.tree),
        )
        comparison = self._compare(report)
        error = TransferInterrupted(_GOING_ON)
        missing = shortfall(error, earlier=comparison.unchanged, left_out=report.left_out)
        receipts = writer.receipts
        return Deposit(
            report=CaptureReport(
                tree=base.tree,
                pull=_unfinished(pull),
                files=base.files,
                folders=base.folders,
                others=base.others,
                total_bytes=base.total_bytes,
                comparison=comparison,
                omissions=(missing, *omissions_of(report.graft)),
                earlier_packs=base.packs - {receipt.pack for receipt in receipts},
                cut=error,
            ),
            receipts=receipts,
            totals=writer.totals,
            sums=sums,
            source=self._occasion.source,
            beside=self._describe(report.graft),
        )

    def _earlier_sums(self) -> EarlierSums:
        if self._listing is not None:
            return self._listing.kept_in(self._image.parent)
        if self._baseline.tree is None:
            return EarlierSums(empty_listing)
        return self._baseline.sums.beside(self._image.parent)

    def _keep_listing(self, listing: Listing) -> None:
        """For the next checkpoint; the parent's is needed at the end of the run."""
        self._listing = listing
        parent = self._baseline.sums.sha256
        forget_kept(self._image.parent, keep=[listing.sha256, *([parent] if parent else [])])

    def _compare(self, report: CheckpointReport) -> SourceComparison:
        """What arrived in this run, and what is the parent's; never more than there is."""
        for record in report.edition.records:
            if not record.unchanged and not record.beside:
                self._counts["compared" if record.compared else "uncompared"] += 1
        files = report.base.files - (len(report.graft.files) if report.graft else 0)
        uncompared = min(files, self._counts["uncompared"])
        compared = min(files - uncompared, self._counts["compared"])
        return SourceComparison(
            compared=compared,
            unchanged=files - compared - uncompared,
            uncompared=uncompared,
            mismatched=0,
        )

    def _packs(self, report: CheckpointReport, writer: RepositoryWriter) -> tuple[PackFact, ...]:
        """Packs of this run as the store took them, others as the last manifest has them."""
        head = self._baseline.head
        facts = {bytes.fromhex(fact.id): fact for fact in (head.manifest.packs if head else ())}
        facts = {pack: replace(fact, new=False) for pack, fact in facts.items()}
        facts |= {found.pack: PackFact.of(found, new=True) for found in writer.receipts}
        unknown = report.base.packs - facts.keys() - self._looked_up.keys()
        for standing in look_up_packs(self._store, sorted(unknown)):
            self._looked_up[standing.pack] = pack_fact(standing, None)
        facts = self._looked_up | facts
        return tuple(fact for pack, fact in facts.items() if pack in report.base.packs)

    def _remove(self, keys: tuple[str, ...]) -> None:
        for key in keys:
            # Safe to leave: a snapshot more is no harm, and whoever tidies removes it.
            with suppress(StoreError):
                self._store.delete(key)


def checkpoint_key(run: str) -> str:
    """The object key of a run's newest checkpoint."""
    return f"{CHECKPOINT_PREFIX}{check_run_id(run)}.json"


def remove_checkpoint(store: ObjectStore, run: str, snapshot: str, sums: str) -> None:
    """Remove a checkpoint that a manifest has made needless.

    Raises:
        StoreError.
    """
    store.delete(ObjectKind.SNAPSHOT.key(snapshot))
    store.delete(sums)
    store.delete(checkpoint_key(run))


def _base_of(baseline: Baseline) -> ImageBase | None:
    """The parent as its manifest describes it; what that does not say counts as nothing."""
    if baseline.tree is None or baseline.head is None:
        return None
    manifest = baseline.head.manifest
    return ImageBase(
        tree=baseline.tree,
        files=manifest.files,
        folders=manifest.dirs,
        others=0,
        total_bytes=manifest.bytes,
        packs=frozenset(bytes.fromhex(fact.id) for fact in manifest.packs),
        links={},
    )


def _unfinished(pull: SourcePull) -> PullReport:
    return PullReport(
        complete=False,
        arrivals=0,
        received_bytes=0,
        omissions=(),
        vanished=(),
        seconds=0,
        attempts=1,
        rsync_version=pull.rsync_version,
    )
