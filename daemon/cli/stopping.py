"""Lets the signals that end the program also end its waiting, in whatever thread that is."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

_ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def stop_on_signals() -> Iterator[threading.Event]:
    """An event that such a signal sets before it interrupts the main thread.

    Without it a store that does not answer would be tried for minutes after Ctrl-C, since the
    threads that wait for it hear of no interruption. Call it in the main thread.
    """
    stop = threading.Event()
    before = {number: signal.getsignal(number) for number in _ENDING}

    def end(number: int, frame: FrameType | None) -> None:
        stop.set()
        handler = before[signal.Signals(number)]
        if callable(handler):
            handler(number, frame)

    for number, handler in before.items():
        if callable(handler):
            signal.signal(number, end)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            if callable(handler):
                signal.signal(number, handler)
