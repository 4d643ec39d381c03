"""Writes a run's record: checksums that its trees do not tell, then the signed manifest, last."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from backends.protocols import ObjectStore
from backends.signing import SigningKey
from backends.types import PackReceipt
from daemon import __version__
from daemon.domain.contract import Contract
from daemon.domain.manifest import (
    ContractFact,
    Manifest,
    PackFact,
    RepositoryFact,
    SourceComparison,
    SumsFact,
    ToolVersion,
    VerificationFact,
    manifest_key,
    sums_key,
)
from daemon.domain.manifest_document import SignedManifest, read_manifest, write_manifest
from daemon.domain.run import Run
from daemon.domain.server import Server
from daemon.domain.verification import Verification
from daemon.errors import VerificationFailed
from daemon.services.baseline import Baseline
from daemon.services.deposit import Deposit
from daemon.services.listing import Listing
from daemon.services.packs import PackStanding
from daemon.services.proof import Proof


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """A run's record as it is in the store, and what the database keeps of it."""

    document: bytes
    signed: SignedManifest
    verification: Verification


def store_sums(store: ObjectStore, run: str, listing: Listing) -> SumsFact:
    """Put what the trees do not tell of a listing beside the manifest to come."""
    return store_sums_at(store, sums_key(run), listing)


def store_sums_at(store: ObjectStore, key: str, listing: Listing) -> SumsFact:
    """Likewise, under a key of its own."""
    store.put(key, listing.large)
    digest = hashlib.sha256(listing.large).hexdigest()
    return SumsFact(key=key, sha256=digest, text_sha256=listing.sha256)


def seal(
    store: ObjectStore,
    *,
    run: Run,
    server: Server,
    contracts: Iterable[Contract],
    baseline: Baseline,
    done: Deposit,
    proof: Proof,
    sums: SumsFact,
    key: SigningKey,
    now: datetime,
    may_write: Callable[[], None],
) -> Sealed:
    """Compose the manifest, sign it, put it, read it back.

    Args:
        store: Rooted at the repository.
        run: Captured; its id and figures go in.
        server: What was saved.
        contracts: What keeps the server alive.
        baseline: Whose manifest this one follows.
        done: What the run stored.
        proof: That it is there.
        sums: The listing, stored.
        key: Signs.
        now: The time.
        may_write: Raises if this run is not ours any more.

    Raises:
        VerificationFailed: the store gives back other bytes than it was given.
        StoreError.
    """
    manifest = compose(
        run,
        server,
        contracts,
        baseline,
        done,
        packs=_pack_facts(proof.standings, done.receipts),
        verification=VerificationFact(depth=proof.depth, outcome=proof.outcome, checked_at=now),
        sums=sums,
        now=now,
    )
    document = write_manifest(manifest, key.sign, key.public_text)
    place = manifest_key(manifest.sequence, run.run)
    may_write()
    store.put(place, document)
    if store.get(place) != document:
        raise VerificationFailed(f"The store does not give back the manifest {place} as written.")
    signed = read_manifest(document)
    verification = Verification(
        run=run.run,
        manifest_sha256=signed.sha256,
        depth=proof.depth,
        outcome=proof.outcome,
        checked_at=now,
        matches_source=manifest.matches_source,
        problems=proof.problems,
    )
    return Sealed(document=document, signed=signed, verification=verification)


def compose(
    run: Run,
    server: Server,
    contracts: Iterable[Contract],
    baseline: Baseline,
    done: Deposit,
    *,
    packs: tuple[PackFact, ...],
    verification: VerificationFact,
    sums: SumsFact,
    now: datetime,
) -> Manifest:
    """The manifest of a run, or of its checkpoint, that follows the baseline's."""
    report, head = done.report, baseline.head
    return Manifest(
        run=run.run,
        kind=run.kind,
        sequence=head.manifest.sequence + 1 if head else 1,
        previous_sha256=head.sha256 if head else None,
        complete=done.complete,
        server=server.name,
        host=server.host,
        paths=server.paths,
        excludes=server.excludes,
        contracts=tuple(ContractFact.of(contract) for contract in contracts),
        started_at=run.started_at,
        finished_at=now,
        files=report.files,
        dirs=report.folders,
        bytes=report.total_bytes,
        stored_bytes=done.totals.stored_bytes,
        new_bytes=done.totals.new_bytes,
        repository=RepositoryFact(
            id=baseline.repository.id,
            url=baseline.repository.store.url,
            snapshot=run.snapshot or "",
            tree=report.tree.hex(),
        ),
        packs=packs,
        omissions=done.omissions,
        vanished=report.pull.vanished,
        tools=(
            ToolVersion(name="lapseguard", version=__version__),
            ToolVersion(name="rsync", version=report.pull.rsync_version),
        ),
        source=done.source,
        beside=done.beside,
        comparison=_comparison(done, baseline),
        sums=sums,
        verification=verification,
    )


def _pack_facts(
    standings: Iterable[PackStanding], receipts: Iterable[PackReceipt]
) -> tuple[PackFact, ...]:
    written = {receipt.pack: receipt for receipt in receipts}
    return tuple(pack_fact(standing, written.get(standing.pack)) for standing in standings)


def pack_fact(standing: PackStanding, receipt: PackReceipt | None) -> PackFact:
    """What a manifest says of a pack; `receipt` where this run wrote it."""
    if receipt is not None:
        return PackFact.of(receipt, new=True)
    return PackFact(
        id=standing.pack.hex(),
        size=standing.info.size if standing.info else 0,
        attested=standing.attested,
        version_id=standing.info.version_id if standing.info else None,
        new=False,
    )


def _comparison(done: Deposit, baseline: Baseline) -> SourceComparison:
    """What is taken over from a parent that was not wholly compared is not compared either."""
    found = done.report.comparison
    trusted = found.unchanged if baseline.compared else 0
    return SourceComparison(
        compared=found.compared,
        unchanged=trusted,
        uncompared=found.uncompared + found.unchanged - trusted,
        mismatched=found.mismatched,
    )
