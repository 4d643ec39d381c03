"""What a source snapshot is to those who read from it: values, and the names that it goes by."""

import enum
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from backends.snapshot.commands import Commands
from backends.snapshot.volume import is_at_or_below
from backends.source_errors import (
    SnapshotFailed,
)

#: Above all views on a server.
VIEWS: Final = "/run/lapseguard"
#: `20261123T060101Z-3fa9c2`, or the same after another word: it says when and by which run.
_NAME: Final = re.compile(r"(\d{8}T\d{6}Z)-[0-9a-f]{6}", re.ASCII)


class Consistency(enum.Enum):
    """What a copy is worth to the programs that wrote the files; the values are on record."""

    #: Files were read one after the other while they may have changed.
    NONE = "none"
    #: All files as of one instant, as after a power cut.
    CRASH = "crash"
    #: As of one instant at which the application had put everything in order.
    APPLICATION = "application"


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotRequest:
    """What is to be frozen.

    Attributes:
        name: Of the run; all that is made on the server carries it.
        paths: Absolute and clean.
        kind: `auto`, `none`, or that of a freezer.
        one_file_system: The pull stays on each path's own file system.
        fallback: Read live what cannot be frozen, and say so, rather than fail.
    """

    name: str
    paths: tuple[str, ...]
    kind: str = "auto"
    one_file_system: bool = False
    fallback: bool = True

    def reads(self, folder: str) -> bool:
        """Whether a pull of the paths reads anything of what is mounted at `folder`."""
        return any(
            is_at_or_below(path, folder)
            or (not self.one_file_system and is_at_or_below(folder, path))
            for path in self.paths
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """How much of what a snapshot may grow to is in use.

    Attributes:
        place: The snapshot, or the pool that it lives in.
        per_cent: 100 is the end of it.
    """

    place: str
    per_cent: float


#: Looks at one snapshot that can run out of room. Raises SnapshotLost once it has.
Check = Callable[[Commands], Fill]


@dataclass(frozen=True, slots=True, kw_only=True)
class FrozenPart:
    """One file system of a view.

    Attributes:
        target: Where it is mounted on the server.
        kind: `btrfs`, `lvm`, `zfs`, `hook` or `none`.
        id: The snapshot's name there; empty for `none`.
        taken_at: When (UTC), by the clock here.
        consistency: See `Consistency`.
        reason: Why it is not better, where a snapshot was wanted and none could be made.
    """

    target: str
    kind: str
    id: str
    taken_at: datetime
    consistency: Consistency
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrozenView:
    """Frozen paths, ready to be pulled.

    Attributes:
        root: `/srv/db` is to be read from `<root>/./srv/db`; empty: from where it always is.
        parts: Each file system in it.
        excludes: rsync patterns of what belongs to the snapshots themselves.
        checks: One for each snapshot in it that can be lost while it is read.
    """

    root: str
    parts: tuple[FrozenPart, ...]
    excludes: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()

    def consistency_of(self, path: str) -> Consistency:
        """The weakest of all file systems at, above or below `path` that a pull of it reads."""
        return min(
            (part.consistency for part in _parts_of(path, self.parts)),
            key=list(Consistency).index,
            default=Consistency.NONE,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftover:
    """What a run that ended without cleaning up left on a server.

    Attributes:
        name: The run's.
        kind: Whose it is to release.
        place: What exactly: a folder, a volume, a dataset's snapshot.
    """

    name: str
    kind: str
    place: str

    @property
    def made_at(self) -> datetime:
        """When its run began (UTC)."""
        return _begun(self.name)


def check_name(name: str) -> str:
    """Give back the name of a snapshot.

    Raises:
        SnapshotFailed: it is not a run's name, by which a leftover could be told later.
    """
    _begun(name)
    return name


def is_name(text: str) -> bool:
    """Whether something on a server is called as only our snapshots are."""
    try:
        _begun(text)
    except SnapshotFailed:
        return False
    return True


def view_root(name: str) -> str:
    """Where the view of that name is put together on the server."""
    return f"{VIEWS}/{check_name(name)}"


def is_in_view(target: str) -> bool:
    """Whether a mount is part of some view."""
    return is_at_or_below(target, VIEWS)


def _begun(name: str) -> datetime:
    found = _NAME.fullmatch(name)
    try:
        if found is not None:
            return datetime.strptime(found[1], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        pass  # digits that are no date: refused below like any other text
    raise SnapshotFailed(f"{name!r} is not the name of a snapshot of ours")


def _parts_of(path: str, parts: Iterable[FrozenPart]) -> list[FrozenPart]:
    above = [part for part in parts if is_at_or_below(path, part.target)]
    home = max(above, key=lambda part: len(part.target), default=None)
    below = [part for part in parts if is_at_or_below(part.target, path)]
    return below + ([home] if home is not None and home not in below else [])
