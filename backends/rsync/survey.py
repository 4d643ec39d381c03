"""What staging holds, looked through while the pull goes on.

At the end of a pull it is then known whether all of it was named. And what is looked at is in
the cache when rsync comes to it: with `--fake-super` it looks at one file after the other.
"""

import os
import threading
from collections.abc import Iterable
from types import TracebackType
from typing import Self

from backends.rsync.leftovers import outermost
from backends.rsync.pathset import PathSet


class Survey:
    """Goes through an image in a thread of its own. A context manager, left when rsync has ended.

    What rsync makes meanwhile may be missing: rsync names it.

    Args:
        staging: The image.
        paths: The server's paths that are pulled, absolute.
    """

    def __init__(self, staging: str, paths: Iterable[str]) -> None:
        self._image = os.fsencode(staging)
        self._paths = tuple(paths)
        self._found = PathSet()
        self._is_complete = False
        self._is_late = False
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="survey", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            self.end()
        self._is_late = True
        self._thread.join()

    def end(self) -> None:
        """Nobody will ask."""
        self._over.set()

    def is_within(self, named: PathSet) -> bool:
        """Whether all that was there is for sure among these; asked after the end."""
        return self._is_complete and self._found <= named

    def _run(self) -> None:
        pending = outermost(self._paths)[::-1]
        try:
            while pending and not self._over.is_set():
                pending += self._look(pending.pop())
        except OSError:
            return  # Safe: it is not complete then, and whoever has to know looks again.
        self._is_complete = not pending

    def _look(self, folder: bytes) -> list[bytes]:
        """Look at all that is in a folder; returns the folders among it, the last one first."""
        prefix = folder + b"/" if folder else b""
        folders: list[bytes] = []
        names: list[bytes] = []
        try:
            with os.scandir(self._image + b"/" + folder) as entries:
                for entry in entries:
                    names.append(prefix + entry.name)
                    if not self._is_late:
                        entry.stat(follow_symlinks=False)
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(names[-1])
        except (FileNotFoundError, NotADirectoryError):
            # Safe: rsync has put something else there meanwhile, or there is nothing yet.
            return []
        self._found.add(names)
        return sorted(folders, reverse=True)
