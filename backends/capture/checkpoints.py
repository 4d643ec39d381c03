"""Checkpoints while a pull goes on: what has arrived so far becomes a restorable tree.

The tree starts as the parent's and is edited by what arrived since the checkpoint before: a file
is in it once its content is stored and equals the source's checksum; until then, and where
rsync has not come to it yet, its older version stays. See `cut` for what else a checkpoint may
hold. Links and devices come with a folder that is new, or with the end of the run. rsync never
waits for a checkpoint; see `cadence` for when one is made.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self

from backends.capture.cadence import Cadence, CheckpointInterval
from backends.capture.cut import Cut
from backends.capture.edition import Edition, ImageBase
from backends.capture.grafting import Graft, GraftedFile, Grafting
from backends.capture.halt import Halt
from backends.capture.image import ImageWalk
from backends.capture.ledger import Ledger
from backends.capture.packing import Packing
from backends.capture.selection import Selection
from backends.capture.touched import Touched
from backends.errors import BackendError, LocalPathUnusable, TransferInterrupted
from backends.pathlist import PathList
from backends.repository.allocator import return_free_memory
from backends.repository.index import Index
from backends.repository.tree import Node
from backends.repository.writer import RepositoryWriter
from backends.types import Arrival, BlobId

#: Seconds between two looks at whether a checkpoint is due.
_LOOK: Final = 0.2
#: Seconds of sending from which on it pays to send off what is packed before the cut is made: it
#: takes one pack more, which may be a small one.
_WORTHWHILE: Final = 0.5
#: Seconds of a processor that looking at a file may take which has arrived since the last one: it
#: has to be looked at once, and to do that later spares nothing.
_LOOK_COST: Final = 100e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointReport:
    """One checkpoint; all of it is in uploaded packs and indexes.

    Attributes:
        edition: What was looked at since the checkpoint before.
        base: Its tree and totals.
        left_out: Files that have arrived and are not in it yet.
        graft: What came beside the pull by then.
    """

    edition: Edition
    base: ImageBase
    left_out: int
    graft: Graft | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointPlan:
    """When checkpoints are made, and what becomes of them.

    Attributes:
        interval: See `CheckpointInterval`.
        base: What the parent's tree is; None without a parent.
        take: Makes the tree visible, and tells how many bytes that took; called by the
            checkpoints' own thread.
        failed: Told why one could not be made; the pull goes on, and after an error of the store
            or of this machine the next one is tried.
    """

    interval: CheckpointInterval
    base: ImageBase | None
    take: Callable[[CheckpointReport], int]
    failed: Callable[[BaseException], None] = lambda _: None


@dataclass(slots=True)
class _Pending:
    """What arrived since the last checkpoint; `grafted` if anything came beside the pull."""

    paths: PathList = field(default_factory=PathList)
    size: int = 0
    grafted: bool = False

    def __bool__(self) -> bool:
        return self.grafted or len(self.paths) > 0


class Checkpoints:
    """Makes them beside a running pull; a context manager, ended before the trees are recorded."""

    def __init__(
        self,
        plan: CheckpointPlan,
        *,
        image: bytes,
        selection: Selection,
        writer: RepositoryWriter,
        index: Index,
        ledger: Ledger,
        packing: Packing,
        load_tree: Callable[[BlobId], list[Node]],
        load_blob: Callable[[BlobId], bytes] | None,
        halt: Halt,
        asked: Mapping[int, int],
        grafting: Grafting,
    ) -> None:
        self._plan = plan
        self._image = image
        self._selection = selection
        self._writer = writer
        self._index = index
        self._ledger = ledger
        self._packing = packing
        self._load_tree = load_tree
        self._load_blob = load_blob
        self._halt = halt
        self._cut = Cut(error=TransferInterrupted("The pull goes on"), asked=asked)
        self._base = plan.base
        self._grafting = grafting
        self._unfinished = packing.unfinished
        #: Bytes of unfinished files in the last one.
        self._begun = 0
        self._pending = _Pending()
        self._noting = threading.Lock()
        #: Seconds of the line to the store that the records of the last one took.
        self._telling = 0.0
        #: Of its processor time, what fewer checkpoints would not have spared.
        self._looking = 0.0
        #: When it was settled what is in the last one; None if another one is to be tried soon.
        self._cut_at: float | None = None
        self._ended = threading.Event()
        #: Whether what the run itself records will have all that a checkpoint would.
        self._outdone = False
        self._thread = threading.Thread(target=self._work, name="checkpoints", daemon=True)

    def __enter__(self) -> Self:
        self._grafting.watch(self._note_graft)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._outdone = kind is None
        self._ended.set()
        self._thread.join()

    def note(self, arrival: Arrival) -> None:
        """Something has arrived; it will be in the next checkpoint that finds it stored."""
        with self._noting:
            self._pending.paths.add(arrival.path)
            self._pending.size += arrival.size

    def noting(self, arrivals: Iterable[Arrival]) -> Iterator[Arrival]:
        """The arrivals of an earlier attempt, each noted as it is handed on."""
        for arrival in arrivals:
            self.note(arrival)
            yield arrival

    def _note_graft(self, file: GraftedFile) -> None:
        with self._noting:
            self._pending.grafted = True
            self._pending.size += file.stored.size

    def _work(self) -> None:
        cadence = Cadence(self._plan.interval, time.monotonic())
        while not self._ended.wait(_LOOK) and not self._halt.is_over():
            began, processor = time.monotonic(), time.thread_time()
            if not self._is_due(cadence, began):
                continue
            if not self._attempt(cadence):
                return
            cost = max(0.0, time.thread_time() - processor - self._looking) + self._telling
            ended = time.monotonic() - self._looking
            cadence.note(began=began, cut=self._cut_at, ended=ended, cost=cost)

    def _is_due(self, cadence: Cadence, now: float) -> bool:
        grown = self._unfinished.size - self._begun
        if not (self._pending or grown):
            return False
        waiting = self._pending.size + max(0, grown)
        sending = self._writer.seconds_to_send()
        needed = None if sending is None else sending + len(self._pending.paths) * _LOOK_COST
        return cadence.is_due(now, waiting, needed)

    def _attempt(self, cadence: Cadence) -> bool:
        """Make one; False where none can be made any more."""
        pending, self._telling, self._looking = _Pending(), 0.0, 0.0
        self._cut_at = time.monotonic()
        try:
            self._send_ahead(cadence)
            if self._outdone:
                return False
            pending = self._take_pending()
            self._make(pending)
        except (LocalPathUnusable, FileNotFoundError, NotADirectoryError):
            # rsync moved something while it was looked at: the next one looks again.
            self._put_back(pending)
            self._cut_at = None
        except BackendError as error:
            # Safe to go on: the last one stands, and the next one has all of this.
            self._put_back(pending)
            self._plan.failed(error)
        except BaseException as error:  # noqa: BLE001 - told by a thread that nobody waits for
            self._plan.failed(error)
            return False
        return True

    def _send_ahead(self, cadence: Cadence) -> None:
        """Send off what is packed, so that little is left to be sent from the cut on."""
        seconds = self._writer.seconds_to_send()
        if (seconds is None or seconds > _WORTHWHILE) and cadence.has_time(seconds):
            self._writer.send_data()

    def _take_pending(self) -> _Pending:
        self._cut_at = time.monotonic()
        with self._noting:
            pending, self._pending = self._pending, _Pending()
        return pending

    def _put_back(self, pending: _Pending) -> None:
        with self._noting:
            for path in pending.paths:
                self._pending.paths.add(path)
            self._pending.grafted |= pending.grafted

    def _make(self, pending: _Pending) -> None:
        before, unfinished = self._base or _nothing(), self._unfinished.files()
        graft = self._grafting.graft(unfinished)
        edition = Edition(base=before, touched=Touched.of(pending.paths))
        walk = self._open_walk(edition, graft)
        processor = time.thread_time()
        tree = walk.store(self._selection, self._base.tree if self._base else None)
        spent = time.thread_time() - processor
        late = {path for path in pending.paths if path in walk.left_out}
        self._put_back(_Pending(paths=PathList(late)))
        self._looking = min(spent, (len(pending.paths) - len(late)) * _LOOK_COST)
        begun = sum(file.stored.size for file in unfinished)
        old = not pending.grafted and begun == self._begun
        if old and all(record.beside for record in edition.records):
            self._cut_at = None  # nothing of it is stored yet
            return
        self._writer.flush()
        base = walk.base(tree, {receipt.pack for receipt in self._writer.receipts})
        told = CheckpointReport(edition=edition, base=base, left_out=len(late), graft=graft)
        self._telling = self._writer.line_seconds(self._plan.take(told))
        return_free_memory()
        self._packing.progress.secure(base.files, base.total_bytes)
        self._base, self._begun = base, begun

    def _open_walk(self, edition: Edition, graft: Graft | None) -> ImageWalk:
        return ImageWalk(
            self._image,
            writer=self._writer,
            index=self._index,
            ledger=self._ledger,
            packing=self._packing,
            load_tree=self._load_tree,
            on_file=edition.records.append,
            sha256_before=lambda _: None,
            cut=self._cut,
            edition=edition,
            load_blob=self._load_blob,
            halt=self._halt,
            graft=graft,
        )


def _nothing() -> ImageBase:
    return ImageBase(
        tree=BlobId(bytes(32)),
        files=0,
        folders=0,
        others=0,
        total_bytes=0,
        packs=frozenset(),
        links={},
    )
