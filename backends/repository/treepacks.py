"""Packs of trees, kept whole for a while: a folder's tree and its neighbours lie together.

Walking five thousand folders by single reads would take five thousand requests; their trees fit
into one or two packs.
"""

import threading
from collections import OrderedDict
from typing import Final

from backends.protocols import ObjectStore
from backends.repository.index import BlobLocation
from backends.repository.pack import pack_key

#: Bytes of packs kept; restic's packs have 16 MiB, so a walk may alternate among several.
KEPT: Final = 64 << 20


class TreePacks:
    """Fetches packs whole at first, and by the piece where it had to drop them; thread-safe."""

    def __init__(self, store: ObjectStore, *, keep: int = KEPT) -> None:
        self._store = store
        self._keep = keep
        self._kept: OrderedDict[bytes, bytes] = OrderedDict()
        self._size = 0
        self._dropped: set[bytes] = set()
        self._fetching = threading.Lock()

    def sealed(self, location: BlobLocation) -> memoryview | bytes:
        """The sealed bytes of a blob; fewer than it should have where the pack is cut short.

        Raises:
            StoreError: the pack cannot be read.
        """
        with self._fetching:
            pack = self._kept.get(location.pack)
            if pack is not None:
                self._kept.move_to_end(location.pack)
            elif location.pack not in self._dropped:
                pack = self._fetch(location.pack)
        blob = location.blob
        if pack is not None:
            return memoryview(pack)[blob.offset : blob.offset + blob.length]
        return self._store.get(pack_key(location.pack), offset=blob.offset, length=blob.length)

    def _fetch(self, name: bytes) -> bytes:
        pack = self._store.get(pack_key(name))
        self._kept[name] = pack
        self._size += len(pack)
        while self._size > self._keep and len(self._kept) > 1:
            oldest, content = self._kept.popitem(last=False)
            self._size -= len(content)
            self._dropped.add(oldest)
        return pack
