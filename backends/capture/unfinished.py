"""What has come of large files that are not complete: the one that rsync is writing, above all.

A server may vanish in the middle of its largest file. What had come of that is better than
nothing, but it is not the file, and nothing vouches for it: rsync names and compares only whole
ones. So it never stands where the file would. It hangs beside the pull, as

    /.lapseguard/unfinished/<name>

by its last name alone, since rsync does not say for which folder it is; of several of one name the
longest is kept. Only checkpoints have any.
"""

import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from backends.capture.grafting import Graft, GraftedFile
from backends.capture.places import PLACE
from backends.repository.beginning import Beginning
from backends.repository.writer import StoredFile
from backends.types import Omission

#: Below `grafting.PLACE`.
FOLDER: Final = "unfinished"


@dataclass(frozen=True, slots=True)
class _Coming:
    name: str
    since: datetime
    beginning: Beginning


class Unfinished:
    """Large files that are coming, by the inode of what rsync writes; safe between threads."""

    def __init__(self) -> None:
        self._coming: dict[int, _Coming] = {}
        self._lock = threading.Lock()

    def begin(self, inode: int, name: bytes, since: float) -> Beginning:
        """One has begun to come, at this time of the epoch; give the writer what is returned."""
        found = _Coming(_text(name), datetime.fromtimestamp(since, UTC), Beginning())
        with self._lock:
            self._coming[inode] = found
        return found.beginning

    def complete(self, path: bytes, size: int) -> None:
        """The file at this path is stored: what of its name is no longer is its beginning.

        There may be several, where the pull was begun anew in the midst of it.
        """
        if not self._coming:
            return
        name = _text(path.rpartition(b"/")[2])
        with self._lock:
            self._coming = {
                inode: each
                for inode, each in self._coming.items()
                if each.name != name or each.beginning.size() > size
            }

    @property
    def size(self) -> int:
        """Bytes of all that are with the writer."""
        with self._lock:
            return sum(each.beginning.size() for each in self._coming.values())

    def files(self) -> tuple[GraftedFile, ...]:
        """What has come, to be hung beside the pull; the writer's next `flush` stores it."""
        with self._lock:
            coming = tuple(self._coming.values())
        longest: dict[str, GraftedFile] = {}
        for file in filter(None, map(_file, coming)):
            known = longest.get(file.path)
            if known is None or known.stored.size < file.stored.size:
                longest[file.path] = file
        return tuple(longest.values())


def omissions_of(graft: Graft | None) -> tuple[Omission, ...]:
    """What a manifest says of files that are not complete."""
    return tuple(
        Omission(
            path=PLACE + b"/" + file.path.encode(),
            reason=f"only the first {file.stored.size} bytes of a file of this name had come; "
            "nothing has compared them with the source",
        )
        for file in (graft.files if graft else ())
        if file.path.startswith(f"{FOLDER}/")
    )


def _text(name: bytes) -> str:
    """A name may be any bytes, and this one is ours."""
    return name.decode(errors="backslashreplace")


def _file(coming: _Coming) -> GraftedFile | None:
    stored = coming.beginning.read()
    if stored is None:
        return None
    return GraftedFile(
        path=f"{FOLDER}/{coming.name}",
        taken_at=coming.since,
        stored=StoredFile(blobs=stored.blobs, size=stored.size, sha256=stored.sha256, xxh128=""),
    )
