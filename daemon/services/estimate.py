"""How much a capture has to read in all, so that time left can be told.

A first run reads everything, and one after a run that broke off the rest. Later runs read what has
changed, of which sizes say nothing.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from backends.capture.progress import CaptureProgress
from backends.errors import BackendError
from backends.types import PullSpec
from daemon.errors import DatabaseError
from daemon.services.baseline import Baseline
from daemon.services.units import Units

#: Bytes below a pull's paths, or None where the server does not say; raises SshError.
Measure = Callable[[PullSpec], int | None]


def expect_rest(units: Units, server: str, baseline: Baseline, progress: CaptureProgress) -> None:
    """Have the progress count on what the server said of its size, less what is saved of it."""
    head = baseline.head
    saved = head.manifest.bytes if head and baseline.tree else 0
    if head and baseline.tree and head.manifest.complete:
        return
    try:
        with units(read_only=True) as unit:
            measured = unit.standings.measured(server)
    except DatabaseError:
        return  # safe: nothing but a display depends on it
    if measured is not None and measured > saved:
        progress.expect(measured - saved)


@contextmanager
def estimating(measure: Measure, spec: PullSpec, progress: CaptureProgress) -> Iterator[None]:
    """Ask the server in the background while the block runs; nobody waits for the answer."""

    def ask() -> None:
        try:
            total = measure(spec)
        except BackendError:
            # Safe to pass over: without an answer the display shows no time left, nothing more.
            return
        if total is not None:
            progress.expect(total)

    threading.Thread(target=ask, name="estimate", daemon=True).start()
    yield
