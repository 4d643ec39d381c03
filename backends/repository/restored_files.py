"""Plans which blobs go where in which files, and has them written pack by pack."""

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from backends.errors import RepositoryDamaged
from backends.repository.blob import plain_length
from backends.repository.filling_beside import SEATS, BesideFiller, FillBounds
from backends.repository.index import BlobLocation
from backends.repository.leftovers import examine
from backends.repository.pack_filling import PackFiller
from backends.repository.piece_writing import PieceWriter
from backends.repository.reader import BlobReader
from backends.repository.restore_turns import WritingTurns
from backends.repository.restored_outcomes import FileOutcomes
from backends.repository.restored_pieces import RestoredFile, WantedBlob
from backends.repository.target import Target
from backends.types import BlobId, BlobKind

#: Pieces planned before they are written, some 500 bytes each; as many again are being written.
MOST_PIECES: Final = 25_000
#: Packs worked on at the same time.
_THREADS: Final = 4


@dataclass(frozen=True, slots=True)
class _Places:
    """Looks blobs up one by one; a list of places takes ten times the room of a list of ids."""

    reader: BlobReader
    content: tuple[BlobId, ...]

    def __iter__(self) -> Iterator[BlobLocation]:
        return (self.reader.locate(blob_id, BlobKind.DATA) for blob_id in self.content)


@dataclass(frozen=True, slots=True)
class Filling:
    """Pieces that are being written, in this process only while somebody waits for them."""

    packs: "deque[Future[None]]" = field(default_factory=deque)
    turns: WritingTurns = field(default_factory=lambda: WritingTurns(0))

    def wait(self, on_pack: Callable[[], None]) -> None:
        """Wait for all; `on_pack` is called in this thread after each pack.

        Raises:
            StoreError: the store does not answer.
            LocalError: the target cannot take more.
        """
        self.turns.begin()
        while self.packs:
            self.packs.popleft().result()
            on_pack()
        self.turns.end()


class FileFiller:
    """Collects pieces of files, then has them written by a few threads.

    Args:
        reader: Where blobs come from.
        target: Where files are.
        writer: Makes them.
        outcomes: Told what became of each.
        beside: Another process that writes as well, and what it has to know of this restore.
    """

    def __init__(
        self,
        reader: BlobReader,
        target: Target,
        writer: PieceWriter,
        outcomes: FileOutcomes,
        beside: tuple[BesideFiller, FillBounds] | None = None,
    ) -> None:
        self._reader = reader
        self._target = target
        self._writer = writer
        self._outcomes = outcomes
        self._beside = beside
        self._plans: dict[bytes, dict[BlobId, WantedBlob]] = {}
        self._planned = 0
        self._stopped = threading.Event()
        self._turns = WritingTurns(0 if beside is None else SEATS)
        self._packs = PackFiller(
            reader, writer, outcomes, beside, stopped=self._stopped, turns=self._turns
        )
        self._pool = ThreadPoolExecutor(_THREADS, "restore")

    def stop(self) -> None:
        """End what is at work; nothing can be filled afterwards."""
        self._stopped.set()
        self._turns.begin()
        if self._beside is not None:
            self._beside[0].end()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def begin(self) -> Filling:
        """Have all pieces planned so far written, and go on planning meanwhile."""
        plans, self._plans, self._planned = self._plans, {}, 0
        packs = (self._pool.submit(self._packs.fill, *plan) for plan in plans.items())
        return Filling(deque(packs), self._turns)

    def plan_one(self, file: RestoredFile) -> bool:
        """Take in a file of one blob, as most are; False where `plan` has to look at it."""
        content = file.node.content
        if content is None or len(content) != 1 or self._planned >= MOST_PIECES:
            return False
        place = self._reader.index.first(BlobKind.DATA, content[0])
        if place is None or self._target.resumed:
            return False
        file.size, file.missing = _size(place), 1
        self._note_piece(place, file, 0)
        return True

    def plan(self, file: RestoredFile) -> Iterator[None]:
        """Take a file in; yields whenever so much is planned that the caller should `fill`.

        A file that cannot be made at all is told as a failure at once; an empty one is made.

        Raises:
            LocalError: the target cannot take more.
        """
        try:
            places = self._places(file.node.content)
            file.size = sum(map(_size, places))
        except RepositoryDamaged as error:
            file.fault, places = str(error), ()
        file.missing = len(file.node.content or ())
        if self._target.resumed and not file.fault:
            self._outcomes.attempt(file, partial(self._take_over, places=places))
        if file.exists and not file.fault:
            yield from self._plan_rest(file, places)
            return
        if file.missing != 1 and not file.fault:
            self._outcomes.attempt(file, self._writer.create)
        if file.fault or not file.missing:
            self._outcomes.complete(file)
        else:
            yield from self._plan_pieces(file, places)

    def _take_over(self, file: RestoredFile, places: Iterable[BlobLocation]) -> None:
        """Hash what an interrupted restore left of a file, and keep what is right of it."""
        descriptor = self._target.find_file(file.folder, file.node.name)
        if descriptor is None:
            return
        try:
            left = examine(descriptor, file.size, places)
            file.exists = left.is_whole or file.missing > 1
            if file.exists:
                os.truncate(descriptor, file.size)
                file.missing, file.wrong, file.soiled = len(left.wrong), left.wrong, left.soiled
        finally:
            os.close(descriptor)
        if not file.exists:
            self._target.remove_file(file.folder, file.node.name)
            return
        self._outcomes.kept_bytes += left.right_bytes
        self._outcomes.count(size=left.right_bytes)

    def _plan_rest(self, file: RestoredFile, places: Iterable[BlobLocation]) -> Iterator[None]:
        if file.missing:
            yield from self._plan_pieces(file, places)
            return
        self._outcomes.kept_files += 1
        self._outcomes.attempt(file, self._writer.finish)
        self._outcomes.conclude(file)

    def _places(self, content: tuple[BlobId, ...] | None) -> Iterable[BlobLocation]:
        """Where a file's blobs lie; of a very large file looked up anew on every iteration."""
        if content is None:
            raise RepositoryDamaged("The snapshot has no list of its blobs.")
        places = _Places(self._reader, content)
        return places if len(content) > MOST_PIECES else list(places)

    def _plan_pieces(self, file: RestoredFile, places: Iterable[BlobLocation]) -> Iterator[None]:
        offset = 0
        for place in places:
            if file.wrong is not None and offset not in file.wrong:
                offset += _size(place)
                continue
            self._note_piece(place, file, offset)
            offset += _size(place)
            if self._planned >= MOST_PIECES:
                yield

    def _note_piece(self, place: BlobLocation, file: RestoredFile, offset: int) -> None:
        wanted = self._plans.get(place.pack)
        if wanted is None:
            wanted = self._plans[place.pack] = {}
        known = wanted.get(place.blob.id)
        if known is None:
            wanted[place.blob.id] = WantedBlob(place.blob, [(file, offset)])
        else:
            known.places.append((file, offset))
        self._planned += 1


def _size(place: BlobLocation) -> int:
    return plain_length(place.blob.length, place.blob.uncompressed_length)
