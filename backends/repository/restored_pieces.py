"""Files on their way back, and the blobs that they are waiting for."""

from dataclasses import dataclass, field

from backends.repository.pack import PackedBlob
from backends.repository.reader import join
from backends.repository.tree import Node


@dataclass(slots=True, eq=False)
class RestoredFile:
    """One file on its way.

    Attributes:
        folder: Path of the folder that it is in.
        node: What it is to become.
        size: Bytes by the index.
        missing: Pieces that are not written yet.
        exists: Whether something of it is in the target.
        fault: Why it will not be whole; empty while it may.
        wrong: Offsets of the pieces that are to be written, where not all of them are.
        soiled: Offsets of pieces where an interrupted restore left other bytes than zeros.
    """

    folder: bytes
    node: Node
    size: int = 0
    missing: int = 0
    exists: bool = False
    fault: str = ""
    wrong: frozenset[int] | None = None
    soiled: frozenset[int] = frozenset()

    @property
    def is_one_piece(self) -> bool:
        """Whether it is made and filled in one go, and nothing is there of it."""
        content = self.node.content
        return not self.exists and content is not None and len(content) == 1

    @property
    def path(self) -> bytes:
        """Where it is, from the target."""
        return join(self.folder, self.node.name)


@dataclass(slots=True)
class WantedBlob:
    """One blob of a pack, and every place that it goes to: a file, and an offset in it."""

    blob: PackedBlob
    places: list[tuple[RestoredFile, int]] = field(default_factory=list)
