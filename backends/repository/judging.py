"""Reads a pack whole and says whether all of it is what it should be, by the pack's own header.

The pack's SHA-256, its header, and each blob are looked at in one pass over the same bytes. What
an index says of the pack is compared by the header's SHA-256, so that whoever judges needs none.
"""

import hashlib
from dataclasses import dataclass

from backends.errors import ObjectCorrupt, ObjectMissing, RepositoryDamaged
from backends.protocols import ObjectStore
from backends.repository.blob import batch_pieces, open_blob, open_blobs
from backends.repository.crypto import MasterKey
from backends.repository.pack import cut_pack, pack_key
from backends.repository.parallel import Turns


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What reading a pack once showed.

    Attributes:
        size: Its bytes.
        header: SHA-256 of its plain header; empty where there is a fault.
        fault: The first thing that is wrong, as a sentence; empty where nothing is.
    """

    size: int = 0
    header: bytes = b""
    fault: str = ""


class PackJudge:
    """Judges packs of one store; safe to use from several threads."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._turns = Turns()

    def judge(self, master: MasterKey, pack: bytes) -> Judgement:
        """Read a pack.

        Raises:
            StoreError: the store does not answer.
        """
        try:
            content = self._store.get(pack_key(pack))
        except (ObjectMissing, ObjectCorrupt) as error:
            return Judgement(fault=f"The pack cannot be read: {error}")
        if hashlib.sha256(content).digest() != pack:
            return Judgement(fault="The pack does not have the SHA-256 in its name.")
        try:
            return Judgement(size=len(content), header=self._open_all(master, content))
        except RepositoryDamaged as error:
            return Judgement(fault=str(error))

    def _open_all(self, master: MasterKey, content: bytes) -> bytes:
        header, pieces = cut_pack(master, content)
        with self._turns.take(pieces=len(pieces), size=len(content)):
            for batch in batch_pieces(pieces):
                try:
                    open_blobs(master, batch)
                except RepositoryDamaged:
                    # What many at once refuse, one by one may not: an empty blob, for one.
                    for sealed, length, blob_id in batch:
                        open_blob(master, sealed, length, blob_id)
        return hashlib.sha256(header).digest()
