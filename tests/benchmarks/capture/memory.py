"""Peak memory of all processes together: ours, and those of the programs that we start."""

import os

from tests.benchmarks.capture.processes import Looking, below, processes, proportional
from tests.benchmarks.capture.record import Peak
from tests.benchmarks.capture.rig import Rig

_SAMPLE_SECONDS = 0.1
#: Programs that we start and do not write ourselves.
_THEIRS = frozenset({"rsync", "ssh"})


class Watch(Looking):
    """Reads the proportional size of all descendants of this process but those of the rig.

    What several processes share is divided among them, so that the sum counts it once.
    """

    def __init__(self, rig: Rig) -> None:
        super().__init__(_SAMPLE_SECONDS)
        self.peak = Peak(everything=0, own=0, theirs=0)
        self._standing = {each.pid for each in below(processes(), (os.getpid(),))} | set(rig.far)

    def look(self) -> None:
        """Take the sizes of this moment."""
        there = processes()
        roots = [
            each.pid
            for each in there.values()
            if each.parent == os.getpid() and each.pid not in self._standing
        ]
        own = theirs = 0
        for process in below(there, roots):
            size = proportional(process.pid)
            if process.name in _THEIRS:
                theirs += size
            else:
                own += size
        self.peak = Peak(
            everything=max(self.peak.everything, own + theirs),
            own=max(self.peak.own, own),
            theirs=max(self.peak.theirs, theirs),
        )
