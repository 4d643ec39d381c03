"""Keeps the books of a restore: what is missing of each file, and what became of it."""

import threading
from collections.abc import Callable
from typing import Final

from backends.repository.piece_writing import PieceWriter
from backends.repository.restore_report import RestoreProgress
from backends.repository.restored_pieces import RestoredFile
from backends.repository.target import Target, hopeless


class FileOutcomes:
    """Safe to use from several threads.

    Args:
        target: Where files are.
        writer: Makes them there.
        keep_damaged: Keep a file of which some bytes cannot be read, with zeros in their place.
        on_failure: Told of each file that is not whole, from any thread.
    """

    def __init__(
        self,
        target: Target,
        writer: PieceWriter,
        *,
        keep_damaged: bool,
        on_failure: Callable[[RestoredFile], None],
    ) -> None:
        self.keep_damaged: Final = keep_damaged
        self._target = target
        self._writer = writer
        self._on_failure = on_failure
        self._counting = threading.Lock()
        self.files = 0
        self.bytes = 0
        #: What an interrupted restore had written rightly, of `files` and `bytes`.
        self.kept_files = 0
        self.kept_bytes = 0

    def count(self, *, files: int = 0, size: int = 0) -> None:
        """Add whole files, and bytes."""
        with self._counting:
            self.files += files
            self.bytes += size

    def progress(self) -> RestoreProgress:
        """What is done so far."""
        return RestoreProgress(files=self.files, bytes=self.bytes, kept_bytes=self.kept_bytes)

    def attempt(self, file: RestoredFile, step: Callable[[RestoredFile], None]) -> bool:
        """Do a step; what the system refuses becomes the file's fault, and the answer is no.

        Raises:
            LocalError: the target cannot take more.
        """
        try:
            step(file)
        except OSError as error:
            if (fatal := hopeless(error, self._target.path)) is not None:
                raise fatal from error
            file.fault = file.fault or (error.strerror or str(error))
            return False
        return True

    def settle(self, file: RestoredFile, size: int) -> None:
        """Take note that a piece is done with, of which so many bytes came; the last completes."""
        with self._counting:
            self.bytes += size
            file.missing -= 1
            last = not file.missing
        if last:
            self.complete(file)

    def complete(self, file: RestoredFile) -> None:
        """Give a file all that it has beside its content, or take it away."""
        in_pieces = len(file.node.content or ()) != 1
        if file.exists and file.fault and not self.keep_damaged:
            self.attempt(file, self._writer.remove)
        elif file.exists and in_pieces:
            self.attempt(file, self._writer.finish)
        self.conclude(file)

    def conclude(self, file: RestoredFile) -> None:
        """Tell of it, or count it."""
        if file.fault:
            self._on_failure(file)
        else:
            self.count(files=1)
