"""The manifests: the signed documents, and how they follow one another."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, select

from daemon.domain.canonical import JsonObject
from daemon.domain.manifest_document import SignedManifest, digest_document
from daemon.domain.run import Run
from daemon.errors import ManifestInvalid, NotFound
from daemon.store.runs import Runs
from daemon.store.tables import MANIFESTS
from daemon.store.transaction import AnyRow, Transaction

#: Everything but the documents, which are large.
_RECORDS: Final = select(*(column for column in MANIFESTS.c if column.name != "document"))


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestRecord:
    """What is kept about a manifest beside its document.

    Attributes:
        run, server, sequence, previous_sha256: See `Manifest`.
        repository: The repository's id.
        sha256: Digest of the document in hex.
    """

    run: str
    server: str
    repository: str
    sequence: int
    sha256: str
    previous_sha256: str | None


class Manifests:
    """Manifests by run; a run has at most one."""

    def __init__(self, transaction: Transaction, runs: Runs) -> None:
        self._transaction = transaction
        self._runs = runs

    def record(self, run: Run, signed: SignedManifest, document: bytes) -> ManifestRecord:
        """Record the manifest of a claimed run, before the run itself is saved as ended.

        Args:
            run: The claim.
            signed: The manifest as read back from `document`.
            document: The bytes in the bucket.

        Raises:
            ClaimLost: somebody else has taken over.
            ManifestInvalid: `signed` is not of this run or not of this document, or the
                repository has a manifest with that number already.
        """
        self._runs.require_claim(run)
        if signed.manifest.run != run.run:
            raise ManifestInvalid(f"The manifest is of {signed.manifest.run}, not of {run.run}.")
        return self._insert(signed, document, "manifest.recorded")

    def adopt(self, signed: SignedManifest, document: bytes) -> bool:
        """Record a manifest found in a bucket, after its run; False if it is here already.

        Raises:
            ManifestInvalid: see `record`.
        """
        if self._find(signed.manifest.run) is not None:
            return False
        self._insert(signed, document, "manifest.adopted")
        return True

    def get(self, run: str) -> ManifestRecord:
        """What is kept about a run's manifest. Raises NotFound."""
        row = self._find(run)
        if row is None:
            raise NotFound(
                f"The run {run} has no manifest.", hint="Only runs that stored something have one."
            )
        return _record(row)

    def document(self, run: str) -> bytes:
        """The signed bytes of a run's manifest. Raises NotFound."""
        self.get(run)
        return next(self._documents(MANIFESTS.c.run == run))

    def latest(self, repository: str) -> ManifestRecord | None:
        """The last link of a repository's chain, which the next manifest follows."""
        query = _RECORDS.where(MANIFESTS.c.repository == repository)
        row = self._transaction.fetch_one(query.order_by(MANIFESTS.c.sequence.desc()).limit(1))
        return None if row is None else _record(row)

    def chain(self, repository: str) -> Iterator[bytes]:
        """The documents of a repository, in their sequence; one is held in memory at a time."""
        return self._documents(MANIFESTS.c.repository == repository)

    def list(self, *, server: str | None = None) -> tuple[ManifestRecord, ...]:
        """What is kept about the manifests of one server or of all, in their sequence."""
        where = [] if server is None else [MANIFESTS.c.server == server]
        query = _RECORDS.where(*where).order_by(MANIFESTS.c.server, MANIFESTS.c.sequence)
        return tuple(_record(row) for row in self._transaction.fetch(query))

    def _insert(self, signed: SignedManifest, document: bytes, kind: str) -> ManifestRecord:
        record = _describe(signed)
        if digest_document(document) != record.sha256:
            raise ManifestInvalid(f"The manifest of {record.run} is not the document given.")
        rival = _RECORDS.where(
            MANIFESTS.c.repository == record.repository, MANIFESTS.c.sequence == record.sequence
        )
        if self._transaction.fetch_one(rival) is not None:
            raise ManifestInvalid(
                f"The repository has a manifest with the number {record.sequence} already.",
                hint="`lapseguard reindex` records what the bucket holds; then run again.",
            )
        values = {**_values(record), "document": document}
        self._transaction.insert(MANIFESTS, values)
        self._transaction.record(kind, record.run, _payload(record))
        return record

    def _find(self, run: str) -> AnyRow | None:
        return self._transaction.fetch_one(_RECORDS.where(MANIFESTS.c.run == run))

    def _documents(self, *where: ColumnElement[bool]) -> Iterator[bytes]:
        query = select(MANIFESTS.c.run).where(*where).order_by(MANIFESTS.c.sequence)
        for (run,) in self._transaction.fetch(query):
            document = select(MANIFESTS.c.document).where(MANIFESTS.c.run == run)
            yield bytes(self._transaction.fetch_value(document))


def _record(row: AnyRow) -> ManifestRecord:
    return ManifestRecord(
        run=row.run,
        server=row.server,
        repository=row.repository,
        sequence=row.sequence,
        sha256=row.sha256,
        previous_sha256=row.previous_sha256,
    )


def _describe(signed: SignedManifest) -> ManifestRecord:
    manifest = signed.manifest
    return ManifestRecord(
        run=manifest.run,
        server=manifest.server,
        repository=manifest.repository.id,
        sequence=manifest.sequence,
        sha256=signed.sha256,
        previous_sha256=manifest.previous_sha256,
    )


def _values(record: ManifestRecord) -> dict[str, object]:
    return {
        "run": record.run,
        "server": record.server,
        "repository": record.repository,
        "sequence": record.sequence,
        "sha256": record.sha256,
        "previous_sha256": record.previous_sha256,
    }


def _payload(record: ManifestRecord) -> JsonObject:
    return {
        "server": record.server,
        "repository": record.repository,
        "sequence": record.sequence,
        "sha256": record.sha256,
        "previous_sha256": record.previous_sha256,
    }
