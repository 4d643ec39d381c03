"""Counts what a pull brings, and stops it where the budget ends."""

import time
from collections.abc import Sequence
from pathlib import Path

from backends.errors import BudgetExceeded, TransferInterrupted
from backends.process import readable_name, split_lines
from backends.protocols import StopSignal
from backends.rsync.changes import ChangedPaths
from backends.rsync.output import Change, ChangeKind
from backends.rsync.pace import Pace
from backends.rsync.sieve import Sieve
from backends.rsync.survey import Survey
from backends.types import Arrival, Omission, PullSpec

#: What a pull that its caller has stopped says.
STOPPED = "The pull was stopped on request"
#: What the protocol may need beside the files: lists of names, checksums of blocks.
_OVERHEAD = 16 << 20
#: Seconds between two looks at how much came over the line.
_INTERVAL = 0.5
#: More would tell a person nothing, and a server could name them without end.
_MOST_OMISSIONS = 10_000


class Tally:
    """The counts of one pull over all its passes; used by one thread at a time."""

    def __init__(self, spec: PullSpec, stop: StopSignal | None) -> None:
        self._budget = spec.budget
        self._stop = stop
        self._started = time.monotonic()
        self._looked = self._started
        self._entries = 0
        self._landed = 0
        self._wire = {0: 0}
        self._oversize: dict[bytes, Omission] = {}
        self.pace = Pace(lambda: None)
        self.changes = ChangedPaths()
        #: Takes out what is as it was; None where the call under way does not name that.
        self.sieve: Sieve | None = None
        #: What staging held, likewise.
        self.survey: Survey | None = None
        self.lines = 0
        self.arrivals = 0
        self.received = 0

    @property
    def oversize(self) -> tuple[Omission, ...]:
        """Files above the limit for one file."""
        return tuple(self._oversize.values())

    @property
    def seconds(self) -> float:
        """Since the pull began."""
        return time.monotonic() - self._started

    @property
    def seconds_left(self) -> float | None:
        """What the budget leaves, or None for no limit."""
        limit = self._budget.max_seconds
        return None if limit is None else max(0.0, limit - self.seconds)

    def sift(self, block: bytes) -> list[bytes]:
        """The lines of a block that tell of something new."""
        if self.sieve is None:
            return split_lines(block)
        before = self.sieve.count
        lines = self.sieve.sift(block)
        self.lines += self.sieve.count - before
        return lines

    def note(self, events: Sequence[Arrival | Change | None]) -> None:
        """Take in what lines tell, None for one that is not understood; not their budget."""
        for event in events:
            self.changes.note(event)
        if self.sieve is not None:
            self.sieve.note(events)

    def note_removed(self, path: bytes) -> None:
        """Something left staging that rsync did not name."""
        self.changes.note(Change(kind=ChangeKind.DELETED, path=path))

    def count(self, event: Arrival | Change) -> None:
        """Add one line of rsync's.

        Raises:
            BudgetExceeded: names the limit.
        """
        self.lines += 1
        if isinstance(event, Change):
            self._count_change(event)
        else:
            self._count_arrival(event)
        limit = self._budget.max_files
        if limit is not None and self._entries > limit:
            raise BudgetExceeded(f"More than {limit} files and folders came")

    def watch(self, group: int) -> None:
        """Look at the stop event, and now and then at how much ssh has received.

        A file shows up in rsync's lines when it is complete. An endless one never is, and one
        that is endless zeros takes no room on disk either; so the line itself is measured.

        Raises:
            BudgetExceeded, TransferInterrupted.
        """
        if self._stop is not None and self._stop.is_set():
            raise TransferInterrupted(STOPPED)
        self.pace.check(group)
        now = time.monotonic()
        limit = self._budget.max_bytes
        if limit is None or now - self._looked < _INTERVAL:
            return
        self._looked = now
        self._wire[group] = received_by_ssh(group)
        if sum(self._wire.values()) > limit + limit // 10 + _OVERHEAD:
            raise BudgetExceeded(f"More than {limit} bytes came over the line")

    def _count_arrival(self, arrival: Arrival) -> None:
        self._entries += 1
        self.arrivals += not arrival.linked_to
        self.received += arrival.received
        if not arrival.linked_to:
            # A delta can make a large file of few bytes on the line, so the larger figure counts.
            self._landed += max(arrival.size, arrival.received)
        limit = self._budget.max_bytes
        if limit is not None and self._landed > limit:
            raise BudgetExceeded(f"More than {limit} bytes of files came")

    def _count_change(self, change: Change) -> None:
        if change.kind is not ChangeKind.OVERSIZE:
            self._entries += change.kind is not ChangeKind.DELETED
            return
        limit = self._budget.max_file_bytes
        if limit is None:
            name = readable_name(change.path)
            raise BudgetExceeded(f"{name} alone is larger than {self._budget.max_bytes} bytes")
        if len(self._oversize) < _MOST_OMISSIONS:
            reason = f"it is larger than {limit} bytes, the limit for one file"
            self._oversize[change.path] = Omission(path=change.path, reason=reason)


def received_by_ssh(group: int) -> int:
    """Bytes that the ssh of a process group has read so far; 0 where the system does not say."""
    total = 0
    for pid in ssh_processes(group):
        try:
            first = Path(f"/proc/{pid}/io").read_text("ascii").splitlines()[0]
            total += int(first.removeprefix("rchar: "))
        except OSError:
            continue  # It ended while we looked.
    return total


def ssh_processes(group: int) -> list[int]:
    """The ids of every ssh in a process group; none where the system does not say."""
    found: list[int] = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            name, _, rest = (folder / "stat").read_text("ascii", "replace").rpartition(") ")
            if name.endswith("(ssh") and int(rest.split()[2]) == group:
                found.append(int(folder.name))
        except OSError:
            continue  # It ended while we looked, or is somebody else's and none of ours.
    return found
