"""What the files of a copy were read from, and what that is worth to those who wrote them."""

import enum
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from daemon.domain.instant import as_utc


class Consistency(enum.Enum):
    """What kind of moment the captured files show; weakest first."""

    #: Files were read one after another while the server went on.
    NONE = "none"
    #: One instant, as after a power cut.
    CRASH = "crash"
    #: One instant, with the applications brought to rest or dumped.
    APPLICATION = "application"


_RANKS: Final = {consistency: rank for rank, consistency in enumerate(Consistency)}


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcePart:
    """One file system of a copy.

    Attributes:
        target: Where it was mounted on the server, or a path that was read live.
        kind: `btrfs`, `lvm`, `zfs`, `hook` or `none`.
        id: The snapshot's name there; empty for `none`.
        taken_at: When (UTC).
        consistency: See `Consistency`.
        reason: Why it is not better, where better was wanted; else empty.
    """

    target: str
    kind: str
    id: str
    taken_at: datetime
    consistency: Consistency
    reason: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "taken_at", as_utc(self.taken_at))


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceView:
    """All that a copy was read from.

    Attributes:
        kind: Of all parts, the kinds that occur joined by `+`.
        consistency: The weakest of all parts.
        parts: Each file system; empty where none was asked to be frozen.
    """

    kind: str = "none"
    consistency: Consistency = Consistency.NONE
    parts: tuple[SourcePart, ...] = ()

    @classmethod
    def of(cls, parts: Iterable[SourcePart]) -> "SourceView":
        """What the parts are together."""
        found = tuple(parts)
        return cls(
            kind="+".join(sorted({part.kind for part in found})),
            consistency=min((part.consistency for part in found), key=_RANKS.__getitem__),
            parts=found,
        )


#: Nothing was to be frozen.
LIVE: Final = SourceView()
