"""The folder where a server's pull lands, and the journal of what arrived in it.

    <root>/image/         what rsync writes: the server's paths, kept from run to run
    <root>/image~pull/    rsync's unfinished files, so that a cut transfer continues
    <root>/arrivals.log   rsync's own lines of the run under way

The journal exists only between the first arrival and the manifest. Found at the start of a run it
means that the last one broke off: its files are in the image, rsync will not send them again, and
the journal still has the checksums that the source computed of them.
"""

import os
import shutil
from collections.abc import Iterator
from io import FileIO
from pathlib import Path

from backends.capture.fake_super import ensure_xattrs
from backends.errors import LocalDiskFull, LocalPathUnusable
from backends.rsync.output import parse_line
from backends.types import Arrival

#: Below this, rsync would fill the disk before the first file is done (bytes).
LEAST_FREE = 16 * 2**20


class Staging:
    """One server's staging folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.image = root / "image"
        self._journal = root / "arrivals.log"

    def prepare(self) -> None:
        """Create the folders, readable by this user alone.

        Raises:
            LocalPathUnusable: the state folder cannot be written.
            LocalDiskFull: there is next to no space left.
        """
        try:
            for folder in (self.root, self.image):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            ensure_xattrs(str(self.image))
            free = shutil.disk_usage(self.image).free
        except OSError as error:
            raise LocalPathUnusable(
                f"Cannot use the staging folder {self.root}: {error.strerror}.",
                hint="Make the state folder writable for the user that runs Lapseguard.",
            ) from error
        if free < LEAST_FREE:
            raise LocalDiskFull(f"Only {free} bytes are free under {self.root}.")

    @property
    def is_interrupted(self) -> bool:
        """Whether the last run broke off, so that the journal is still there."""
        return self._journal.exists()

    def interrupted_arrivals(self) -> Iterator[Arrival]:
        """What a run that broke off had received; empty after an orderly one."""
        try:
            with self._journal.open("rb") as lines:
                for line in lines:
                    # The last line may be half written; it then names nothing complete.
                    if line.endswith(b"\n") and isinstance(event := parse_line(line), Arrival):
                        yield event
        except FileNotFoundError:
            return

    def open_journal(self) -> FileIO:
        """Append to the journal, each write at once on its way to disk; the caller closes it."""
        return open(self._journal, "ab", buffering=0, opener=_private)

    def forget_journal(self) -> None:
        """The manifest is written: what arrived no longer needs remembering."""
        self._journal.unlink(missing_ok=True)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
