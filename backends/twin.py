"""A second process of this program, made from it as it is, that answers questions meanwhile.

Python runs one thread at a time, and work on many small things is mostly Python. A twin works on
the other processor. It is made by `fork`, which costs a hundredth of starting a program anew and
shares all memory that neither changes. That is safe only while there is a single thread and no
connection that both could use: elsewhere no twin is made, and the caller works alone.
"""

import ctypes
import os
import signal
import socket
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Final, NoReturn

#: Takes a question; its answer, or None where it has none.
Answer = Callable[[bytes], bytes | None]

_LENGTH: Final = struct.Struct("<I")
#: Stands for the length of an answer that there is none of.
_NONE: Final = (1 << 32) - 1
_DEATH_SIGNAL: Final = 1  # PR_SET_PDEATHSIG of prctl(2)


class Twin:
    """The other process, seen from this one; safe to use from several threads."""

    def __init__(self, process: int, seats: list[socket.socket]) -> None:
        self._process = process
        self._free = list(seats)
        self._seats = seats
        self._taking = threading.Lock()
        self._ended = False

    @property
    def process(self) -> int:
        """Its number."""
        return self._process

    def ask(self, question: bytes) -> bytes | None:
        """Its answer; None at once where it is busy or gone, or where it has none."""
        return self.begin(question)()

    def begin(self, question: bytes) -> Callable[[], bytes | None]:
        """Put it to the other process; what this gives waits for the answer, see `ask`."""
        seat = self._take()
        if seat is not None:
            try:
                _send(seat, question)
            except OSError:
                seat = None  # it is gone, and the seat with it: the caller does the work itself
        return partial(self._hear, seat)

    def end(self) -> None:
        """End it at once, whatever it does; nothing is left of it. Once more does nothing."""
        with self._taking:
            if self._ended:
                return
            self._ended = True
            self._free.clear()
        with suppress(ProcessLookupError):
            os.kill(self._process, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(self._process, 0)
        for seat in self._seats:
            # Wakes whoever waits for an answer.
            with suppress(OSError):
                seat.shutdown(socket.SHUT_RDWR)
            seat.close()

    def _take(self) -> socket.socket | None:
        with self._taking:
            return self._free.pop() if self._free else None

    def _hear(self, seat: socket.socket | None) -> bytes | None:
        if seat is None:
            return None
        try:
            answer = _receive(seat)
        except (OSError, EOFError):
            return None  # likewise
        with self._taking:
            if not self._ended:
                self._free.append(seat)
        return answer


class Errand:
    """One answer that a process made for nothing else works out; see `begin_errand`."""

    def __init__(self, other: Twin) -> None:
        self._other = other
        self._hear = other.begin(b"")

    def result(self) -> bytes | None:
        """Waits for it; None where there is none, or the process is gone. To be called once."""
        try:
            return self._hear()
        finally:
            self.end()

    def end(self) -> None:
        """Nobody wants to know any more. Once more, or after `result`, does nothing."""
        self._other.end()


def begin_errand(answer: Callable[[], bytes | None]) -> Errand | None:
    """Have something worked out by another process, or None where there cannot be one.

    Unlike a thread it leaves this process with its single one, of which a twin can be made later.
    """
    made = _make(lambda _: answer(), seats=1) if _can_be_two() else None
    return None if made is None else Errand(made)


def _can_be_two() -> bool:
    return threading.active_count() == 1 and len(os.sched_getaffinity(0)) > 1


@contextmanager
def twin(answer: Answer, *, seats: int) -> Iterator[Twin | None]:
    """A twin for the length of the block, or None where there cannot be one.

    Args:
        answer: What it does with a question, in one of several threads.
        seats: How many questions it takes at the same time.
    """
    if not _can_be_two():
        yield None
        return
    made = _make(answer, seats)
    try:
        yield made
    finally:
        if made is not None:
            made.end()


def _make(answer: Answer, seats: int) -> Twin | None:
    _flush()
    pairs = [socket.socketpair() for _ in range(seats)]
    parent = os.getpid()
    try:
        process = os.fork()
    except OSError:
        process = -1  # no room for another process
    if process == 0:
        _live([theirs for _, theirs in pairs], [ours for ours, _ in pairs], answer, parent)
    for ours, theirs in pairs:
        theirs.close()
        if process < 0:
            ours.close()
    return Twin(process, [ours for ours, _ in pairs]) if process > 0 else None


def _live(
    seats: list[socket.socket], others: list[socket.socket], answer: Answer, parent: int
) -> NoReturn:
    """Be the twin, to the end of this process."""
    try:
        _obey(parent)
        for other in others:
            other.close()
        threads = [threading.Thread(target=_serve, args=(each, answer)) for each in seats]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        # Nothing of what was inherited may be put in order here: it is the other's.
        os._exit(0)


def _obey(parent: int) -> None:
    """End with the other process, and leave what the terminal says to it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    ctypes.CDLL(None).prctl(_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)  # it had ended before we asked for that


def _serve(seat: socket.socket, answer: Answer) -> None:
    with suppress(OSError, EOFError):
        while True:
            question = _receive(seat)
            _send(seat, None if question is None else answer(question))


def _send(seat: socket.socket, message: bytes | None) -> None:
    if message is None:
        seat.sendall(_LENGTH.pack(_NONE))
    else:
        seat.sendall(_LENGTH.pack(len(message)) + message)


def _receive(seat: socket.socket) -> bytes | None:
    (length,) = _LENGTH.unpack(_read(seat, _LENGTH.size))
    return None if length == _NONE else _read(seat, length)


def _read(seat: socket.socket, size: int) -> bytes:
    """Exactly so many bytes. Raises EOFError where the other side is gone."""
    parts = bytearray()
    while len(parts) < size:
        part = seat.recv(size - len(parts))
        if not part:
            raise EOFError
        parts += part
    return bytes(parts)


def _flush() -> None:
    """Leave nothing in buffers that both would write."""
    with suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
