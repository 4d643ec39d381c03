"""One capture: pull a server into staging, store what arrives meanwhile, record the trees.

    rsync ──arrival──▶ intake (chunk, hash, compress, verify, pack) ──▶ writer ──▶ object store
      │                   │
      ▼                   ▼
    image             ledger ──────────▶ image walk (trees) ──▶ writer ──▶ flush: packs, then index

The caller holds the repository's lock and the source snapshot, saves the repository snapshot of
the returned tree, and only then lets the staging journal go.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import replace

from backends.capture.checkpoints import CheckpointPlan, Checkpoints
from backends.capture.comparing import Comparing
from backends.capture.cut import CUTS, Cut, Received, joined, shortfall
from backends.capture.doubt import move_time, question, vouched_inodes
from backends.capture.edition import EditImpossibleError, Edition, ImageBase, plan_edition
from backends.capture.entries import FileRecord
from backends.capture.grafting import Additions, Graft, Grafting, NoAdditions
from backends.capture.halt import Halt, NoHalt
from backends.capture.image import ImageWalk
from backends.capture.intake import Intake
from backends.capture.ledger import Ledger
from backends.capture.packing import Packing
from backends.capture.progress import CapturePhase, CaptureProgress
from backends.capture.recall import recall, remember
from backends.capture.report import CaptureReport
from backends.capture.selection import select
from backends.capture.staging import Staging
from backends.capture.unfinished import omissions_of
from backends.capture.window import Window
from backends.errors import (
    BackendError,
    SourceAccessDenied,
    SourcePathMissing,
    StoreError,
    TransferInterrupted,
)
from backends.protocols import SourcePull
from backends.repository.index import Index
from backends.repository.tree import Node
from backends.repository.writer import RepositoryWriter
from backends.types import Arrival, BlobId, Omission, PullReport, PullSpec

MISMATCH = "its bytes here differ from the checksum that the source computed"


class Capture:
    """One server's capture; `run` may be called once.

    Args:
        staging: Prepared.
        writer: Takes what is new.
        index: What the writer knows to be stored.
        load_tree: Reads a tree of the parent snapshot.
        progress: Advanced as things go on.
        on_file: Told each regular file in the order of the trees; only where the whole image is
            looked at, see `CaptureReport.edition`.
        sha256_before: A file's digest in the parent snapshot; None where there is no parent.
        workers: Threads that store what arrives.
        precious: Paths to be stored before the rest, in order; each below one of the spec's.
        halt: Ends it before its time.
        base: What the image is known to have been equal to; None to look at all of it.
        load_blob: Reads a tree as it is stored; needed to edit trees, for `base` and checkpoints.
        window: Keeps staging small; None to keep all data in it.
        additions: Brings what is stored beside the pull.
    """

    def __init__(
        self,
        *,
        staging: Staging,
        writer: RepositoryWriter,
        index: Index,
        load_tree: Callable[[BlobId], list[Node]],
        progress: CaptureProgress,
        on_file: Callable[[FileRecord], None],
        sha256_before: Callable[[bytes], bytes | None] | None = None,
        workers: int = 2,
        precious: tuple[str, ...] = (),
        halt: Halt | None = None,
        base: ImageBase | None = None,
        load_blob: Callable[[BlobId], bytes] | None = None,
        window: Window | None = None,
        additions: Additions | None = None,
    ) -> None:
        self._plan: CheckpointPlan | None = None
        self._points: Checkpoints | None = None
        self._window = window
        self._additions = additions or NoAdditions()
        self._grafting = Grafting(writer)
        self._graft: Graft | None = None
        self._base = base
        self._is_sure = True
        self._precious = precious
        self._halt = halt or NoHalt()
        self._received = Received()
        self._asked: Mapping[int, int] = {}
        self._staging = staging
        self._writer = writer
        self._index = index
        self._load_tree = load_tree
        self._load_blob = load_blob
        self._progress = progress
        self._on_file = on_file
        self._sha256_before = sha256_before
        self._workers = workers
        self._ledger = Ledger(staging.root)
        self._packing = Packing(
            writer=writer, ledger=self._ledger, progress=progress, halt=self._halt
        )
        self._unfinished = self._packing.unfinished
        self._comparing = Comparing()

    def make_checkpoints(self, plan: CheckpointPlan) -> None:
        """Make what has arrived restorable while the pull goes on; before `run`."""
        self._plan = plan

    def run(self, spec: PullSpec, pull: SourcePull, parent: BlobId | None) -> CaptureReport:
        """Pull, store, record. `parent` is the root tree of the server's last snapshot.

        A pull that breaks off after something has arrived makes a report all the same: its tree
        is a checkpoint.

        Raises:
            BackendError: whatever else stopped it. Packs already sealed are flushed into the
                index first where the store still works, so that the next attempt uploads only
                the rest.
        """
        try:
            self._question(parent)
            self._recall(parent)
            self._points = points = self._open_checkpoints(spec)
            with self._window or nullcontext(), points or nullcontext():
                spec = spec if self._window is None else self._window.pace(spec)
                report, cut = self._pull_or_cut(spec, pull)
                if self._window is not None:
                    self._window.settle()
            tree, walk, edition = self._record_image(spec, parent, cut, report)
            self._progress.enter(CapturePhase.FLUSH)
            self._writer.flush()
        except BaseException as error:
            self._salvage(error)
            raise
        self._progress.enter(CapturePhase.DONE)
        return self._report(report, tree, walk, cut, edition)

    def _question(self, parent: BlobId | None) -> None:
        """Have rsync send again what may be in staging without anybody knowing its checksum."""
        image = os.fsencode(self._staging.image)
        if self._sha256_before is None or self._staging.is_interrupted:
            vouched = vouched_inodes(image, self._staging.interrupted_arrivals())
            self._asked = question(image, vouched, parent, self._load_tree)

    def _recall(self, parent: BlobId | None) -> None:
        """Have rsync send again what has left staging and is not in the repository."""
        needed = self._window is not None and self._window.is_needed
        if not needed and not self._staging.vacated.is_there:
            return
        remember(self._ledger, self._staging.vacated.read(), self._index)
        files = recall(
            os.fsencode(self._staging.image),
            parent=parent,
            load_tree=self._load_tree,
            index=self._index,
            ledger=self._ledger,
            free=needed,
        )
        if self._window is not None:
            self._window.ensure_room(files)

    def _pull_or_cut(self, spec: PullSpec, pull: SourcePull) -> tuple[PullReport, Cut | None]:
        try:
            self._additions.bring(self._grafting)
            report = self._pull(spec, pull)
        except CUTS as error:
            self._halt.check()
            self._take_in_rest(error)
            if self._ledger.is_empty and not (self._grafting.has_dumps or self._unfinished.size):
                raise
            return self._received.report(pull.rsync_version), Cut(error=error, asked=self._asked)
        self._halt.check()
        return report, None

    def _take_in_rest(self, error: BackendError) -> None:
        """Store what arrived, now or in earlier attempts, and was not come to."""
        try:
            with self._open_intake() as intake:
                intake.take_settled(self._unstored())
        except StoreError as failure:
            raise error from failure

    def _unstored(self) -> Iterator[Arrival]:
        image = os.fsencode(self._staging.image)
        for arrival in self._staging.arrivals():
            try:
                content = self._ledger.find(os.lstat(image + b"/" + arrival.path))
            except (FileNotFoundError, NotADirectoryError):
                continue
            if content is None or content.doubtful:
                yield arrival

    def _pull(self, spec: PullSpec, pull: SourcePull) -> PullReport:
        """Pull; where staging then differs from a checksum, have the source send that again.

        The disk may be at fault, or the journal may speak of what a file held before.
        """
        early = [self._pull_early(path, spec, pull) for path in self._precious]
        first, unequal = self._pull_once(spec, pull, self._staging.interrupted_arrivals())
        for report in early:
            first = first if report is None else joined(report, first)
        if not unequal:
            return first
        image = os.fsencode(self._staging.image)
        for path in unequal:
            move_time(image + b"/" + path)
        again, still = self._pull_once(spec, pull, ())
        for path in {*unequal, *still}:
            if not self._is_compared(image + b"/" + path):
                self._ledger.report_mismatch(path)
        return joined(first, again)

    def _pull_early(self, path: str, spec: PullSpec, pull: SourcePull) -> PullReport | None:
        """Have one path in the store before anything else is asked for."""
        try:
            report, unequal = self._pull_once(replace(spec, only=(path,)), pull, ())
        except (SourcePathMissing, SourceAccessDenied):
            # Safe to pass over: the pull of everything says what is to be said of it.
            self._is_sure = False
            return None
        for wrong in unequal:
            move_time(os.fsencode(self._staging.image) + b"/" + wrong)
        self._writer.flush()
        return report

    def _pull_once(
        self, spec: PullSpec, pull: SourcePull, earlier: Iterable[Arrival]
    ) -> tuple[PullReport, tuple[bytes, ...]]:
        with self._open_intake() as intake:
            intake.take_settled(self._points.noting(earlier) if self._points else earlier)
            report = pull.pull(spec, self._received.watching(self._noting_arrivals(intake)))
        return report, intake.unequal

    def _noting_arrivals(self, intake: Intake) -> Callable[[Arrival], None]:
        points = self._points
        if points is None:
            return intake.take

        def take(arrival: Arrival) -> None:
            points.note(arrival)
            intake.take(arrival)

        return take

    def _open_checkpoints(self, spec: PullSpec) -> Checkpoints | None:
        if self._plan is None:
            return None
        return Checkpoints(
            self._plan,
            image=os.fsencode(self._staging.image),
            selection=select(spec.paths),
            writer=self._writer,
            index=self._index,
            ledger=self._ledger,
            packing=self._packing,
            load_tree=self._load_tree,
            load_blob=self._load_blob,
            halt=self._halt,
            asked=self._asked,
            grafting=self._grafting,
        )

    def _open_intake(self) -> Intake:
        return Intake(
            os.fsencode(self._staging.image),
            packing=self._packing,
            progress=self._progress,
            workers=self._workers,
            halt=self._halt,
            window=self._window,
        )

    def _is_compared(self, place: bytes) -> bool:
        """Whether nothing at `place` contradicts the source; nothing there does not."""
        try:
            content = self._ledger.find(os.lstat(place))
        except (FileNotFoundError, NotADirectoryError):
            return True
        return content is not None and content.compared

    def _record_image(
        self, spec: PullSpec, parent: BlobId | None, cut: Cut | None, report: PullReport
    ) -> tuple[BlobId, ImageWalk, Edition | None]:
        """The trees: by what has changed where that is known, else by all that is there."""
        self._progress.enter(CapturePhase.TREES)
        self._additions.settle()
        self._writer.send_off_data()
        self._graft = self._grafting.graft(self._unfinished.files() if cut else ())
        base, changed = self._base, report.changed
        if base is None or changed is None or cut or not self._is_sure or base.tree != parent:
            return *self._walk(spec, parent, cut, None), None
        try:
            edition = plan_edition(os.fsencode(self._staging.image), base, changed)
            return *self._walk(spec, parent, None, edition), edition
        except EditImpossibleError:
            self._comparing.forget()
            return *self._walk(spec, parent, None, None), None

    def _walk(
        self, spec: PullSpec, parent: BlobId | None, cut: Cut | None, edition: Edition | None
    ) -> tuple[BlobId, ImageWalk]:
        walk = ImageWalk(
            os.fsencode(self._staging.image),
            writer=self._writer,
            index=self._index,
            ledger=self._ledger,
            packing=self._packing,
            load_tree=self._load_tree,
            on_file=self._noting(edition.records.append if edition else self._on_file),
            sha256_before=self._sha256_before or (lambda _: None),
            cut=cut,
            edition=edition,
            load_blob=self._load_blob,
            halt=self._halt,
            graft=self._graft,
        )
        return walk.store(select(spec.paths), parent), walk

    def _noting(self, hand_on: Callable[[FileRecord], None]) -> Callable[[FileRecord], None]:
        def note(record: FileRecord) -> None:
            self._halt.check()
            self._comparing.note(record)
            hand_on(record)

        return note

    def _salvage(self, error: BaseException) -> None:
        if isinstance(error, StoreError):
            return
        try:
            self._writer.flush()
        except BackendError:
            # Safe to pass over: packs without an index are only re-sent, and `error` is the
            # reason that the operator needs to see.
            return

    def _report(
        self,
        pull: PullReport,
        tree: BlobId,
        walk: ImageWalk,
        cut: Cut | None,
        edition: Edition | None,
    ) -> CaptureReport:
        mismatched = self._ledger.mismatched
        self._drop_mismatched(mismatched)
        omissions = tuple(Omission(path=path, reason=MISMATCH) for path in mismatched)
        totals = walk.totals
        comparison = self._comparing.result(totals.files, len(mismatched))
        written = {receipt.pack for receipt in self._writer.receipts}
        error = self._end(cut, walk)
        if error is not None:
            found = shortfall(error, earlier=comparison.unchanged, left_out=len(walk.left_out))
            lacking = (found, *omissions_of(self._graft), *pull.omissions)
            pull = replace(pull, complete=False, omissions=lacking)
        return CaptureReport(
            tree=tree,
            pull=pull,
            files=totals.files,
            folders=totals.folders,
            others=totals.others,
            total_bytes=totals.bytes,
            comparison=comparison,
            omissions=pull.omissions + tuple(totals.omissions) + omissions,
            earlier_packs=frozenset(walk.packs) - written,
            cut=error,
            left_out=frozenset(walk.left_out),
            edition=edition,
            base=None if error or mismatched else walk.base(tree, written),
            graft=self._graft,
        )

    def _end(self, cut: Cut | None, walk: ImageWalk) -> BackendError | None:
        """What ended it before its time, which may be the halt alone: all came, not all is in."""
        if cut is not None:
            return cut.error
        if not walk.left_out:
            return None
        return TransferInterrupted("There was no time left to store all that had arrived")

    def _drop_mismatched(self, paths: tuple[bytes, ...]) -> None:
        """Remove staged files that are known to be wrong, so that the next pull sends them."""
        for path in paths:
            os.unlink(os.fsencode(self._staging.image) + b"/" + path)  # noqa: PTH108 - raw bytes
