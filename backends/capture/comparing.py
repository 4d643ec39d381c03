"""Counts the files of a tree by what the source's own checksums say of them."""

from backends.capture.entries import FileRecord
from backends.capture.report import SourceComparison


class Comparing:
    """The counts of one walk; what came beside the pull has nothing to be compared with."""

    def __init__(self) -> None:
        self._counts = dict.fromkeys(("compared", "unchanged", "uncompared", "beside"), 0)

    def note(self, record: FileRecord) -> None:
        """One more file."""
        self._counts[_kind(record)] += 1

    def forget(self) -> None:
        """The walk begins anew."""
        self._counts = dict.fromkeys(self._counts, 0)

    def result(self, files: int, mismatched: int) -> SourceComparison:
        """Of a tree with so many files; those that were not looked at are the parent's."""
        compared, unchanged, uncompared, _ = self._counts.values()
        return SourceComparison(
            compared=compared,
            unchanged=unchanged + files - sum(self._counts.values()),
            uncompared=max(0, uncompared - mismatched),
            mismatched=mismatched,
        )


def _kind(record: FileRecord) -> str:
    if record.beside:
        return "beside"
    if record.compared:
        return "compared"
    return "unchanged" if record.unchanged else "uncompared"
