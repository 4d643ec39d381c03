"""What a restore tells its caller, on the way and at the end."""

from dataclasses import dataclass, field

from backends.repository.restored_metadata import Shortfall, Shortfalls
from backends.types import Omission


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreProgress:
    """What is done so far.

    Attributes:
        files: Whole files.
        bytes: Of content, with those of unfinished files.
        kept_bytes: Those of them that an interrupted restore had written.
    """

    files: int
    bytes: int
    kept_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What an interrupted restore had written rightly: whole files, and bytes in all."""

    files: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreReport:
    """What a restore did.

    Attributes:
        files: Regular files restored whole; of hard links only the first name.
        bytes: Their content, holes included.
        links: Further names of what has several.
        folders: Folders.
        others: Symbolic links, pipes and devices.
        skipped: Entries that were not to be restored, and why: sockets, and devices where
            owners are not restored.
        failures: Entries that are not there or not whole, and why; also wanted paths that the
            snapshot has not.
        shortfalls: Metadata that is not as it was saved, counted by reason.
        kept: What of it was there already.
    """

    files: int
    bytes: int
    links: int
    folders: int
    others: int
    skipped: tuple[Omission, ...]
    failures: tuple[Omission, ...]
    shortfalls: tuple[Shortfall, ...]
    kept: Kept = Kept()

    @property
    def complete(self) -> bool:
        """Whether everything wanted that can be restored is there, byte for byte."""
        return not self.failures


@dataclass(slots=True)
class RestoreLog:
    """What has happened so far; lists may be appended to from any thread."""

    shortfalls: Shortfalls = field(default_factory=Shortfalls)
    links: int = 0
    folders: int = 0
    others: int = 0
    _failures: list[Omission] = field(default_factory=list)
    _skipped: list[Omission] = field(default_factory=list)

    def fail(self, path: bytes, reason: str) -> None:
        """An entry is missing or not whole."""
        self._failures.append(Omission(path=path, reason=reason))

    def skip(self, path: bytes, reason: str) -> None:
        """An entry was left out on purpose."""
        self._skipped.append(Omission(path=path, reason=reason))

    def report(self, *, files: int, size: int, kept: Kept = Kept()) -> RestoreReport:
        """The whole story; paths sorted, since threads finish in any order."""
        return RestoreReport(
            files=files,
            bytes=size,
            links=self.links,
            folders=self.folders,
            others=self.others,
            skipped=tuple(sorted(self._skipped, key=_path)),
            failures=tuple(sorted(self._failures, key=_path)),
            shortfalls=self.shortfalls.collect(),
            kept=kept,
        )


def _path(omission: Omission) -> bytes:
    return omission.path
