"""What one capture stored, and how it compares with the source."""

from dataclasses import dataclass

from backends.capture.edition import Edition, ImageBase
from backends.capture.grafting import Graft
from backends.errors import BackendError
from backends.types import BlobId, Omission, PullReport


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceComparison:
    """How many regular files were held against the source's own checksums.

    Attributes:
        compared: Read in this run and equal to what the source says it sent.
        unchanged: Taken over from the parent snapshot; rsync found size and mtime as they were.
        uncompared: Read in this run without a checksum from the source.
        mismatched: Different from what the source says it sent.
    """

    compared: int
    unchanged: int
    uncompared: int
    mismatched: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureReport:
    """What a capture stored; everything in it is in uploaded packs and indexes.

    Attributes:
        tree: Root of the captured tree.
        pull: rsync's part.
        files, folders, others: Entries by kind (others: links, pipes, devices).
        total_bytes: Sum of the sizes of regular files.
        comparison: See `SourceComparison`.
        omissions: What the copy lacks, with reasons.
        earlier_packs: Packs of earlier runs that the tree refers to (SHA-256, raw).
        cut: Why the pull broke off, where it did; the tree is then a checkpoint, see `cut`.
        left_out: Staged files that a checkpoint has not, relative to the image.
        edition: What was looked at, where that was not the whole image.
        base: What the image is now; None where it is not what the tree says.
        graft: What came beside the pull.
    """

    tree: BlobId
    pull: PullReport
    files: int
    folders: int
    others: int
    total_bytes: int
    comparison: SourceComparison
    omissions: tuple[Omission, ...]
    earlier_packs: frozenset[bytes]
    cut: BackendError | None = None
    left_out: frozenset[bytes] = frozenset()
    edition: Edition | None = None
    base: ImageBase | None = None
    graft: Graft | None = None
