"""Fills files with their blobs: pack by pack, whatever file a blob belongs to."""

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from backends.errors import RepositoryDamaged, RepositoryError
from backends.repository.blob import plain_length
from backends.repository.index import BlobLocation
from backends.repository.leftovers import examine
from backends.repository.pack import PackedBlob
from backends.repository.parallel import Turns, map_in_threads
from backends.repository.reader import BlobReader, join
from backends.repository.restored_metadata import EntryCompletion
from backends.repository.spans import Span, plan_spans
from backends.repository.sparse import LEAST_HOLE, write_all, write_data
from backends.repository.target import Target, hopeless
from backends.repository.tree import Node
from backends.types import BlobId, BlobKind

#: Pieces planned before they must be written, some 500 bytes each.
MOST_PIECES: Final = 50_000


@dataclass(slots=True, eq=False)
class RestoredFile:
    """One file on its way.

    Attributes:
        folder: Path of the folder that it is in.
        node: What it is to become.
        size: Bytes by the index.
        missing: Pieces that are not written yet.
        exists: Whether something of it is in the target.
        fault: Why it will not be whole; empty while it may.
        wrong: Offsets of the pieces that are to be written, where not all of them are.
        soiled: Offsets of pieces where an interrupted restore left other bytes than zeros.
    """

    folder: bytes
    node: Node
    size: int = 0
    missing: int = 0
    exists: bool = False
    fault: str = ""
    wrong: frozenset[int] | None = None
    soiled: frozenset[int] = frozenset()

    @property
    def is_one_piece(self) -> bool:
        """Whether it is made and filled in one go, and nothing is there of it."""
        content = self.node.content
        return not self.exists and content is not None and len(content) == 1

    @property
    def path(self) -> bytes:
        """Where it is, from the target."""
        return join(self.folder, self.node.name)


@dataclass(slots=True)
class _Wanted:
    """One blob of a pack and every place in files that it goes to."""

    blob: PackedBlob
    places: list[tuple[RestoredFile, int]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Places:
    """Looks blobs up one by one; a list of places takes ten times the room of a list of ids."""

    reader: BlobReader
    content: tuple[BlobId, ...]

    def __iter__(self) -> Iterator[BlobLocation]:
        return (self.reader.locate(blob_id, BlobKind.DATA) for blob_id in self.content)


class FileFiller:
    """Collects pieces of files, then fills them with a few threads.

    Args:
        reader: Where blobs come from.
        target: Where files are.
        metadata: Completes each file once its last byte is written.
        keep_damaged: Keep a file of which some bytes cannot be read, with zeros in their place.
        on_failure: Told of each file that is not whole, from any thread.
        threads: Packs worked on at the same time.
    """

    def __init__(
        self,
        reader: BlobReader,
        target: Target,
        metadata: EntryCompletion,
        *,
        keep_damaged: bool,
        on_failure: Callable[[RestoredFile], None],
        threads: int,
    ) -> None:
        self._reader = reader
        self._target = target
        self._metadata = metadata
        self._keep_damaged = keep_damaged
        self._on_failure = on_failure
        self._threads = threads
        self._plans: dict[bytes, dict[BlobId, _Wanted]] = {}
        self._planned = 0
        self._decoding, self._writing = Turns(), Turns()
        self._counting = threading.Lock()
        self._stopped = threading.Event()
        self.files = 0
        self.bytes = 0
        #: What an interrupted restore had written rightly, of `files` and `bytes`.
        self.kept_files = 0
        self.kept_bytes = 0

    def stop(self) -> None:
        """Let threads that are still at work end soon; nothing can be filled afterwards."""
        self._stopped.set()

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
            self._attempt(file, partial(self._take_over, places=places))
        if file.exists and not file.fault:
            yield from self._plan_rest(file, places)
            return
        if file.missing != 1 and not file.fault:
            self._attempt(file, self._create)
        if file.fault or not file.missing:
            self._complete(file)
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
        self.kept_bytes += left.right_bytes
        with self._counting:
            self.bytes += left.right_bytes

    def _plan_rest(self, file: RestoredFile, places: Iterable[BlobLocation]) -> Iterator[None]:
        if file.missing:
            yield from self._plan_pieces(file, places)
            return
        self.kept_files += 1
        self._attempt(file, self._finish)
        self._conclude(file)

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
            wanted[place.blob.id] = _Wanted(place.blob, [(file, offset)])
        else:
            known.places.append((file, offset))
        self._planned += 1

    def fill(self, on_pack: Callable[[], None]) -> None:
        """Write all pieces planned so far; `on_pack` is called in this thread after each pack.

        Raises:
            StoreError: the store does not answer.
            LocalError: the target cannot take more.
        """
        plans, self._plans, self._planned = self._plans, {}, 0
        done = map_in_threads(
            self._fill_from, plans.items(), threads=self._threads, abandon=self.stop
        )
        for _ in done:
            on_pack()

    def _fill_from(self, plan: tuple[bytes, dict[BlobId, _Wanted]]) -> None:
        pack, wanted = plan
        try:
            for span in plan_spans(each.blob for each in wanted.values()):
                self._write_span(span, self._reader.fetch_span(pack, span), wanted)
        except BaseException:
            self._stopped.set()
            raise

    def _write_span(self, span: Span, fetched: bytes, wanted: dict[BlobId, _Wanted]) -> None:
        """Write what a span holds; while one thread writes small files, another one decodes."""
        batches = self._reader.open_span(span, fetched)
        pieces, size = len(span.blobs), span.length
        while not self._stopped.is_set():
            with self._decoding.take(pieces=pieces, size=size):
                batch = next(batches, None)
            if batch is None:
                return
            with self._writing.take(pieces=pieces, size=size):
                self._write_batch(batch, wanted)

    def _write_batch(
        self, batch: list[tuple[PackedBlob, bytes | RepositoryError]], wanted: dict[BlobId, _Wanted]
    ) -> None:
        files = size = 0
        for blob, data in batch:
            for file, offset in wanted[blob.id].places:
                if file.is_one_piece and isinstance(data, bytes):
                    files += self._write_new(file, data)
                    size += len(data)
                else:
                    self._write(file, offset, data)
        with self._counting:
            self.files += files
            self.bytes += size

    def _write_new(self, file: RestoredFile, data: bytes) -> bool:
        """Make a small file at once; says whether it is whole."""
        file.missing = 0
        try:
            self._write_whole(file, data)
        except OSError as error:
            self._note_error(file, error)
            self._complete(file)
            return False
        return True

    def _write(self, file: RestoredFile, offset: int, data: bytes | RepositoryError) -> None:
        if isinstance(data, RepositoryError):
            file.fault = file.fault or str(data)
        elif not file.fault or self._keep_damaged:
            self._attempt(file, partial(self._write_piece, offset=offset, data=data))
        with self._counting:
            self.bytes += len(data) if isinstance(data, bytes) else 0
            file.missing -= 1
            last = not file.missing
        if last:
            self._complete(file)

    def _attempt(self, file: RestoredFile, step: Callable[[RestoredFile], None]) -> None:
        try:
            step(file)
        except OSError as error:
            self._note_error(file, error)

    def _note_error(self, file: RestoredFile, error: OSError) -> None:
        if (fatal := hopeless(error, self._target.path)) is not None:
            raise fatal from error
        file.fault = file.fault or (error.strerror or str(error))

    def _create(self, file: RestoredFile) -> None:
        """Make a file that is filled piece by piece; it has its size from the start, as a hole."""
        descriptor = self._target.create_file(file.folder, file.node.name)
        try:
            file.exists = True
            os.truncate(descriptor, file.size)
        finally:
            os.close(descriptor)

    def _write_whole(self, file: RestoredFile, data: bytes) -> None:
        descriptor = self._target.create_file(file.folder, file.node.name)
        try:
            file.exists = True
            write_data(descriptor, data, 0)
            if len(data) >= LEAST_HOLE:
                os.truncate(descriptor, len(data))
            self._metadata.apply_to_open(descriptor, file.node, file.path)
        finally:
            os.close(descriptor)

    def _write_piece(self, file: RestoredFile, offset: int, data: bytes) -> None:
        with self._target.hold_file(file.folder, file.node.name) as descriptor:
            write = write_all if offset in file.soiled else write_data
            write(descriptor, data, offset)

    def _complete(self, file: RestoredFile) -> None:
        in_pieces = len(file.node.content or ()) != 1
        if file.exists and file.fault and not self._keep_damaged:
            self._attempt(file, self._remove)
        elif file.exists and in_pieces:
            self._attempt(file, self._finish)
        self._conclude(file)

    def _conclude(self, file: RestoredFile) -> None:
        if file.fault:
            self._on_failure(file)
        else:
            with self._counting:
                self.files += 1

    def _finish(self, file: RestoredFile) -> None:
        with self._target.hold_file(file.folder, file.node.name) as descriptor:
            self._metadata.apply_to_open(descriptor, file.node, file.path)
        self._target.release_file(file.folder, file.node.name)

    def _remove(self, file: RestoredFile) -> None:
        self._target.release_file(file.folder, file.node.name)
        self._target.remove_file(file.folder, file.node.name)
        file.exists = False


def _size(place: BlobLocation) -> int:
    return plain_length(place.blob.length, place.blob.uncompressed_length)
