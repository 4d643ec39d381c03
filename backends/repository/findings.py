"""What a check found: values that name exactly what is damaged, and whom it hurts."""

import enum
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias

from backends.types import BlobId, BlobKind

#: So many problems of one kind are kept; a lost index object can mean a million lost blobs.
MOST_OF_A_KIND: Final = 1000
#: So many hurt files are named for one problem.
MOST_VICTIMS: Final = 20


class ProblemKind(enum.Enum):
    """What is wrong; those in `HINTS` leave everything restorable."""

    INDEX_DAMAGED = "index-damaged"
    """An index object cannot be read."""
    PACK_MISSING = "pack-missing"
    """An index lists a pack that the store has not."""
    PACK_SIZE = "pack-size"
    """A pack is longer or shorter than the index says."""
    PACK_DAMAGED = "pack-damaged"
    """A pack does not have the SHA-256 in its name, or its header is not what it should be."""
    BLOB_DAMAGED = "blob-damaged"
    """A blob in a pack does not decode to what its name says."""
    BLOB_MISSING = "blob-missing"
    """A snapshot needs a blob that no index lists."""
    TREE_DAMAGED = "tree-damaged"
    """A snapshot needs a folder that cannot be read."""
    NODE_MALFORMED = "node-malformed"
    """An entry of a folder lacks what an entry must have."""
    SNAPSHOT_DAMAGED = "snapshot-damaged"
    """A snapshot object cannot be read."""

    PACK_NOT_INDEXED = "pack-not-indexed"
    """The store has a pack that no index lists: a run broke off, or an index was lost."""
    PACK_INDEXED_TWICE = "pack-indexed-twice"
    """A pack is listed several times; its blobs count once."""
    PACK_MIXED = "pack-mixed"
    """A pack holds both data and trees, as old versions of restic wrote them."""
    READ_UNSTABLE = "read-unstable"
    """A pack was damaged when read first and sound when read again: the line or memory is bad."""
    NAME_UNSAFE = "name-unsafe"
    """An entry has a name that no file system can hold or that points elsewhere; not restored."""


#: A blob among blobs of both kinds.
BlobName: TypeAlias = tuple[BlobKind, BlobId]

HINTS: Final = frozenset(
    {
        ProblemKind.PACK_NOT_INDEXED,
        ProblemKind.PACK_INDEXED_TWICE,
        ProblemKind.PACK_MIXED,
        ProblemKind.READ_UNSTABLE,
        ProblemKind.NAME_UNSAFE,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Victim:
    """A file or folder that a problem hurts.

    Attributes:
        snapshot: Id of a snapshot that has it; others may have it too.
        path: In that snapshot, raw bytes, no leading slash; empty for the root.
    """

    snapshot: str
    path: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        kind: See `ProblemKind`.
        object: Key of the object in the store that is to blame; where a blob is in no known
            object, what it is.
        detail: A sentence for people.
        blob: The blob concerned, if it is one.
        victims: Some of what cannot be restored because of it, each path once.
    """

    kind: ProblemKind
    object: str
    detail: str
    blob: BlobId | None = None
    victims: tuple[Victim, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckReport:
    """What a check looked at and what it found.

    Attributes:
        problems: Damage.
        hints: What deserves attention and is no damage.
        unlisted: Problems and hints beyond the first thousand of a kind, only counted.
        snapshots: Snapshots looked at.
        trees: Different trees read.
        packs: Packs that the index lists.
        blobs: Places of blobs that the index lists.
        read_bytes: Bytes of packs read whole.
    """

    problems: tuple[Problem, ...]
    hints: tuple[Problem, ...]
    unlisted: int
    snapshots: int
    trees: int
    packs: int
    blobs: int
    read_bytes: int

    @property
    def sound(self) -> bool:
        """Whether nothing is damaged, as far as the check looked."""
        return not self.problems


@dataclass(slots=True)
class Findings:
    """Collects problems, and remembers which blobs each one costs."""

    _kept: list[Problem] = field(default_factory=list)
    _victims: dict[int, list[Victim]] = field(default_factory=dict)
    _blamed: dict[BlobName, int] = field(default_factory=dict)
    _counts: Counter[ProblemKind] = field(default_factory=Counter)
    unlisted: int = 0

    def add(
        self,
        problem: Problem,
        *,
        lost: Iterable[BlobName] = (),
        victim: Victim | None = None,
    ) -> None:
        """Keep a problem; `lost` are the blobs that cannot be read because of it."""
        self._counts[problem.kind] += 1
        if self._counts[problem.kind] > MOST_OF_A_KIND:
            self.unlisted += 1
            return
        number = len(self._kept)
        self._kept.append(problem)
        self._victims[number] = [victim] if victim else []
        for blob in lost:
            self._blamed.setdefault(blob, number)

    @property
    def costs_blobs(self) -> bool:
        """Whether there is any blob that a problem costs."""
        return bool(self._blamed)

    def is_lost(self, kind: BlobKind, blob_id: BlobId) -> bool:
        """Whether a problem costs this blob."""
        return (kind, blob_id) in self._blamed

    def hurts(self, kind: BlobKind, blob_id: BlobId, victim: Victim) -> bool:
        """Name `victim` with the problem that costs it a blob; False where the blob is fine."""
        number = self._blamed.get((kind, blob_id))
        if number is None:
            return False
        victims = self._victims[number]
        if len(victims) < MOST_VICTIMS and victim not in victims:
            victims.append(victim)
        return True

    def split(self) -> tuple[tuple[Problem, ...], tuple[Problem, ...]]:
        """The damage and the hints, in the order found."""
        told = [
            replace(problem, victims=tuple(self._victims[number]))
            for number, problem in enumerate(self._kept)
        ]
        damage = tuple(problem for problem in told if problem.kind not in HINTS)
        hints = tuple(problem for problem in told if problem.kind in HINTS)
        return damage, hints
