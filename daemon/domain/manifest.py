"""The immutable record of what one run stored, and the chain that such records form.

A manifest is written once, signed, as the last object of its run. Each names the digest of its
repository's previous one, so that none can be removed or replaced without leaving a gap.
`manifest_document` gives its bytes.
"""

import enum
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from backends.types import Omission, PackReceipt
from daemon.domain.beside import NOTHING, Beside
from daemon.domain.contract import Contract, Expiry
from daemon.domain.identifier import check_run_id, check_sha256
from daemon.domain.instant import as_utc
from daemon.domain.pathtext import RawPath
from daemon.domain.run import RunKind
from daemon.domain.source import LIVE, SourceView
from daemon.domain.verification import Depth, Outcome
from daemon.errors import ManifestInvalid

MANIFEST_PREFIX: Final = "lapseguard/manifests/"
_KEY: Final = re.compile(re.escape(MANIFEST_PREFIX) + r"(\d{8})-(\d{8}T\d{6}Z-[0-9a-f]{6})\.json")
_HIGHEST_SEQUENCE: Final = 99_999_999


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractFact:
    """A contract as it stood when the run ended.

    Attributes:
        name, provider, reference: See `Contract`.
        expiry: In the contract's words.
        expires_at: The instant that they meant then (UTC), by the zone rules of that day.
    """

    name: str
    provider: str
    reference: str | None
    expiry: Expiry
    expires_at: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "expires_at", as_utc(self.expires_at))

    @classmethod
    def of(cls, contract: Contract) -> "ContractFact":
        """What a manifest says of `contract`."""
        return cls(
            name=contract.name,
            provider=contract.provider,
            reference=contract.reference,
            expiry=contract.expiry,
            expires_at=contract.expiry.instant(),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryFact:
    """Where the data is.

    Attributes:
        id: The repository's id from its config.
        url: Of the repository, without secrets.
        snapshot: The repository snapshot's id.
        tree: Its root tree's id. All ids are SHA-256 in hex.
    """

    id: str
    url: str
    snapshot: str
    tree: str

    def __post_init__(self) -> None:
        check_sha256(self.id, "repository id")
        check_sha256(self.snapshot, "snapshot id")
        check_sha256(self.tree, "tree id")


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class PackFact:
    """One pack that the repository snapshot needs.

    Attributes:
        id: SHA-256 of the pack in hex; also its name.
        size: Bytes.
        attested: Whether the store vouched for that SHA-256.
        version_id: The store's version of exactly these bytes, where it keeps versions.
        new: Whether this run wrote it; else it was there before.
    """

    id: str
    size: int
    attested: bool
    version_id: str | None = None
    new: bool

    def __post_init__(self) -> None:
        check_sha256(self.id, "pack id")

    @classmethod
    def of(cls, receipt: PackReceipt, *, new: bool) -> "PackFact":
        """What a manifest says of a pack that the store took."""
        return cls(
            id=receipt.pack.hex(),
            size=receipt.size,
            attested=receipt.attested,
            version_id=receipt.version_id,
            new=new,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceComparison:
    """The source's own whole-file checksums against the bytes that were packed.

    Attributes:
        compared: Files of which both were at hand, and equal.
        unchanged: Files not sent again; they were compared when they were.
        uncompared: Files of which the source gave no checksum.
        mismatched: Files that differ.
    """

    compared: int = 0
    unchanged: int = 0
    uncompared: int = 0
    mismatched: int = 0

    @property
    def matches_source(self) -> bool | None:
        """True if every file was compared and equal, False if one differs, None if unknown."""
        if self.mismatched:
            return False
        return True if self.compared + self.unchanged and not self.uncompared else None


@dataclass(frozen=True, slots=True, kw_only=True)
class SumsFact:
    """The SHA256SUMS listing.

    Attributes:
        key: Of the object beside the manifest (zstd). It has the lines of files of several blobs;
            the digest of any other file is the name of its one blob in the trees.
        sha256: Digest of that object.
        text_sha256: Digest of the whole listing's text. None in older manifests, where the object
            has all lines.
    """

    key: str
    sha256: str
    text_sha256: str | None = None

    def __post_init__(self) -> None:
        check_sha256(self.sha256, "digest of the stored lines")
        if self.text_sha256 is not None:
            check_sha256(self.text_sha256, "digest of the listing")


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class ToolVersion:
    """A program that took part."""

    name: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationFact:
    """What had been proven when the manifest was written; later evidence is kept elsewhere."""

    depth: Depth
    outcome: Outcome
    checked_at: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "checked_at", as_utc(self.checked_at))


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What one run stored.

    Attributes:
        run, kind: See `Run`.
        sequence: 1 for the repository's first manifest, then without gaps.
        previous_sha256: Digest of the document with the previous sequence; None for the first.
        complete: Everything that was asked for is here; False for a partial.
        server, host: See `Server`.
        paths, excludes: As asked for.
        contracts: Those that named the server then.
        source: What was read.
        beside: Dumps and the passport.
        started_at: When the run was claimed (UTC).
        finished_at: When the repository snapshot was verified (UTC).
        files, bytes, stored_bytes, new_bytes: See `Captured`.
        dirs: Folders in the repository snapshot.
        repository: Where the data is.
        packs: Every pack that the repository snapshot needs, sorted by id: one can be missing
            only visibly, whichever run wrote it.
        omissions: What the server has and this copy has not, with reasons.
        vanished: What disappeared on the server while it was read.
        tools: Programs that took part, sorted.
        comparison: See `SourceComparison`.
        sums: See `SumsFact`.
        verification: See `VerificationFact`.
    """

    run: str
    kind: RunKind
    sequence: int
    previous_sha256: str | None
    complete: bool
    server: str
    host: str
    paths: tuple[str, ...]
    excludes: tuple[str, ...] = ()
    contracts: tuple[ContractFact, ...] = ()
    source: SourceView = LIVE
    beside: Beside = NOTHING
    started_at: datetime
    finished_at: datetime
    files: int
    dirs: int
    bytes: int
    stored_bytes: int
    new_bytes: int
    repository: RepositoryFact
    packs: tuple[PackFact, ...]
    omissions: tuple[Omission, ...] = ()
    vanished: tuple[RawPath, ...] = ()
    tools: tuple[ToolVersion, ...]
    comparison: SourceComparison
    sums: SumsFact
    verification: VerificationFact

    def __post_init__(self) -> None:
        check_run_id(self.run)
        if not 1 <= self.sequence <= _HIGHEST_SEQUENCE:
            raise ManifestInvalid(f"{self.sequence} is not a sequence number.")
        if (self.previous_sha256 is None) != (self.sequence == 1):
            raise ManifestInvalid("All but the first manifest name the previous one.")
        if self.previous_sha256 is not None:
            check_sha256(self.previous_sha256, "previous digest")
        object.__setattr__(self, "packs", tuple(sorted(self.packs, key=lambda pack: pack.id)))
        object.__setattr__(self, "tools", tuple(sorted(self.tools)))
        object.__setattr__(self, "started_at", as_utc(self.started_at))
        object.__setattr__(self, "finished_at", as_utc(self.finished_at))

    @property
    def matches_source(self) -> bool | None:
        """See `SourceComparison.matches_source`."""
        return self.comparison.matches_source


def manifest_key(sequence: int, run: str) -> str:
    """The object key of a manifest; keys sort as sequences do."""
    return f"{MANIFEST_PREFIX}{sequence:08d}-{check_run_id(run)}.json"


def read_manifest_key(key: str) -> tuple[int, str]:
    """The sequence and the run of a manifest's key; raises ManifestInvalid for another key."""
    found = _KEY.fullmatch(key)
    if not found:
        raise ManifestInvalid(f"{key} is not the key of a manifest.")
    return int(found[1]), found[2]


def sums_key(run: str) -> str:
    """The object key of what a run's trees do not tell of its SHA256SUMS listing (zstd)."""
    return f"lapseguard/sums/{check_run_id(run)}.large.sha256.zst"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainedManifest:
    """A manifest and the digest of the document it came in."""

    manifest: Manifest
    sha256: str


class ChainFault(enum.Enum):
    """How a chain of manifests can be broken."""

    #: A sequence number is not there.
    GAP = "gap"
    #: Two manifests claim the same sequence number.
    FORK = "fork"
    #: One does not name the digest of the one before it.
    BROKEN_LINK = "broken link"
    #: One belongs to another server or another repository.
    STRANGER = "stranger"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainProblem:
    """One thing wrong with a chain, told in `detail` as a sentence."""

    fault: ChainFault
    sequence: int
    run: str
    detail: str


def verify_chain(manifests: Iterable[ChainedManifest]) -> tuple[ChainProblem, ...]:
    """Everything wrong with the manifests of one repository, in any order; none means sound.

    Signatures are not looked at here: a chain is worth what the signatures of its links are.
    """
    links = sorted(manifests, key=lambda link: (link.manifest.sequence, link.manifest.run))
    family = [link for link in links if _belongs_to(link) == _belongs_to(links[0])]
    strangers = (
        _problem(ChainFault.STRANGER, link, "belongs to another server or repository")
        for link in links
        if _belongs_to(link) != _belongs_to(links[0])
    )
    faults = (_find_fault(*pair) for pair in zip([None, *family], family, strict=False))
    return (*strangers, *(fault for fault in faults if fault is not None))


def _find_fault(before: ChainedManifest | None, link: ChainedManifest) -> ChainProblem | None:
    expected = 1 if before is None else before.manifest.sequence + 1
    sequence = link.manifest.sequence
    if sequence < expected:
        return _problem(ChainFault.FORK, link, f"claims the number {sequence} a second time")
    if sequence > expected:
        missing = str(expected) if sequence == expected + 1 else f"{expected} to {sequence - 1}"
        return _problem(ChainFault.GAP, link, f"has no predecessor: {missing} is missing")
    if before is not None and link.manifest.previous_sha256 != before.sha256:
        return _problem(ChainFault.BROKEN_LINK, link, "names another digest of its predecessor")
    return None


def _belongs_to(link: ChainedManifest) -> tuple[str, str]:
    return link.manifest.server, link.manifest.repository.id


def _problem(fault: ChainFault, link: ChainedManifest, what: str) -> ChainProblem:
    manifest = link.manifest
    return ChainProblem(
        fault=fault,
        sequence=manifest.sequence,
        run=manifest.run,
        detail=f"The manifest of {manifest.run} {what}.",
    )
