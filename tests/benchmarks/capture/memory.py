"""Peak memory of all processes together: ours, and those of the programs that we start."""

import os
import threading
from types import TracebackType
from typing import Self

from tests.benchmarks.capture.processes import below, processes, proportional
from tests.benchmarks.capture.record import Peak
from tests.benchmarks.capture.rig import Rig

_SAMPLE_SECONDS = 0.1
#: Programs that we start and do not write ourselves.
_THEIRS = frozenset({"rsync", "ssh"})


class Watch:
    """Reads the proportional size of all descendants of this process but those of the rig.

    What several processes share is divided among them, so that the sum counts it once.
    """

    def __init__(self, rig: Rig) -> None:
        self.peak = Peak(everything=0, own=0, theirs=0)
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._read_on, daemon=True)
        self._standing = {each.pid for each in below(processes(), (os.getpid(),))} | set(rig.far)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._done.set()
        self._thread.join()

    def _read_on(self) -> None:
        while not self._done.wait(_SAMPLE_SECONDS):
            self._take()

    def _take(self) -> None:
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
