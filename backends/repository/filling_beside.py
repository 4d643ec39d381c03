"""Fills files in a second process as well, so that both processors work on small files.

The first process walks the trees, makes the folders and keeps the books; the other one is told
blobs and the places that they go to. It fetches, opens and hashes them, writes, and says which
places it could not fill. Those, and all that it had been told when it died, are done again here,
where what is wrong is found out and reported.
"""

import gc
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Final

from backends.errors import BackendError, RepositoryError
from backends.protocols import ObjectStore
from backends.repository.allocator import return_freed_packs
from backends.repository.crypto import MasterKey
from backends.repository.disguise import DisguisedMetadata
from backends.repository.fillorder import (
    FillAnswer,
    FillOrder,
    decode_answer,
    decode_order,
    encode_answer,
    encode_order,
)
from backends.repository.index import Index
from backends.repository.piece_writing import Opened, PackOpening, PieceWriter
from backends.repository.reader import BlobReader
from backends.repository.restored_metadata import EntryCompletion, Metadata, Shortfalls
from backends.repository.restored_pieces import RestoredFile, WantedBlob
from backends.repository.target import Target, TargetFolder
from backends.twin import Twin, twin

#: Packs it takes at a time: one is fetched while another one is written.
SEATS: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class FillBounds:
    """What all orders of one restore have in common; see `FillOrder`."""

    master: MasterKey = field(repr=False)
    target: Target
    shortfalls: Shortfalls
    owners: bool
    disguised: bool


class BesideFiller:
    """Has packs written by the other process; safe to use from several threads."""

    def __init__(self, other: Twin) -> None:
        self._other = other

    def fill(self, bounds: FillBounds, pack: bytes, blobs: Sequence[WantedBlob]) -> FillAnswer:
        """Have blobs of a pack written; no more at the same time than there are seats.

        If it dies on the way every place is undone, and any file of one piece may be there.
        """
        answer = self._other.ask(encode_order(_order(bounds, pack, blobs)))
        if answer is None:
            return FillAnswer(undone=frozenset(range(sum(len(each.places) for each in blobs))))
        found = decode_answer(answer)
        bounds.shortfalls.add(found.shortfalls)
        return found

    def end(self) -> None:
        """End the other process, so that nobody waits for it. Once more does nothing."""
        self._other.end()


@contextmanager
def fill_beside(store: ObjectStore) -> Iterator[BesideFiller | None]:
    """A second process that writes files from a store, where there can be one.

    Args:
        store: Nothing may have been asked of it yet: both processes would share a connection.
    """
    return_freed_packs()  # two processes may take no more memory than one did
    filling = _Filling(store)

    def answer(question: bytes) -> bytes | None:
        gc.freeze()  # what was inherited is no garbage here, and looking at it would copy it
        try:
            return encode_answer(filling.fill(decode_order(question)))
        except (BackendError, OSError, MemoryError):
            return None  # the other process tries for itself, and says what is wrong

    with twin(answer, seats=SEATS) as other:
        yield None if other is None else BesideFiller(other)


def _order(bounds: FillBounds, pack: bytes, blobs: Sequence[WantedBlob]) -> FillOrder:
    return FillOrder(
        master=bounds.master,
        target=bounds.target.path.absolute(),
        identity=bounds.target.identity,
        owners=bounds.owners,
        disguised=bounds.disguised,
        pack=pack,
        blobs=tuple(blobs),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opened:
    """As much of a repository as reading packs takes."""

    store: ObjectStore
    master: MasterKey


class _Filling:
    """The other process's part."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._opening = PackOpening(threading.Event())

    def fill(self, order: FillOrder) -> FillAnswer:
        shortfalls = Shortfalls()
        # With no index nothing is looked for elsewhere: that is left to whoever has one.
        reader = BlobReader(_Opened(store=self._store, master=order.master), Index())
        with closing(TargetFolder.join(order.target, order.identity)) as target:
            writer = PieceWriter(target, _completion(order, shortfalls))
            places = _Places(order.blobs, writer)
            blobs = (each.blob for each in order.blobs)
            self._opening.open(reader, order.pack, blobs, places.write)
        return FillAnswer(undone=frozenset(places.undone), shortfalls=shortfalls.collect())


def _completion(order: FillOrder, shortfalls: Shortfalls) -> EntryCompletion:
    if order.disguised:
        return DisguisedMetadata(shortfalls)
    return Metadata(owners=order.owners, shortfalls=shortfalls)


class _Places:
    """The places of one order; those that were filled are taken off `undone`."""

    def __init__(self, blobs: Sequence[WantedBlob], writer: PieceWriter) -> None:
        self._writer = writer
        self._places: dict[bytes, list[tuple[int, RestoredFile, int]]] = {}
        self.undone = set[int]()
        for wanted in blobs:
            numbers = range(len(self.undone), len(self.undone) + len(wanted.places))
            self._places[wanted.blob.id] = [
                (number, *place) for number, place in zip(numbers, wanted.places, strict=True)
            ]
            self.undone.update(numbers)

    def write(self, batch: Opened) -> None:
        for blob, data in batch:
            if isinstance(data, RepositoryError):
                continue
            for number, file, offset in self._places[blob.id]:
                if self._write(file, offset, data):
                    self.undone.discard(number)

    def _write(self, file: RestoredFile, offset: int, data: bytes) -> bool:
        try:
            if file.is_one_piece:
                self._writer.write_whole(file, data)
            else:
                self._writer.write_piece(file, offset, data)
        except OSError:
            if file.node.content is not None and file.exists:
                self._writer.remove(file)
            return False
        return True
