"""Puts one run's data into the repository: capture, then the repository snapshot."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from backends.capture.checkpoints import CheckpointPlan
from backends.capture.edition import ImageBase
from backends.capture.grafting import Graft
from backends.capture.halt import Halt
from backends.capture.mark import ImageMark, remove_mark
from backends.capture.pipeline import Capture
from backends.capture.progress import CaptureProgress
from backends.capture.report import CaptureReport
from backends.capture.staging import Staging
from backends.capture.window import StagingMode, Window
from backends.protocols import SourcePull
from backends.repository.snapshot import Snapshot, SnapshotSummary, save_snapshot
from backends.repository.writer import RepositoryWriter, WriterTotals
from backends.rsync.brake import NoLimit, Room
from backends.types import Omission, PackReceipt, PullSpec
from daemon import __version__
from daemon.domain.beside import NOTHING, Beside
from daemon.domain.run import Captured
from daemon.domain.source import LIVE, SourceView
from daemon.services.additions import RunAdditions
from daemon.services.baseline import Baseline
from daemon.services.early import EarlyPull, choose_early
from daemon.services.imagemark import known_mark, next_mark, trusted_mark
from daemon.services.listing import Listing, SumsListing, edit_listing
from daemon.services.listing_file import forget_kept
from daemon.services.tuning import Tuning

#: Says what is to be recorded of what came beside the files.
Describe = Callable[[Graft | None], Beside]
#: Makes the plan from the writer, the pull, what the image is known to be, if it is, and that.
PlanCheckpoints = Callable[
    [RepositoryWriter, SourcePull, ImageBase | None, Describe], CheckpointPlan
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deposit:
    """What one run has stored; all of it is in uploaded packs and indexes.

    Attributes:
        report: Of the capture.
        receipts: Of the packs that this run wrote.
        totals: What was new.
        sums: The SHA256SUMS listing, not stored yet.
        mark: What the staging image is once the run has ended in order.
        source: What was read.
        beside: What came beside the files.
    """

    report: CaptureReport
    receipts: tuple[PackReceipt, ...]
    totals: WriterTotals
    sums: Listing
    mark: ImageMark | None = None
    source: SourceView = LIVE
    beside: Beside = NOTHING

    @property
    def omissions(self) -> tuple[Omission, ...]:
        """What was asked for and is missing, with reasons."""
        return (*self.report.omissions, *self.beside.omissions)

    @property
    def complete(self) -> bool:
        """Whether nothing that was asked for is missing."""
        return self.report.pull.complete and not self.omissions

    def captured(self, snapshot: str) -> Captured:
        """The figures for the history."""
        return Captured(
            files=self.report.files,
            bytes=self.report.total_bytes,
            stored_bytes=self.totals.stored_bytes,
            new_bytes=self.totals.new_bytes,
            snapshot=snapshot,
        )


def deposit(
    baseline: Baseline,
    *,
    spec: PullSpec,
    staging: Staging,
    make_pull: Callable[[Callable[[bytes], object], Room], SourcePull],
    tuning: Tuning,
    watch: Callable[[CaptureProgress], AbstractContextManager[None]],
    plan_additions: Callable[[CaptureProgress], RunAdditions],
    now: datetime,
    whole: bool = False,
    plan_checkpoints: PlanCheckpoints | None = None,
    precious: tuple[str, ...] = (),
    halt: Halt | None = None,
    early: EarlyPull | None = None,
) -> Deposit:
    """Capture a server into the repository.

    Args:
        baseline: See `Baseline`.
        spec: What to pull.
        staging: Prepared.
        make_pull: Makes the pull from its journal and the room that it has.
        tuning: See `Tuning`.
        watch: Shows the progress for as long as data flows.
        plan_additions: Says what is stored beside the files.
        now: The time.
        whole: Look at the whole staging image, whatever is known of it.
        plan_checkpoints: Says when there are checkpoints, and keeps them; None for none.
        precious: Paths to be stored before the rest.
        halt: Ends it before its time.
        early: The pull, where it has begun already; in place of one that `make_pull` makes.

    Raises:
        BackendError: what stopped it before anything had arrived, or in the store; what had been
            stored is indexed and will be reused.
    """
    sums = baseline.sums.beside(staging.root)
    forget_kept(staging.root, keep=[sums.sha256] if sums.sha256 else [], unfinished=True)
    listing = SumsListing(staging.image, sums)
    progress = CaptureProgress()
    every = timedelta() if whole else tuning.walk_every
    early = choose_early(early, staging, baseline)
    known = early.mark if early else known_mark(staging)
    mark = trusted_mark(known, baseline, spec, now=now, walk_every=every)
    remove_mark(staging.root)
    additions = plan_additions(progress)
    with _open_writer(baseline, tuning) as writer:
        window = _open_window(staging, tuning, writer)
        base = mark.base if mark else None
        capture = Capture(
            staging=staging,
            writer=writer,
            index=baseline.index,
            load_tree=baseline.load_tree,
            load_blob=baseline.load_blob,
            progress=progress,
            on_file=listing.add,
            sha256_before=sums.find if baseline.head or early else None,
            workers=tuning.workers,
            precious=precious,
            halt=halt,
            base=base,
            window=window,
            additions=additions,
        )
        with watch(progress), _open_pull(staging, early, make_pull, window or NoLimit()) as pull:
            if plan_checkpoints is not None:
                capture.make_checkpoints(plan_checkpoints(writer, pull, base, additions.describe))
            report = capture.run(spec, pull, baseline.tree)
        edition = report.edition
        return Deposit(
            report=report,
            receipts=writer.receipts,
            totals=writer.totals,
            sums=edit_listing(
                sums, edition, staging.image, lambda: baseline.reader.walk(report.tree)
            )
            if edition
            else listing.finish(),
            mark=next_mark(report, baseline, spec, before=mark, now=now),
            beside=additions.describe(report.graft),
        )


def save_repository_snapshot(
    baseline: Baseline, done: Deposit, *, server: str, spec: PullSpec, run: str, at: datetime
) -> str:
    """Make what was captured visible to every reader of the repository; returns the id."""
    state = () if done.complete else ("incomplete",)
    checkpoint = ("checkpoint",) if done.report.cut else ()
    snapshot = Snapshot(
        time=at,
        tree=done.report.tree,
        paths=tuple(sorted(spec.paths)),
        hostname=server,
        username=spec.target.user,
        excludes=spec.excludes,
        tags=("lapseguard", run, *state, *checkpoint),
        program_version=f"lapseguard {__version__}",
        parent=baseline.snapshot,
        summary=_summary(done, at),
    )
    return save_snapshot(baseline.repository, snapshot)


@contextmanager
def _open_pull(
    staging: Staging,
    early: EarlyPull | None,
    make_pull: Callable[[Callable[[bytes], object], Room], SourcePull],
    room: Room,
) -> Iterator[SourcePull]:
    """The pull with its journal, which is closed at the end."""
    if early is None:
        with staging.open_journal() as journal:
            yield make_pull(journal.write, room)
        return
    with closing(early):
        early.room.settle(room)
        yield early.pull


def _open_writer(baseline: Baseline, tuning: Tuning) -> RepositoryWriter:
    return RepositoryWriter(
        baseline.repository,
        baseline.index,
        workers=tuning.workers,
        uploads=tuning.uploads,
        pack_target=tuning.pack_size,
        compression_level=tuning.compression_level,
    )


def _open_window(staging: Staging, tuning: Tuning, writer: RepositoryWriter) -> Window | None:
    if tuning.staging is StagingMode.FULL:
        return None
    limit = tuning.window if tuning.staging is StagingMode.WINDOW else None
    return Window(limit=limit, floor=tuning.floor, staging=staging, flush=writer.flush)


def _summary(done: Deposit, at: datetime) -> SnapshotSummary:
    report = done.report
    return SnapshotSummary(
        backup_start=at - timedelta(seconds=report.pull.seconds),
        backup_end=at,
        files_unmodified=report.comparison.unchanged,
        data_blobs=done.totals.new_blobs,
        data_added=done.totals.new_bytes,
        data_added_packed=done.totals.stored_bytes,
        total_files_processed=report.files,
        total_bytes_processed=report.total_bytes,
    )
