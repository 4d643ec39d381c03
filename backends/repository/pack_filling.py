"""Writes what is wanted of a pack to wherever it goes, here or in the other process."""

import threading
from collections.abc import Mapping
from functools import partial
from itertools import count
from typing import TypeAlias

from backends.errors import RepositoryError
from backends.repository.blob import plain_length
from backends.repository.filling_beside import BesideFiller, FillBounds
from backends.repository.piece_writing import Opened, PackOpening, PieceWriter
from backends.repository.reader import BlobReader
from backends.repository.restore_turns import WritingTurns
from backends.repository.restored_outcomes import FileOutcomes
from backends.repository.restored_pieces import RestoredFile, WantedBlob
from backends.types import BlobId

#: What is wanted of a pack.
PackPlan: TypeAlias = Mapping[BlobId, WantedBlob]


class PackFiller:
    """Safe to use from several threads.

    Args:
        reader: Where blobs come from.
        writer: Writes them.
        outcomes: Told what became of them.
        beside: The other process, and what it has to know of this restore.
        stopped: Once set, nothing more is written; set when something fails for good.
        turns: Tells when it is our turn, and when the other process's.
    """

    def __init__(
        self,
        reader: BlobReader,
        writer: PieceWriter,
        outcomes: FileOutcomes,
        beside: tuple[BesideFiller, FillBounds] | None,
        *,
        stopped: threading.Event,
        turns: WritingTurns,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._outcomes = outcomes
        self._beside = beside
        self._stopped = stopped
        self._turns = turns
        self._opening = PackOpening(stopped, turns.wait)

    def fill(self, pack: bytes, wanted: PackPlan) -> None:
        """Write all of it.

        Raises:
            StoreError: the store does not answer.
            LocalError: the target cannot take more.
        """
        try:
            left = self._fill_beside(pack, wanted)
            blobs = [each.blob for each in left.values()]
            self._opening.open(self._reader, pack, blobs, partial(self._write_batch, wanted=left))
        except BaseException:
            self._stopped.set()
            raise

    def _fill_beside(self, pack: bytes, wanted: PackPlan) -> PackPlan:
        """Have the other process write what it can; what is left to us."""
        if self._beside is None or not self._turns.take_seat() or self._stopped.is_set():
            return wanted
        other, bounds = self._beside
        try:
            answer = other.fill(bounds, pack, tuple(wanted.values()))
        finally:
            self._turns.leave_seat()
        # Once stopped nothing is written, and nothing taken back.
        return wanted if self._stopped.is_set() else self._settle(wanted, answer.undone)

    def _settle(self, wanted: PackPlan, undone: frozenset[int]) -> PackPlan:
        """Take note of what the other process wrote; what it did not."""
        left: dict[BlobId, WantedBlob] = {}
        numbers, files, size = count(), 0, 0
        for blob_id, each in wanted.items():
            plain = plain_length(each.blob.length, each.blob.uncompressed_length)
            for file, offset in each.places:
                if next(numbers) in undone:
                    self._take_back(file)
                    left.setdefault(blob_id, WantedBlob(each.blob)).places.append((file, offset))
                elif file.is_one_piece:
                    files, size = files + 1, size + plain
                    file.missing, file.exists = 0, True
                else:
                    self._outcomes.settle(file, plain)
        self._outcomes.count(files=files, size=size)
        return left

    def _take_back(self, file: RestoredFile) -> None:
        """Make room for a file of one piece; what is wrong with it shows when it is made."""
        if file.is_one_piece:
            self._outcomes.attempt(file, self._writer.remove)
            file.fault = ""

    def _write_batch(self, batch: Opened, wanted: PackPlan) -> None:
        files = size = 0
        for blob, data in batch:
            for file, offset in wanted[blob.id].places:
                if file.is_one_piece and isinstance(data, bytes):
                    files += self._write_new(file, data)
                    size += len(data)
                else:
                    self._write(file, offset, data)
        self._outcomes.count(files=files, size=size)

    def _write_new(self, file: RestoredFile, data: bytes) -> bool:
        """Make a small file at once; says whether it is whole."""
        file.missing = 0
        if self._outcomes.attempt(file, partial(self._writer.write_whole, data=data)):
            return True
        self._outcomes.complete(file)
        return False

    def _write(self, file: RestoredFile, offset: int, data: bytes | RepositoryError) -> None:
        if isinstance(data, RepositoryError):
            file.fault = file.fault or str(data)
            self._outcomes.settle(file, 0)
            return
        if not file.fault or self._outcomes.keep_damaged:
            write = partial(self._writer.write_piece, offset=offset, data=data)
            self._outcomes.attempt(file, write)
        self._outcomes.settle(file, len(data))
