"""Holds a pull back while staging is full.

rsync cannot be told to wait, and stopping it would leave a stopped process with our lock behind
if we were killed then. So its ssh is stopped: rsync waits for the line as for a slow server. Both
sides give up after two minutes without a byte, so now and then a little is let through.
"""

import signal
import threading
import time
from contextlib import suppress
from os import close, pidfd_open
from shutil import which
from types import TracebackType
from typing import Final, Protocol, Self

from backends.rsync.tally import ssh_processes

#: Seconds between two looks at staging.
_INTERVAL: Final = 0.02
#: Seconds that ssh is stopped at most; sshd and rsync have longer patience.
_HOLD: Final = 15.0
#: Seconds for which something is let through then.
_TRICKLE: Final = 0.05


def tethered_ssh(ssh: tuple[str, ...]) -> tuple[str, ...]:
    """The ssh command, killed by the kernel when its rsync ends, which a stopped one would miss."""
    if which("setpriv") is None:
        return ssh
    return ("setpriv", "--pdeathsig", "KILL", "--", *ssh)


class Room(Protocol):
    """What staging has room for."""

    def arrive(self, size: int) -> None:
        """A file of so many bytes has landed; told before anybody else hears of it."""

    def is_full(self) -> bool:
        """Whether the pull has to wait; asked many times a second, by several threads."""


class NoLimit:
    """Staging has room for everything."""

    def arrive(self, size: int) -> None:
        """See `Room.arrive`."""

    def is_full(self) -> bool:
        """See `Room.is_full`."""
        return False


class Brake:
    """Stops and continues the ssh of one process group. A context manager."""

    def __init__(self, room: Room) -> None:
        self._is_full = room.is_full
        self._group: int | None = None
        self._stopped: list[int] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="brake", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    def see(self, group: int) -> None:
        """The process group to hold back; told again and again while it runs."""
        self._group = group

    def _run(self) -> None:
        try:
            while not self._over.wait(_INTERVAL):
                if self._group is not None and self._is_full():
                    self._hold(self._group)
        finally:
            self._release()

    def _hold(self, group: int) -> None:
        for pid in ssh_processes(group):
            self._stop(pid)
        end = time.monotonic() + _HOLD
        while self._is_full() and time.monotonic() < end and not self._over.wait(_INTERVAL):
            pass
        self._release()
        self._over.wait(_TRICKLE)

    def _stop(self, pid: int) -> None:
        try:
            descriptor = pidfd_open(pid)
        except OSError:
            return  # It has ended.
        self._stopped.append(descriptor)
        _send(descriptor, signal.SIGSTOP)

    def _release(self) -> None:
        stopped, self._stopped = self._stopped, []
        for descriptor in stopped:
            _send(descriptor, signal.SIGCONT)
            close(descriptor)


def _send(descriptor: int, number: signal.Signals) -> None:
    # One that has ended lets nothing through either.
    with suppress(ProcessLookupError):
        signal.pidfd_send_signal(descriptor, number)
