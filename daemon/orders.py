"""What signals order a service to do: end, end at once, read the settings again."""

import os
import select
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Final

_ENDING: Final = (signal.SIGTERM, signal.SIGINT)


class Orders:
    """Orders as events that any thread may look at.

    Attributes:
        end: Keep what has arrived, and end.
        hurry: The order to end was repeated: wait for nothing any more.
        reload: Read the settings again; whoever does so clears it.
    """

    def __init__(self) -> None:
        self.end = threading.Event()
        self.hurry = threading.Event()
        self.reload = threading.Event()
        self._ear, self._mouth = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def give(self, number: int) -> None:
        """Take a signal for the order that it is."""
        if number == signal.SIGHUP:
            self.reload.set()
        elif self.end.is_set():
            self.hurry.set()
        else:
            self.end.set()
        # Safe to pass over: a full pipe wakes whoever waits just as well.
        with suppress(BlockingIOError):
            os.write(self._mouth, b".")

    def wait(self, seconds: float) -> None:
        """Sleep for so long, or until the next order.

        For the thread that signals interrupt: it must not wait for the events themselves, since a
        handler that sets one could then wait for the very thread that it interrupted.
        """
        heard, _, _ = select.select([self._ear], [], [], seconds)
        if heard:
            os.read(self._ear, 512)


@contextmanager
def obey_signals() -> Iterator[Orders]:
    """Orders by SIGTERM, SIGINT and SIGHUP for the length of a `with` block in the main thread.

    A hang-up interrupts nothing: stock restic sends one to every process that holds a lock on a
    repository, merely to see whether it is there.
    """
    orders = Orders()

    def obey(number: int, _frame: FrameType | None) -> None:
        orders.give(number)

    before = {number: signal.signal(number, obey) for number in (*_ENDING, signal.SIGHUP)}
    try:
        yield orders
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
