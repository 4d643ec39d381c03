"""Proves that a run's data is there, to the depth asked for.

`stored`    every pack in the store, of the right size, with the checksum that the store attests
`hashed`    besides, every pack read back, decrypted, every blob hashed, every folder complete
`restored`  besides, everything restored to scratch and compared with listing and metadata
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from backends.repository.check_packs import read_packs, survey_packs
from backends.repository.check_trees import TreeCheck
from backends.repository.findings import Findings
from backends.repository.index import Index
from backends.repository.reader import BlobReader
from backends.repository.repository import Repository
from backends.types import BlobId
from daemon.domain.verification import Depth, Outcome
from daemon.services.packs import PackStanding, look_up_packs, stored_problems
from daemon.services.rehearsal import rehearse_restore

Step = Callable[[int], None]


class ProofWatcher(Protocol):
    """Is told how a proof goes on."""

    def proving(self, depth: Depth, packs: int, /) -> AbstractContextManager[Step]:
        """One depth is being proven; the step given takes how many more packs are done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is to be proven, and where.

    Attributes:
        repository, index, reader: Opened.
        snapshot: The repository snapshot's id.
        tree: Its root tree.
        packs: Every pack that it needs.
        sums: Gives the compressed SHA256SUMS listing.
        scratch: An existing folder in which a restore can be rehearsed.
    """

    repository: Repository
    index: Index
    reader: BlobReader
    snapshot: str
    tree: BlobId
    packs: frozenset[bytes]
    sums: Callable[[], bytes]
    scratch: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What was found.

    Attributes:
        depth: How deep it went.
        problems: One sentence each.
        standings: What the store says of each pack.
    """

    depth: Depth
    problems: tuple[str, ...]
    standings: tuple[PackStanding, ...]

    @property
    def outcome(self) -> Outcome:
        """Passed, unless something was found."""
        return Outcome.FAILED if self.problems else Outcome.PASSED


def prove(
    evidence: Evidence, depth: Depth, watcher: ProofWatcher, *, read_unattested: bool = False
) -> Proof:
    """Look at everything, shallow first; a depth that fails ends the proof there.

    Args:
        evidence: See `Evidence`.
        depth: At least `stored`.
        watcher: Is told how it goes on.
        read_unattested: Go on to `hashed` where the store vouches for no checksum, since `stored`
            says next to nothing there.

    Raises:
        StoreError: the store did not answer; nothing is known then.
        LocalError: no room, or no right, for a rehearsal.
    """
    with watcher.proving(Depth.STORED, len(evidence.packs)) as step:
        standings = look_up_packs(
            evidence.repository.store, sorted(evidence.packs), lambda: step(1)
        )
    sizes = survey_packs(evidence.index, Findings()).sizes
    problems = stored_problems(standings, sizes)
    if read_unattested and not all(standing.attested for standing in standings):
        depth = max(depth, Depth.HASHED)
    reached = Depth.STORED
    for deeper, look in ((Depth.HASHED, _hash), (Depth.RESTORED, _rehearse)):
        if problems or depth < deeper:
            break
        reached = deeper
        with watcher.proving(deeper, len(evidence.packs)) as step:
            problems = tuple(look(evidence, step))
    return Proof(depth=reached, problems=problems, standings=standings)


def _hash(evidence: Evidence, step: Step) -> Iterator[str]:
    findings = Findings()
    state = survey_packs(evidence.index, findings)
    # Passes over the packs of other snapshots: they prove nothing about this one.
    state.missing = set(state.sizes) - evidence.packs
    for verdict in read_packs(evidence.repository, evidence.index, state):
        step(1)
        for problem, lost in verdict.found:
            findings.add(problem, lost=lost)
    TreeCheck(evidence.reader, findings).check(evidence.snapshot, evidence.tree)
    damage, _ = findings.split()
    for problem in damage:
        yield f"{problem.object}: {problem.detail}"


def _rehearse(evidence: Evidence, step: Step) -> Iterator[str]:
    yield from rehearse_restore(evidence.reader, evidence.tree, evidence.sums(), evidence.scratch)
    step(len(evidence.packs))
