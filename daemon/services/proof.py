"""Proves that a run's data is there, to the depth asked for.

`stored`    every pack in the store, of the right size, with the checksum that the store attests
`hashed`    besides, every pack read back, decrypted, every blob hashed, every folder complete
`restored`  besides, everything restored to scratch and compared with listing and metadata
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from backends.repository.check_packs import read_packs, survey_packs
from backends.repository.check_trees import TreeCheck
from backends.repository.findings import Findings, Problem, ProblemKind
from backends.repository.index import Index
from backends.repository.judging_beside import BesideJudge
from backends.repository.reader import BlobReader
from backends.repository.repository import Repository
from backends.types import BlobId
from daemon.domain.sums import FileSum
from daemon.domain.verification import Depth, Outcome
from daemon.errors import ManifestInvalid
from daemon.services.packs import PackStanding, look_up_packs
from daemon.services.proof_watcher import ProofWatcher, Step

#: What a pack that is there can be wrong by.
_DAMAGE: Final = {ProblemKind.PACK_DAMAGED, ProblemKind.BLOB_DAMAGED}
#: Bytes of tree packs kept while others are judged beside: memory is needed for both.
_BESIDE_PACKS: Final = 16 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is to be proven, and where.

    Attributes:
        repository, index, reader: Opened.
        snapshot: The repository snapshot's id.
        tree: Its root tree.
        packs: Every pack that it needs.
        sums: Reads the SHA256SUMS listing; raises ManifestInvalid where it is another one.
        scratch: An existing folder in which a restore can be rehearsed.
        beside: Reads some of the packs in another process.
    """

    repository: Repository
    index: Index
    reader: BlobReader
    snapshot: str
    tree: BlobId
    packs: frozenset[bytes]
    sums: Callable[[], Iterable[FileSum]]
    scratch: Path
    beside: BesideJudge | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What was found.

    Attributes:
        depth: How deep it went.
        problems: One sentence each.
        standings: What the store says of each pack.
        lost: Packs that are missing or damaged.
        damaged: Those of them that are there, and hold other bytes than they should.
        cut_short: There was no time to prove as much as was asked for.
    """

    depth: Depth
    problems: tuple[str, ...]
    standings: tuple[PackStanding, ...]
    lost: frozenset[bytes] = frozenset()
    damaged: frozenset[bytes] = frozenset()
    cut_short: bool = False

    @property
    def outcome(self) -> Outcome:
        """Passed, unless something was found."""
        return Outcome.FAILED if self.problems else Outcome.PASSED


def prove(
    evidence: Evidence,
    depth: Depth,
    watcher: ProofWatcher,
    *,
    read_unattested: bool = False,
    enough: Callable[[], bool] = lambda: False,
) -> Proof:
    """Look at everything, shallow first; a depth that fails ends the proof there.

    Args:
        evidence: See `Evidence`.
        depth: At least `stored`.
        watcher: Is told how it goes on.
        read_unattested: Go on to `hashed` where the store vouches for no checksum, since `stored`
            says next to nothing there.
        enough: Asked between packs; once true, depths that are not reached by then are not.

    Raises:
        StoreError: the store did not answer; nothing is known then.
        LocalError: no room, or no right, for a rehearsal.
    """
    with watcher.proving(Depth.STORED, len(evidence.packs)) as step:
        standings = look_up_packs(
            evidence.repository.store, sorted(evidence.packs), lambda: step(1)
        )
    if read_unattested and not all(standing.attested for standing in standings):
        depth = max(depth, Depth.HASHED)
    reached, faults = Depth.STORED, _look_up(evidence, standings)
    for deeper, look in ((Depth.HASHED, _hash), (Depth.RESTORED, _rehearse)):
        if faults or depth < deeper:
            break
        try:
            with watcher.proving(deeper, len(evidence.packs)) as step:
                faults = tuple(look(evidence, _until(enough, step)))
        except _EnoughError:
            break
        reached = deeper
    return Proof(
        depth=reached,
        problems=tuple(fault.sentence for fault in faults),
        standings=standings,
        lost=frozenset(fault.pack for fault in faults if fault.pack),
        damaged=frozenset(fault.pack for fault in faults if fault.pack and fault.is_damage),
        cut_short=reached < depth and not faults,
    )


class _EnoughError(Exception):
    """There is no time to go on."""


def _until(enough: Callable[[], bool], step: Step) -> Step:
    """`step`, which ends the proof of a depth once it is enough."""

    def take(count: int) -> None:
        if enough():
            raise _EnoughError
        step(count)

    take(0)
    return take


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fault:
    """One problem; `pack` where one is to blame, `is_damage` if it is there with wrong bytes."""

    sentence: str
    pack: bytes | None = None
    is_damage: bool = False


def _look_up(evidence: Evidence, standings: Iterable[PackStanding]) -> tuple[_Fault, ...]:
    sizes = survey_packs(evidence.index, Findings()).sizes
    return tuple(
        _Fault(sentence=problem, pack=standing.pack, is_damage=standing.is_other)
        for standing in standings
        if (problem := standing.problem(sizes.get(standing.pack))) is not None
    )


def _hash(evidence: Evidence, step: Step) -> Iterator[_Fault]:
    # Walked while the other process has begun on the packs.
    is_whole = evidence.beside is not None and _are_trees_whole(evidence)
    findings = Findings()
    state = survey_packs(evidence.index, findings)
    # Passes over the packs of other snapshots: they prove nothing about this one.
    state.missing = set(state.sizes) - evidence.packs
    for verdict in read_packs(evidence.repository, evidence.index, state, evidence.beside):
        step(1)
        for problem, lost in verdict.found:
            findings.add(problem, lost=lost)
        is_whole = is_whole and not verdict.found
    if not is_whole:
        TreeCheck(evidence.reader, findings).check(evidence.snapshot, evidence.tree)
    damage, _ = findings.split()
    for problem in damage:
        yield _Fault(
            sentence=f"{problem.object}: {problem.detail}",
            pack=_pack_of(problem),
            is_damage=problem.kind in _DAMAGE,
        )


def _are_trees_whole(evidence: Evidence) -> bool:
    """Whether nothing is wrong with them; what is wrong is told by those who know the packs.

    Reads with a reader of its own, so that what a bad line brought it is read once more then.
    """
    findings = Findings()
    reader = BlobReader(evidence.repository, evidence.index, tree_cache=_BESIDE_PACKS)
    TreeCheck(reader, findings).check(evidence.snapshot, evidence.tree)
    damage, _ = findings.split()
    return not damage


def _pack_of(problem: Problem) -> bytes | None:
    if problem.kind in _DAMAGE or problem.kind is ProblemKind.PACK_MISSING:
        return bytes.fromhex(problem.object.rpartition("/")[2])
    return None


def _rehearse(evidence: Evidence, step: Step) -> Iterator[_Fault]:
    from daemon.services.rehearsal import (  # noqa: PLC0415 - what restores is seldom needed
        rehearse_restore,
    )

    try:
        for sentence in rehearse_restore(
            evidence.reader, evidence.tree, evidence.sums(), evidence.scratch, lambda: step(0)
        ):
            yield _Fault(sentence=sentence)
    except ManifestInvalid as error:
        yield _Fault(sentence=str(error))
    step(len(evidence.packs))
