"""Evidence that a run's data is really there, and how deep it reaches."""

import enum
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import total_ordering

from daemon.domain.identifier import check_run_id, check_sha256
from daemon.domain.instant import as_utc


@total_ordering
class Depth(enum.Enum):
    """How much was looked at, weakest first; depths compare by strength."""

    #: Every object's name appears in the store's listing.
    LISTED = "listed"
    #: Every pack is present with the right size and the checksum that the store attests.
    STORED = "stored"
    #: Every pack was read back, decrypted, and every blob re-hashed.
    HASHED = "hashed"
    #: The whole run was restored to scratch and compared.
    RESTORED = "restored"

    def __lt__(self, other: "Depth") -> bool:
        if not isinstance(other, Depth):
            return NotImplemented
        strength = tuple(Depth)
        return strength.index(self) < strength.index(other)


class Outcome(enum.Enum):
    """What a verification found."""

    #: Everything at this depth is as the manifest says.
    PASSED = "passed"
    #: Something is missing or different; `problems` says what.
    FAILED = "failed"
    #: It broke off before it could tell; proves nothing either way.
    INCOMPLETE = "incomplete"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """One look at one run's data.

    Attributes:
        run: The run that was looked at.
        manifest_sha256: Digest, in hex, of exactly the manifest document it was compared with.
        depth: How deep.
        outcome: What was found.
        checked_at: When it ended (UTC).
        matches_source: Whether every captured file equals what the source itself read; None
            where that was not established for all of them.
        problems: One sentence each, empty unless something was found.
    """

    run: str
    manifest_sha256: str
    depth: Depth
    outcome: Outcome
    checked_at: datetime
    matches_source: bool | None = None
    problems: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_run_id(self.run)
        check_sha256(self.manifest_sha256, "manifest digest")
        object.__setattr__(self, "checked_at", as_utc(self.checked_at))

    @property
    def _weight(self) -> tuple[Depth, datetime]:
        return self.depth, self.checked_at


def strongest(
    verifications: Iterable[Verification], *, run: str, manifest_sha256: str
) -> Verification | None:
    """The evidence that stands for a run, or None if there is none.

    Evidence about another run, or about another manifest, never counts. A failure stands until a
    later pass at least as deep answers it; and what passed before a failure no longer proves
    anything, since the data has changed or was never right.
    """
    own = sorted(
        (v for v in verifications if v.run == run and v.manifest_sha256 == manifest_sha256),
        key=lambda v: v.checked_at,
    )
    failures = [v for v in own if v.outcome is Outcome.FAILED]
    passes = [v for v in own if v.outcome is Outcome.PASSED]
    unanswered = [f for f in failures if not any(_answers(p, f) for p in passes)]
    if unanswered:
        return max(unanswered, key=lambda v: v.checked_at)
    standing = [p for p in passes if not failures or p.checked_at > failures[-1].checked_at]
    if standing:
        return max(standing, key=lambda v: v._weight)  # noqa: SLF001 - this module's own value
    return own[-1] if own else None


def _answers(passed: Verification, failed: Verification) -> bool:
    return passed.checked_at > failed.checked_at and passed.depth >= failed.depth
