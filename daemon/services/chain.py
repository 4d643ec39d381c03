"""The last manifest of a repository: what the next one follows, and its parent snapshot."""

from backends.protocols import ObjectStore
from daemon.domain.manifest import MANIFEST_PREFIX
from daemon.domain.manifest_document import SignedManifest, read_manifest
from daemon.services.units import Units


def find_head(store: ObjectStore, repository: str, units: Units) -> SignedManifest | None:
    """The newest manifest, from the bucket or from the database, whichever knows a later one.

    The bucket is the truth, so a new database continues the old chain. A manifest that only the
    database knows was removed from the bucket: the chain goes on from it all the same, which
    leaves the gap for `audit` to find.

    Raises:
        StoreError, ManifestInvalid, DatabaseError.
    """
    stored = _newest_stored(store)
    with units(read_only=True) as work:
        known = work.manifests.latest(repository)
        if known is None or (stored and stored.manifest.sequence >= known.sequence):
            return stored
        return read_manifest(work.manifests.document(known.run))


def _newest_stored(store: ObjectStore) -> SignedManifest | None:
    newest = None
    for newest in store.list(MANIFEST_PREFIX):  # noqa: B007 - keys sort as sequences: the last one
        pass
    return read_manifest(store.get(newest.key)) if newest else None
