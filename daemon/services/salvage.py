"""Takes the checkpoint of a run that broke off into the chain of manifests.

A run that is killed leaves its newest checkpoint in the bucket: a repository snapshot, its listing
and a signed manifest that names the last one of the chain. The next run of the server puts that
manifest where it belongs, unaltered, and the run becomes `partial` in the history.
"""

from collections.abc import Callable

from backends.errors import ObjectMissing, SignatureInvalid
from backends.protocols import ObjectStore
from backends.signing import verify_signature
from daemon.domain.manifest import manifest_key
from daemon.domain.manifest_document import SignedManifest, read_manifest
from daemon.domain.run import Captured
from daemon.domain.verification import Verification
from daemon.errors import ManifestInvalid, NotFound
from daemon.services.chain import find_head
from daemon.services.checkpointing import CHECKPOINT_PREFIX, remove_checkpoint
from daemon.services.units import Units

Warn = Callable[[str], None]


def salvage_checkpoints(
    store: ObjectStore, repository: str, units: Units, warn: Warn, *, key: str
) -> None:
    """Adopt what runs that broke off have left, and remove what is needed no more.

    Call it with the claim on the server, before a run of one's own writes anything. What another
    key than `key` (in its text form) has signed is left alone: nobody else may have us remove
    anything.

    Raises:
        StoreError, ManifestInvalid, DatabaseError.
    """
    for place in [info.key for info in store.list(CHECKPOINT_PREFIX)]:
        document = _fetch(store, place)
        signed = None if document is None else _read(place, document, key, warn)
        if document is None or signed is None:
            continue
        head = find_head(store, repository, units, warn)
        if signed.manifest.repository.id == repository and _follows(signed, head):
            _adopt(store, signed, document, units)
            store.delete(place)
            warn(f"The run {signed.manifest.run} broke off; its last checkpoint is kept.")
        else:
            manifest = signed.manifest
            remove_checkpoint(store, manifest.run, manifest.repository.snapshot, manifest.sums.key)


def _fetch(store: ObjectStore, key: str) -> bytes | None:
    try:
        return store.get(key)
    except ObjectMissing:
        return None


def _read(place: str, document: bytes, key: str, warn: Warn) -> SignedManifest | None:
    try:
        signed = read_manifest(document)
        verify_signature(signed.key, signed.message, signed.signature)
    except (ManifestInvalid, SignatureInvalid) as error:
        # Safe to go on: a damaged record must not keep the server from being saved.
        warn(f"{place} is damaged in the store: {error}")
        return None
    if signed.key != key:
        warn(f"{place} was signed with another key; it is left alone.")
        return None
    return signed


def _follows(signed: SignedManifest, head: SignedManifest | None) -> bool:
    """Whether it is the chain's next link, or already is its last."""
    if head is None:
        return signed.manifest.sequence == 1
    if head.sha256 == signed.sha256:
        return True
    follows = signed.manifest.previous_sha256 == head.sha256
    return follows and signed.manifest.sequence == head.manifest.sequence + 1


def _adopt(store: ObjectStore, signed: SignedManifest, document: bytes, units: Units) -> None:
    manifest = signed.manifest
    store.put(manifest_key(manifest.sequence, manifest.run), document)
    captured = Captured(
        files=manifest.files,
        bytes=manifest.bytes,
        stored_bytes=manifest.stored_bytes,
        new_bytes=manifest.new_bytes,
        snapshot=manifest.repository.snapshot,
    )
    with units() as work:
        try:
            salvaged = work.runs.salvage(manifest.run, captured, signed.sha256)
        except NotFound:
            return  # another database's run; the bucket has its manifest all the same
        if salvaged and work.manifests.adopt(signed, document):
            work.verifications.record(
                Verification(
                    run=manifest.run,
                    manifest_sha256=signed.sha256,
                    depth=manifest.verification.depth,
                    outcome=manifest.verification.outcome,
                    checked_at=manifest.verification.checked_at,
                    matches_source=manifest.matches_source,
                )
            )
        work.commit()
