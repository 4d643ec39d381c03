"""Asks a server, beside a first capture, how much there is, so that time left can be told."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from backends.capture.progress import CaptureProgress
from backends.errors import BackendError
from backends.types import PullSpec

#: Bytes below a pull's paths, or None where the server does not say; raises SshError.
Measure = Callable[[PullSpec], int | None]


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
