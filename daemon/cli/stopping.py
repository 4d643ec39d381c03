"""Lets the signals that end the program also end its waiting, in whatever thread that is."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

from daemon.errors import Interrupted
from daemon.services.stopping import Stopping

_ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_CHECKPOINT: Final = "\nStopping: keeping what has arrived. Once more ends at once.\n"

_Handler = Callable[[int, FrameType | None], object]


@contextmanager
def stop_on_signals() -> Iterator[threading.Event]:
    """An event that such a signal sets before it interrupts the main thread.

    Without it a store that does not answer would be tried for minutes after Ctrl-C, since the
    threads that wait for it hear of no interruption. Call it in the main thread.
    """
    stop = threading.Event()

    def end(number: int, frame: FrameType | None, before: _Handler) -> None:
        stop.set()
        before(number, frame)

    with _handling(end):
        yield stop


@contextmanager
def checkpoint_on_signals() -> Iterator[Stopping]:
    """What the first such signal asks for a checkpoint, and the second one to end at once.

    Call it in the main thread, which only the second signal interrupts.
    """
    stopping = Stopping()

    def end(number: int, frame: FrameType | None, before: _Handler) -> None:
        if not stopping.asked.is_set():
            stopping.ask(Interrupted(f"It was stopped by {signal.Signals(number).name}."))
            _say(_CHECKPOINT)
            return
        stopping.force()
        before(number, frame)

    with _handling(end):
        yield stopping


def _say(line: str) -> None:
    """Write past the buffer, which the signal may have interrupted."""
    try:
        os.write(sys.stderr.fileno(), line.encode())
    except OSError:
        # Safe to pass over: whoever read it is gone, and the run is to be saved all the same.
        return


@contextmanager
def _handling(end: Callable[[int, FrameType | None, _Handler], None]) -> Iterator[None]:
    """Have `end` called with what the handler was before, unless the signal was ignored."""
    before = {number: signal.getsignal(number) for number in _ENDING}

    def handle(number: int, frame: FrameType | None) -> None:
        handler = before[signal.Signals(number)]
        if callable(handler):
            end(number, frame, handler)

    for number, handler in before.items():
        if callable(handler):
            signal.signal(number, handle)
    try:
        yield
    finally:
        for number, handler in before.items():
            if callable(handler):
                signal.signal(number, handler)
