"""Takes out of rsync's lines what is as it was, where rsync has been asked to name that as well.

Those are by far the most lines of a pull that finds little changed, so they are taken by the
block. Their names are used for nothing but to be compared with those in staging.
"""

import os
import re
from collections.abc import Iterable

from backends.process import split_lines
from backends.rsync.output import Change, ChangeKind, parse_line, unescape_name
from backends.rsync.pathset import PathSet
from backends.types import Arrival

#: `%i %b %l %C %n` of something that is as it was; its checksum is blank.
_UNCHANGED = re.compile(rb"^\.[fdLDS] {10}0 \d{1,19} {34}(.+)\n", re.MULTILINE)
#: A further name of something that is as it was, and perhaps a further name only now.
_LINKED = re.compile(rb"h[fdLDS] {10}")


class Sieve:
    """The lines of one call of rsync; used by one thread at a time.

    Args:
        staging: The image.
        since: When the pull began, by the clock of staging's file system, in nanoseconds.
    """

    def __init__(self, staging: str, since: int) -> None:
        self._image = os.fsencode(staging) + b"/"
        self._since = since
        #: All that rsync has named.
        self.named = PathSet()
        #: A line was not understood, so a name may be missing.
        self.is_doubtful = False
        #: Lines taken out.
        self.count = 0

    def sift(self, block: bytes) -> list[bytes]:
        r"""The lines of what may have changed.

        Args:
            block: Lines as rsync printed them, the last perhaps without its `\n`.
        """
        names: list[bytes] = _UNCHANGED.findall(block.replace(b"/\n", b"\n"))
        if names:
            block = _UNCHANGED.sub(b"", block)
            self._pass_by([unescape_name(name) for name in names])
        return [line for line in split_lines(block) if not self._is_old_link(line)]

    def note(self, events: Iterable[Arrival | Change | None]) -> None:
        """Note what the other lines name, None where one is not understood."""
        for event in events:
            if event is None:
                self.is_doubtful = True
            elif isinstance(event, Arrival) or event.kind is not ChangeKind.DELETED:
                self.named.add((event.path,))

    def _pass_by(self, names: list[bytes]) -> None:
        self.count += len(names)
        self.named.add(names)

    def _is_old_link(self, line: bytes) -> bool:
        """Whether it is about a further name that was one before: nobody made a link since.

        rsync prints the same where it puts a link in the place of a file that is equal to the
        other one. Whatever changes the number of its names changes a file's ctime.
        """
        if not _LINKED.match(line) or (event := parse_line(line)) is None:
            return False
        try:
            changed = os.lstat(self._image + event.path).st_ctime_ns
        except OSError:
            return False  # Safe: whoever looks closer finds out.
        if changed >= self._since:
            return False
        self._pass_by([event.path])
        return True
