"""Where blobs lie, at about 55 bytes a blob: a million blobs fit in 55 MB.

An open-addressing hash table over flat arrays. Blob ids are SHA-256, so their first bytes are the
hash. A blob that lies in several packs has several rows.
"""

import sys
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_ID_SIZE: Final = 32
_FIRST_SLOTS: Final = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One row.

    Attributes:
        pack: Number of the pack, as the caller counts them.
        offset: First sealed byte in the pack.
        length: Sealed bytes.
        plain: Plain bytes where compressed, else 0.
    """

    pack: int
    offset: int
    length: int
    plain: int


class BlobTable:
    """Rows of one kind of blob; one thread adds at a time, any may look up meanwhile."""

    def __init__(self) -> None:
        self._ids = bytearray()
        self._packs = array("I")
        self._offsets = array("I")
        self._lengths = array("I")
        self._plains = array("I")
        #: Row number + 1, or 0 where free; replaced as a whole when it grows.
        self._slots = array("I", bytes(4 * _FIRST_SLOTS))

    def __len__(self) -> int:
        return len(self._packs)

    def __contains__(self, blob_id: bytes) -> bool:
        return self.first_row(blob_id) is not None

    def add(self, blob_id: bytes, *, pack: int, offset: int, length: int, plain: int) -> bool:
        """Append a row, see `Place`; False where the blob is known at this very place."""
        if self.first_row(blob_id) is not None:
            for row in self._rows(blob_id):
                if (self._packs[row], self._offsets[row]) == (pack, offset):
                    return False
        # Readers find a row by its slot, so the slot comes last.
        self._ids += blob_id
        self._offsets.append(offset)
        self._lengths.append(length)
        self._plains.append(plain)
        self._packs.append(pack)
        self._link(self._slots, blob_id, len(self._packs))
        if len(self._packs) * 3 > len(self._slots) * 2:
            self._grow()
        return True

    def places(self, blob_id: bytes) -> list[Place]:
        """Every row of a blob."""
        return [self.place(row) for row in self._rows(blob_id)]

    def first_pack(self, blob_id: bytes) -> int | None:
        """The pack of one row of a blob, or None where there is no row."""
        row = self.first_row(blob_id)
        return None if row is None else self._packs[row]

    def first_row(self, blob_id: bytes) -> int | None:
        """The number of one row of a blob, or None where there is no row."""
        slots, is_at = self._slots, self._ids.startswith
        mask = len(slots) - 1
        slot = int.from_bytes(blob_id[:8], "little") & mask
        while row := slots[slot]:
            if is_at(blob_id, (row - 1) * _ID_SIZE):
                return row - 1
            slot = (slot + 1) & mask
        return None

    def place(self, row: int) -> Place:
        """One row by its number."""
        return Place(
            pack=self._packs[row],
            offset=self._offsets[row],
            length=self._lengths[row],
            plain=self._plains[row],
        )

    def columns(self, row: int) -> tuple[int, int, int, int]:
        """One row as pack, offset, length and plain length, without the cost of a `Place`."""
        return self._packs[row], self._offsets[row], self._lengths[row], self._plains[row]

    def pack(self, row: int) -> int:
        """The pack of a row."""
        return self._packs[row]

    def id(self, row: int) -> bytes:
        """The blob of a row."""
        return bytes(self._ids[row * _ID_SIZE : (row + 1) * _ID_SIZE])

    def rows_by_pack(self) -> list[int]:
        """All row numbers, ordered by pack and place in it."""
        packs, offsets = self._packs, self._offsets
        return sorted(range(len(packs)), key=lambda row: (packs[row] << 32) | offsets[row])

    def sizes_by_pack(self, *, plain_entry: int, compressed_entry: int) -> dict[int, int]:
        """Sealed bytes of each pack's rows, with so many more for each entry in its header."""
        sizes: dict[int, int] = {}
        for pack, length, plain in zip(self._packs, self._lengths, self._plains, strict=True):
            entry = compressed_entry if plain else plain_entry
            sizes[pack] = sizes.get(pack, 0) + length + entry
        return sizes

    def _rows(self, blob_id: bytes) -> Iterator[int]:
        slots, ids = self._slots, self._ids
        mask = len(slots) - 1
        slot = int.from_bytes(blob_id[:8], "little") & mask
        while row := slots[slot]:
            if ids[(row - 1) * _ID_SIZE : row * _ID_SIZE] == blob_id:
                yield row - 1
            slot = (slot + 1) & mask

    @staticmethod
    def _link(slots: "array[int]", blob_id: bytes, row: int) -> None:
        mask = len(slots) - 1
        slot = int.from_bytes(blob_id[:8], "little") & mask
        while slots[slot]:
            slot = (slot + 1) & mask
        slots[slot] = row

    def _grow(self) -> None:
        slots = array("I", bytes(4 * 2 * len(self._slots)))
        mask = len(slots) - 1
        for row, head in enumerate(self._heads(), start=1):
            slot = head & mask
            while slots[slot]:
                slot = (slot + 1) & mask
            slots[slot] = row
        self._slots = slots

    def _heads(self) -> Iterator[int]:
        """The first eight bytes of each id, as `_link` reads them."""
        with memoryview(self._ids) as ids, ids.cast("Q") as words:
            for head in words[:: _ID_SIZE // 8]:
                yield head if sys.byteorder == "little" else _swapped(head)


def _swapped(head: int) -> int:
    return int.from_bytes(head.to_bytes(8, "big"), "little")
