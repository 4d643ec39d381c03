"""The folder where a server's pull lands, and the journal of what arrived in it.

    <root>/image/         what rsync writes: the server's paths, kept from run to run
    <root>/image~pull/    rsync's unfinished files, so that a cut transfer continues
    <root>/arrivals.log   rsync's own lines of the run under way
    <root>/vacated.log    what files held whose data was given back, see `vacated`

The journal exists only between the first arrival and the manifest. Found at the start of a run it
means that the last one broke off: its files are in the image, rsync will not send them again, and
the journal still has the checksums that the source computed of them.
"""

import os
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

from backends.capture.fake_super import ensure_xattrs
from backends.capture.vacated import VacatedLog
from backends.errors import LocalDiskFull, LocalPathUnusable
from backends.process import LINE_LIMIT
from backends.rsync.output import parse_line
from backends.rsync.scratch import await_orphan
from backends.types import Arrival

#: Below this, rsync would fill the disk before the first file is done (bytes).
LEAST_FREE = 16 * 2**20
#: Seconds until the rsync of a killed run, whose lines nobody reads, must have noticed that.
_ORPHANS_TIME = 10.0
#: The first line of a journal whose run ended in a checkpoint; it is no report of rsync's.
_MARK = b"# what else had arrived is in a checkpoint\n"


class Staging:
    """One server's staging folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.image = root / "image"
        self._journal = root / "arrivals.log"
        self._interrupted_size: int | None = None
        #: What staged files held whose data is gone.
        self.vacated = VacatedLog(root)

    def prepare(self) -> None:
        """Create the folders, readable by this user alone, once nobody writes there any more.

        Raises:
            LocalPathUnusable: the state folder cannot be written.
            LocalDiskFull: there is next to no space left.
        """
        try:
            for folder in (self.root, self.image):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            ensure_xattrs(str(self.image))
            # What it brings until then would be neither in the journal nor looked at.
            await_orphan(str(self.image), _ORPHANS_TIME)
            free = shutil.disk_usage(self.image).free
            self._interrupted_size = _size_of_whole_lines(self._journal)
        except OSError as error:
            raise LocalPathUnusable(
                f"Cannot use the staging folder {self.root}: {error.strerror}.",
                hint="Make the state folder writable for the user that runs Lapseguard.",
            ) from error
        if free < LEAST_FREE:
            raise LocalDiskFull(f"Only {free} bytes are free under {self.root}.")

    @property
    def is_interrupted(self) -> bool:
        """Whether the last run broke off after something had arrived; known once prepared."""
        return self._interrupted_size is not None

    def interrupted_arrivals(self) -> Iterator[Arrival]:
        """What a run that broke off had received; empty after an orderly one.

        What the present run appends meanwhile is not among it.
        """
        if self._interrupted_size is not None:
            yield from self._read(self._interrupted_size)

    def _read(self, rest: int) -> Iterator[Arrival]:
        with self._journal.open("rb") as lines:
            while line := lines.readline(rest):
                rest -= len(line)
                if isinstance(event := parse_line(line), Arrival):
                    yield event

    def arrivals(self) -> Iterator[Arrival]:
        """What is in the journal by now, of this run and of those that broke off before it."""
        if (size := _size_of_whole_lines(self._journal)) is not None:
            yield from self._read(size)

    @contextmanager
    def open_journal(self) -> Iterator[FileIO]:
        """Append to the journal, each write at once on its way to disk.

        One that is still empty afterwards is removed: nothing broke off then.
        """
        with open(self._journal, "ab", buffering=0, opener=_private) as journal:
            journal.truncate(self._interrupted_size or 0)
            try:
                yield journal
            finally:
                if journal.tell() == 0:
                    self.forget_journal()

    def shorten_journal(self, keep: Collection[bytes]) -> None:
        """A checkpoint has all that arrived except `keep`; the run still counts as broken off.

        Args:
            keep: Paths, relative to the image, whose arrivals are to be remembered.

        Raises:
            LocalPathUnusable: it cannot be written.
        """
        if not self._journal.exists():
            return  # no whole file had arrived
        shorter = self._journal.with_suffix(".new")
        try:
            with self._journal.open("rb") as lines, open(shorter, "wb", opener=_private) as file:
                file.write(_MARK)
                for line in lines:
                    event = parse_line(line)
                    if isinstance(event, Arrival) and event.path in keep:
                        file.write(line)
            shorter.replace(self._journal)
        except OSError as error:
            raise LocalPathUnusable(f"Cannot shorten {self._journal}: {error.strerror}.") from error

    def forget_journal(self) -> None:
        """The manifest is written: what arrived no longer needs remembering."""
        self._journal.unlink(missing_ok=True)
        self.vacated.shorten()


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _size_of_whole_lines(journal: Path) -> int | None:
    """Bytes up to the last line break: half a line would name another file. None: no journal."""
    try:
        with journal.open("rb") as lines:
            size = lines.seek(0, os.SEEK_END)
            start = lines.seek(max(0, size - LINE_LIMIT))
            return start + lines.read().rfind(b"\n") + 1
    except FileNotFoundError:
        return None
