"""Checks a whole repository and names what is damaged; agrees with stock `restic check`."""

import enum
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from backends.errors import SnapshotMissing
from backends.repository.check_packs import (
    PackState,
    compare_listing,
    read_packs,
    report_mixed,
    survey_packs,
)
from backends.repository.check_trees import TreeCheck
from backends.repository.collecting import rare_collections
from backends.repository.findings import CheckReport, Findings, Problem, ProblemKind
from backends.repository.index import Index, IndexObject, load_index_object
from backends.repository.judging_beside import BesideJudge
from backends.repository.pack import pack_key
from backends.repository.parallel import map_in_threads
from backends.repository.reader import UNREADABLE, BlobReader
from backends.repository.snapshot import Snapshot, load_snapshot, snapshot_ids
from backends.repository.unpacked import ObjectKind, OpenRepository, list_unpacked

_FETCHES: Final = 4


class CheckStage(enum.Enum):
    """What a check is doing."""

    INDEX = "index"
    """Reading index objects."""
    PACKS = "packs"
    """Comparing the store's listing with the index."""
    DATA = "data"
    """Reading packs whole."""
    TREES = "trees"
    """Following the snapshots."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckProgress:
    """How far one stage is: `done` of `total` index objects, packs or snapshots."""

    stage: CheckStage
    done: int
    total: int


ProgressListener = Callable[[CheckProgress], None]


def check_repository(
    repository: OpenRepository,
    *,
    read_data: bool = False,
    progress: ProgressListener = lambda _: None,
    beside: BesideJudge | None = None,
) -> CheckReport:
    """Look at everything in a repository.

    The caller holds an exclusive lock where others may write meanwhile. Memory: the index, 32
    bytes for each tree, and four packs.

    Args:
        repository: What to check.
        read_data: Also read every pack whole and open each blob in it.
        progress: Told from this thread after each step of each stage.
        beside: Reads some of the packs in another process.

    Raises:
        StoreError: the store does not answer; that is not the repository's fault.
    """
    with rare_collections():
        return _Check(repository, progress, beside).run(read_data=read_data)


class _Check:
    def __init__(
        self,
        repository: OpenRepository,
        progress: ProgressListener,
        beside: BesideJudge | None,
    ) -> None:
        self._beside = beside
        self._repository = repository
        self._progress = progress
        self._findings = Findings()
        self._index = Index()

    def run(self, *, read_data: bool) -> CheckReport:
        # Snapshots first: whoever writes meanwhile stores the index before the snapshot.
        snapshots = list(self._load_snapshots())
        state = self._load_index()
        self._check_listing(state)
        read_bytes = self._read_data(state) if read_data else 0
        trees = self._check_trees(snapshots)
        problems, hints = self._findings.split()
        return CheckReport(
            problems=problems,
            hints=hints,
            unlisted=self._findings.unlisted,
            snapshots=len(snapshots),
            trees=trees,
            packs=len(state.sizes),
            blobs=len(self._index),
            read_bytes=read_bytes,
        )

    def _load_snapshots(self) -> Iterator[Snapshot]:
        ids = snapshot_ids(self._repository)
        outcomes = map_in_threads(self._load_snapshot, ids, threads=_FETCHES)
        for name, outcome in zip(ids, outcomes, strict=True):
            if isinstance(outcome, Snapshot):
                yield outcome
            elif outcome is not None:
                self._report(ProblemKind.SNAPSHOT_DAMAGED, ObjectKind.SNAPSHOT.key(name), outcome)

    def _load_snapshot(self, name: str) -> Snapshot | Exception | None:
        try:
            return load_snapshot(self._repository, name)
        except SnapshotMissing:
            return None  # removed since it was listed
        except UNREADABLE as error:
            return error

    def _load_index(self) -> PackState:
        names = list_unpacked(self._repository, ObjectKind.INDEX)
        outcomes = map_in_threads(self._load_index_object, names, threads=_FETCHES)
        state, twice = PackState(), Counter[bytes]()
        for done, (name, outcome) in enumerate(zip(names, outcomes, strict=True), 1):
            if isinstance(outcome, IndexObject):
                for pack in outcome.packs:
                    self._index.add_pack(pack.pack, pack.blobs)
                    twice[pack.pack] += pack.pack in state.sizes
                    state.add(pack)
            else:
                self._report(ProblemKind.INDEX_DAMAGED, ObjectKind.INDEX.key(name), outcome)
            self._tell(CheckStage.INDEX, done, len(names))
        return self._settle(state, twice)

    def _settle(self, state: PackState, twice: Counter[bytes]) -> PackState:
        """Add up anew where packs were met more than once: their blobs count once."""
        if not any(twice.values()):
            report_mixed(state, self._findings)
            return state
        for name, times in twice.items():
            if times:
                detail = f"The pack is listed {times + 1} times."
                self._report(ProblemKind.PACK_INDEXED_TWICE, pack_key(name), detail)
        return survey_packs(self._index, self._findings)

    def _load_index_object(self, name: str) -> IndexObject | Exception:
        try:
            return load_index_object(self._repository, name)
        except UNREADABLE as error:
            return error

    def _check_listing(self, state: PackState) -> None:
        compare_listing(self._repository, self._index, state, self._findings)
        self._tell(CheckStage.PACKS, len(state.sizes), len(state.sizes))

    def _read_data(self, state: PackState) -> int:
        total, size = len(state.sizes) - len(state.missing), 0
        verdicts = read_packs(self._repository, self._index, state, self._beside)
        for done, verdict in enumerate(verdicts, 1):
            size += verdict.size
            for problem, lost in verdict.found:
                self._findings.add(problem, lost=lost)
            self._tell(CheckStage.DATA, done, total)
        return size

    def _check_trees(self, snapshots: list[Snapshot]) -> int:
        reader = BlobReader(self._repository, self._index)
        trees = TreeCheck(reader, self._findings)
        for done, snapshot in enumerate(snapshots, 1):
            trees.check(snapshot.id, snapshot.tree)
            self._tell(CheckStage.TREES, done, len(snapshots))
        return trees.trees

    def _tell(self, stage: CheckStage, done: int, total: int) -> None:
        self._progress(CheckProgress(stage=stage, done=done, total=total))

    def _report(self, kind: ProblemKind, key: str, detail: object) -> None:
        self._findings.add(Problem(kind=kind, object=key, detail=str(detail)))
