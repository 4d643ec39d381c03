"""Packs being filled, several at a time.

Blobs are spread over them at random, so that an observer cannot tell which chunks belong together,
nor their sizes from the sizes of packs.
"""

import random
import threading
from collections.abc import Callable, Iterable
from typing import Final

from backends.repository.allocator import PACK_SIZED
from backends.repository.blob import SealedBlob
from backends.repository.pack import PackBuilder
from backends.types import BlobKind

#: Packs of each kind that are filled side by side.
SPREAD: Final = 3
#: Bytes that packs begin with; those of trees mostly stay small.
_ROOM: Final = {BlobKind.DATA: PACK_SIZED, BlobKind.TREE: 0}


class _Slot:
    """One place for a pack under way."""

    def __init__(self, builder: PackBuilder) -> None:
        self.filling = threading.Lock()
        self.builder = builder


class OpenPacks:
    """The packs under way of one repository; safe to use from several threads.

    Args:
        target: A pack is done with once it has this many bytes.
        dispatch: Takes a full pack; may wait.
    """

    def __init__(self, target: int, dispatch: Callable[[PackBuilder], None]) -> None:
        self._target = target
        self._dispatch = dispatch
        self._slots = {kind: [_Slot(self._begin(kind)) for _ in range(SPREAD)] for kind in BlobKind}
        # Nothing an observer can see comes out of it, so that it need not be unpredictable.
        self._random = random.Random()  # noqa: S311

    @property
    def size(self) -> int:
        """Bytes in them; about, since others go on filling them."""
        return sum(slot.builder.size for slots in self._slots.values() for slot in slots)

    def add(self, kind: BlobKind, blob: SealedBlob) -> None:
        """Put a blob into one of the packs; dispatches that pack if it is full now.

        While a full pack waits to be dispatched it keeps its place, so that no more packs are
        filled than can go: where the store is slow they would only wait in memory.
        """
        slot = self._enter_slot(kind)
        try:
            slot.builder.add(blob)
            if slot.builder.is_full(self._target):
                self._dispatch(slot.builder)
                slot.builder = self._begin(kind)
        finally:
            slot.filling.release()

    def drain(self, kinds: Iterable[BlobKind] = BlobKind) -> None:
        """Dispatch all that there is; small packs are merged, so that they tell no sizes."""
        for kind in kinds:
            for builder in self._take(kind):
                self._dispatch(builder)

    def _begin(self, kind: BlobKind) -> PackBuilder:
        return PackBuilder(kind, min(self._target, _ROOM[kind]))

    def _enter_slot(self, kind: BlobKind) -> _Slot:
        """Any one, rather one that nobody has entered; to be released."""
        slots, first = self._slots[kind], int(self._random.random() * SPREAD)
        for slot in (*slots[first:], *slots[:first]):
            if slot.filling.acquire(blocking=False):
                return slot
        slots[first].filling.acquire()
        return slots[first]

    def _take(self, kind: BlobKind) -> list[PackBuilder]:
        taken: list[PackBuilder] = []
        for slot in self._slots[kind]:
            with slot.filling:
                builder, slot.builder = slot.builder, self._begin(kind)
            if taken and taken[-1].size + builder.size < self._target:
                taken[-1].absorb(builder)
            elif len(builder):
                taken.append(builder)
        return taken
