"""Makes files in a target and writes their pieces; who counts what is missing is somebody else."""

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import TypeAlias

from backends.errors import RepositoryError
from backends.repository.pack import PackedBlob
from backends.repository.parallel import Turns
from backends.repository.reader import BlobReader
from backends.repository.restored_metadata import EntryCompletion
from backends.repository.restored_pieces import RestoredFile
from backends.repository.spans import plan_spans
from backends.repository.sparse import LEAST_HOLE, write_all, write_data
from backends.repository.target import TargetFolder

#: Blobs that were opened, each with its bytes or the reason why it has none.
Opened: TypeAlias = list[tuple[PackedBlob, bytes | RepositoryError]]


class PieceWriter:
    """Writes into one target; safe to use from several threads. All of it raises OSError."""

    def __init__(self, target: TargetFolder, metadata: EntryCompletion) -> None:
        self._target = target
        self._metadata = metadata

    def create(self, file: RestoredFile) -> None:
        """Make a file that is filled piece by piece; it has its size from the start, as a hole."""
        descriptor = self._target.create_file(file.folder, file.node.name)
        try:
            file.exists = True
            os.truncate(descriptor, file.size)
        finally:
            os.close(descriptor)

    def write_whole(self, file: RestoredFile, data: bytes) -> None:
        """Make a file of one piece and complete it."""
        descriptor = self._target.create_file(file.folder, file.node.name)
        try:
            file.exists = True
            write_data(descriptor, data, 0)
            if len(data) >= LEAST_HOLE:
                os.truncate(descriptor, len(data))
            self._metadata.apply_to_open(descriptor, file.node, file.path)
        finally:
            os.close(descriptor)

    def write_piece(self, file: RestoredFile, offset: int, data: bytes) -> None:
        """Write one of several pieces into a file that was created."""
        with self._target.hold_file(file.folder, file.node.name) as descriptor:
            write = write_all if offset in file.soiled else write_data
            write(descriptor, data, offset)

    def finish(self, file: RestoredFile) -> None:
        """Complete a file of which all pieces are written."""
        with self._target.hold_file(file.folder, file.node.name) as descriptor:
            self._metadata.apply_to_open(descriptor, file.node, file.path)
        self._target.release_file(file.folder, file.node.name)

    def remove(self, file: RestoredFile) -> None:
        """Take away what was written of a file, if anything was."""
        self._target.release_file(file.folder, file.node.name)
        with suppress(FileNotFoundError):
            self._target.remove_file(file.folder, file.node.name)
        file.exists = False


class PackOpening:
    """Opens blobs of packs and hands them on by the batch; safe to use from several threads.

    While one thread writes small files, another one decodes, and any number of them fetch.

    Args:
        stopped: Once set, the rest is left.
        wait: Called before each batch; returns when it may be opened and written.
    """

    def __init__(self, stopped: threading.Event, wait: Callable[[], None] = lambda: None) -> None:
        self._stopped, self._wait = stopped, wait
        self._decoding, self._writing = Turns(), Turns()

    def open(
        self,
        reader: BlobReader,
        pack: bytes,
        blobs: Iterable[PackedBlob],
        write: Callable[[Opened], None],
    ) -> None:
        """Fetch the wanted blobs of a pack and have them written.

        Raises:
            StoreError: the store does not answer.
        """
        for span in plan_spans(blobs):
            if self._stopped.is_set():
                return
            pieces, size = len(span.blobs), span.length
            batches = reader.open_span(span, reader.fetch_span(pack, span))
            for batch in self._decode(batches, pieces=pieces, size=size):
                with self._writing.take(pieces=pieces, size=size):
                    write(batch)

    def _decode(self, batches: Iterator[Opened], *, pieces: int, size: int) -> Iterator[Opened]:
        while not self._stopped.is_set():
            self._wait()
            with self._decoding.take(pieces=pieces, size=size):
                batch = next(batches, None)
            if batch is None:
                return
            yield batch
