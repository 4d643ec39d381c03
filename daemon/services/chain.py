"""The last manifest of a repository: what the next one follows, and its parent snapshot."""

from collections.abc import Callable

from backends.errors import SignatureInvalid
from backends.protocols import ObjectStore
from backends.signing import verify_signature
from daemon.domain.manifest import MANIFEST_PREFIX
from daemon.domain.manifest_document import SignedManifest, read_manifest
from daemon.errors import ManifestInvalid
from daemon.services.units import Units


def find_head(
    store: ObjectStore, repository: str, units: Units, warn: Callable[[str], None]
) -> SignedManifest | None:
    """The newest manifest, from the bucket or from the database, whichever knows a later one.

    The bucket is the truth, so a new database continues the old chain. A manifest that only the
    database knows was removed from the bucket or spoilt there: the chain goes on from it all the
    same, which leaves the gap for `audit` to find.

    Raises:
        StoreError, ManifestInvalid, DatabaseError.
    """
    stored = _newest_readable(store, warn)
    with units(read_only=True) as work:
        known = work.manifests.latest(repository)
        if known is None or (stored and stored.manifest.sequence >= known.sequence):
            return stored
        return read_manifest(work.manifests.document(known.run))


def _newest_readable(store: ObjectStore, warn: Callable[[str], None]) -> SignedManifest | None:
    # Keys sort as sequences do.
    for key in sorted((info.key for info in store.list(MANIFEST_PREFIX)), reverse=True):
        try:
            signed = read_manifest(store.get(key))
            verify_signature(signed.key, signed.message, signed.signature)
        except (ManifestInvalid, SignatureInvalid) as error:
            # Safe to go on: a damaged record must not keep the server from being saved.
            warn(f"{key} is damaged in the store: {error}")
        else:
            return signed
    return None
