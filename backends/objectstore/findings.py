"""What `probe_store` can find out about a store, and what each finding means for backups."""

import enum
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from backends.protocols import ObjectStore


class Outcome(enum.Enum):
    """What one check showed."""

    YES = "yes"  # the store does it
    NO = "no"  # it was tried, and the store does not
    UNKNOWN = "unknown"  # it could not be tried; the detail says why
    NOT_APPLICABLE = "not applicable"  # this kind of store has no such thing


class Check(enum.Enum):
    """One thing worth knowing about a store, worded so that yes is good."""

    READ_AFTER_WRITE = "read after write"
    LIST_AFTER_WRITE = "list after write"
    OVERWRITE_VISIBLE = "overwrite visible"
    RANGE_READS = "range reads"
    DELETE = "delete"
    WRONG_MD5_REFUSED = "wrong MD5 refused"
    WRONG_SHA256_REFUSED = "wrong SHA-256 refused"
    ATTESTS_SHA256 = "attests SHA-256"
    CONDITIONAL_PUT = "conditional put"
    VERSIONING = "versioning"
    OBJECT_LOCK = "object lock"
    CLOCK = "clocks agree"
    LATENCY = "latency"


#: Without these a store cannot hold a repository.
ESSENTIAL = frozenset(
    {
        Check.READ_AFTER_WRITE,
        Check.LIST_AFTER_WRITE,
        Check.OVERWRITE_VISIBLE,
        Check.RANGE_READS,
    }
)

_CONSEQUENCES: dict[tuple[Check, Outcome], str] = {
    (Check.READ_AFTER_WRITE, Outcome.NO): "Do not use this store: what it takes it does not give.",
    (Check.LIST_AFTER_WRITE, Outcome.NO): "Do not use this store: backups would seem to be gone.",
    (Check.OVERWRITE_VISIBLE, Outcome.NO): "Do not use this store: it serves outdated objects.",
    (Check.RANGE_READS, Outcome.NO): "Do not use this store: restoring one file reads whole packs.",
    (
        Check.DELETE,
        Outcome.YES,
    ): "Locks and old backups can be removed, also by who steals the key.",
    (Check.DELETE, Outcome.NO): "Locks stay behind and nothing can be pruned with this key.",
    (Check.WRONG_MD5_REFUSED, Outcome.YES): "A body damaged on its way is refused.",
    (
        Check.WRONG_MD5_REFUSED,
        Outcome.NO,
    ): "A body damaged on its way is stored as if it were good.",
    (Check.WRONG_SHA256_REFUSED, Outcome.YES): "A body damaged on its way is refused.",
    (Check.WRONG_SHA256_REFUSED, Outcome.NO): "Puts carry Content-MD5 instead of SHA-256.",
    (Check.ATTESTS_SHA256, Outcome.YES): "Depth `stored` is proven by the store's own checksums.",
    (Check.ATTESTS_SHA256, Outcome.NO): "Not attested: backup-now verifies by reading back.",
    (Check.CONDITIONAL_PUT, Outcome.YES): "A put can be forbidden to replace an object.",
    (Check.CONDITIONAL_PUT, Outcome.NO): "Who has the key can replace objects; rely on versioning.",
    (Check.VERSIONING, Outcome.YES): "Replaced and deleted objects can be brought back.",
    (Check.VERSIONING, Outcome.NO): "Replaced or deleted objects are gone; switch versioning on.",
    (Check.OBJECT_LOCK, Outcome.YES): "Locked versions survive a stolen key.",
    (Check.OBJECT_LOCK, Outcome.NO): "A stolen key can destroy all backups of this store.",
    (Check.CLOCK, Outcome.NO): "Beyond 15 minutes requests are refused; set up NTP.",
}
_NOT_TRIED = "Treated as no."


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One check's result.

    Attributes:
        check: What was checked.
        outcome: See `Outcome`.
        detail: What was seen, for a person; may be empty.
    """

    check: Check
    outcome: Outcome
    detail: str = ""

    @property
    def consequence(self) -> str:
        """What it means for the operator, as a sentence; empty where it means nothing."""
        if self.outcome is Outcome.UNKNOWN:
            return _NOT_TRIED
        return _CONSEQUENCES.get((self.check, self.outcome), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreProbe:
    """Everything found out about one store, each `Check` once and in their order."""

    url: str
    findings: tuple[Finding, ...]

    @property
    def usable(self) -> bool:
        """Whether the store can hold a repository at all."""
        return all(
            finding.outcome is Outcome.YES
            for finding in self.findings
            if finding.check in ESSENTIAL
        )

    def outcome(self, check: Check) -> Outcome:
        """The outcome of one check."""
        return next(each.outcome for each in self.findings if each.check is check)


@runtime_checkable
class Examinable(Protocol):
    """A store that can say more of itself than its `ObjectStore` methods show."""

    def examine(self, scratch: str) -> Iterator[Finding]:
        """Try what only this kind of store has, on keys that start with `scratch`.

        The caller cleans up. A check that cannot be made is an UNKNOWN finding, not an error.
        """

    def erase(self, scratch: str) -> str:
        """Remove every trace below `scratch` that `delete` leaves, as far as permitted.

        Returns:
            What stays behind, for a person; empty if nothing does. Raises nothing.
        """


@runtime_checkable
class Wrapper(Protocol):
    """A store around another one."""

    @property
    def inner(self) -> ObjectStore:
        """The store that does the work."""
