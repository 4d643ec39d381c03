"""What is kept of a pull that broke off: only what is known to be as the source had it.

The image then holds files that have just arrived, files that rsync had not come to yet, and
perhaps some that arrived without anybody hearing of it. Of these a checkpoint has

- what arrived and equals the source's checksum (or arrived from an rsync that gives none),
- what nobody touched since the parent snapshot recorded it: the version of an earlier run,
- that same content with new attributes.

Everything else is left out, above all files whose checksum nobody knows and unfinished ones,
which are not in the image at all. Folders may have the times of the transfer, since rsync sets
them last. The journal goes on vouching for what arrived and is left out.
"""

import os
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import chain

from backends.errors import BackendError, LocalDiskFull, SshError, TransferError
from backends.pathlist import PathList
from backends.repository.tree import Node, NodeType
from backends.source_errors import SnapshotLost
from backends.types import Arrival, Omission, PullReport

#: Errors of a pull after which what has arrived is worth keeping.
CUTS = (SshError, TransferError, LocalDiskFull, SnapshotLost)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """A pull that broke off.

    Attributes:
        error: Why.
        asked: Staged files whose time was moved to have rsync look at them, by inode; one that
            still has that time was not looked at.
    """

    error: BackendError
    asked: Mapping[int, int]

    def is_in_doubt(self, stat: os.stat_result) -> bool:
        """Whether a staged entry waits for rsync's word."""
        return self.asked.get(stat.st_ino) == stat.st_mtime_ns


class Received:
    """Counts what a pull delivers, for the report of one that cannot give it itself."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._arrivals = 0
        self._bytes = 0

    def watching(self, take: Callable[[Arrival], None]) -> Callable[[Arrival], None]:
        """`take`, counted."""

        def count(arrival: Arrival) -> None:
            self._arrivals += not arrival.linked_to
            self._bytes += arrival.received
            take(arrival)

        return count

    def report(self, rsync_version: str) -> PullReport:
        """Of what came until the pull broke off."""
        return PullReport(
            complete=False,
            arrivals=self._arrivals,
            received_bytes=self._bytes,
            omissions=(),
            vanished=(),
            seconds=time.monotonic() - self._began,
            attempts=1,
            rsync_version=rsync_version,
        )


def may_be_kept(stat: os.stat_result, known: Node | None) -> bool:
    """Whether a staged file can still hold the parent's content: only its attributes changed."""
    return (
        known is not None
        and known.type is NodeType.FILE
        and stat.st_ino == known.inode
        and stat.st_mtime_ns == known.mtime_ns
        and stat.st_size == known.size
    )


def shortfall(error: BackendError, *, earlier: int, left_out: int) -> Omission:
    """What a checkpoint lacks, in a sentence; it concerns the whole copy.

    Args:
        error: Why the pull broke off.
        earlier: Files as an earlier run recorded them.
        left_out: Files in staging that are not in the checkpoint.
    """
    reason = f"the transfer was stopped: {error}. What had not arrived is missing"
    if earlier:
        reason += f"; {earlier} files are as an earlier run found them"
    if left_out:
        reason += f"; {left_out} staged files are left out, since they are not known to be whole"
    return Omission(path=b"", reason=reason)


def joined(first: PullReport, again: PullReport) -> PullReport:
    """Two pulls of the same, as one."""
    return replace(
        again,
        arrivals=first.arrivals + again.arrivals,
        received_bytes=first.received_bytes + again.received_bytes,
        vanished=tuple(dict.fromkeys((*first.vanished, *again.vanished))),
        seconds=first.seconds + again.seconds,
        attempts=first.attempts + again.attempts,
        changed=_united(first.changed, again.changed),
    )


def _united(first: Iterable[bytes] | None, again: Iterable[bytes] | None) -> Iterable[bytes] | None:
    return None if first is None or again is None else PathList(chain(first, again))
