"""Finished packs go to the store side by side, and into an index object once they are there."""

import threading
from collections.abc import Callable
from typing import Final

from backends.errors import ObjectCorrupt
from backends.repository.allocator import return_free_memory
from backends.repository.crew import Crew
from backends.repository.failure import Failure
from backends.repository.index import IndexedPack, encode_pack, join_index
from backends.repository.pack import PackBuilder, SealedPack, pack_key
from backends.repository.throughput import Throughput
from backends.repository.unpacked import ObjectKind, OpenRepository, save_unpacked
from backends.types import ObjectInfo, PackReceipt

#: Blobs in one index object. Storing and proving one takes some five times its size for a moment:
#: 15 MB with this many, where restic's own figure, 50,000, would take 40.
INDEX_BLOBS: Final = 20_000


class Uploads:
    """At most `limit` packs are on their way; `submit` waits for a free place.

    Args:
        repository: Where to.
        limit: Uploads at the same time.
        failure: Shared with the writer; nothing is uploaded after the first failure.
        on_stored: Told each pack that the store has taken.
    """

    def __init__(
        self,
        repository: OpenRepository,
        *,
        limit: int,
        failure: Failure,
        on_stored: Callable[[SealedPack, PackReceipt], None],
    ) -> None:
        self._repository = repository
        self._on_stored = on_stored
        self._crew = Crew("upload", threads=limit, places=limit, failure=failure)
        self._recording = threading.Lock()
        self._throughput = Throughput()
        #: Packs as their index object will list them, and how many blobs they hold.
        self._unindexed: list[bytes] = []
        self._unindexed_blobs = 0

    def submit(self, builder: PackBuilder) -> None:
        """Send a pack off; waits while `limit` others are on their way."""
        self._crew.submit(self._upload, builder)

    def seconds_for(self, size: int) -> float | None:
        """See `Throughput.seconds_for`."""
        return self._throughput.seconds_for(size)

    def line_seconds(self, size: int) -> float:
        """See `Throughput.line_seconds`."""
        return self._throughput.line_seconds(size)

    def wait(self) -> None:
        """Wait until every pack submitted so far is stored.

        Raises:
            BackendError: the first failure.
        """
        self._crew.settle()

    def settle(self) -> None:
        """Wait until every pack submitted so far is stored, then store an index of them.

        Raises:
            BackendError: the first failure; there is then no such index.
        """
        self._crew.settle()
        self._store_index(self._take_unindexed(at_least=1))

    def close(self) -> None:
        """Wait for what is on its way, and end the threads."""
        self._crew.close()

    def _upload(self, builder: PackBuilder) -> None:
        self._send(builder)
        # The pack's buffer is gone by now, and need not wait for an index.
        self._store_index(self._take_unindexed(at_least=INDEX_BLOBS))
        return_free_memory()

    def _send(self, builder: PackBuilder) -> None:
        pack = builder.finish(self._repository.master)
        with self._throughput.send(len(pack.content)):
            info = self._repository.store.put(pack_key(pack.id), pack.content)
        receipt = _check_receipt(pack, info)
        self._on_stored(pack, receipt)
        listed = encode_pack(IndexedPack(pack=pack.id, blobs=pack.blobs))
        with self._recording:
            self._unindexed.append(listed)
            self._unindexed_blobs += len(pack.blobs)

    def _take_unindexed(self, at_least: int) -> list[bytes]:
        with self._recording:
            if self._unindexed_blobs < at_least:
                return []
            taken, self._unindexed, self._unindexed_blobs = self._unindexed, [], 0
            return taken

    def _store_index(self, packs: list[bytes]) -> None:
        if packs:
            save_unpacked(self._repository, ObjectKind.INDEX, join_index(packs))


def _check_receipt(pack: SealedPack, info: ObjectInfo) -> PackReceipt:
    """Compare what the store says it took with what was sent."""
    if info.size != len(pack.content) or info.sha256 not in (None, pack.id):
        raise ObjectCorrupt(f"The store took something else for {info.key} than was sent.")
    return PackReceipt(
        pack=pack.id,
        size=info.size,
        attested=info.sha256 is not None,
        version_id=info.version_id,
    )
