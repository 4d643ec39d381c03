"""Tells systemd how the service is doing: sd_notify(3), one datagram for each message."""

import socket
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from daemon.printable import printable

_VARIABLE: Final = "NOTIFY_SOCKET"


class Notification:
    """The way to the service manager; without one, everything said here goes nowhere.

    Nothing is ever raised: whether somebody listens must not decide whether servers are saved.
    """

    def __init__(self, address: str | None) -> None:
        """Speak to the datagram socket at `address`; one that begins with `@` is abstract."""
        self._address = address

    @classmethod
    def of(cls, variables: Mapping[str, str]) -> "Notification":
        """The one that the process's environment names."""
        return cls(variables.get(_VARIABLE))

    def ready(self) -> None:
        """The service does its work from now on."""
        self._send("READY=1")

    def alive(self, status: str) -> None:
        """The watchdog need not bite yet; `status` is one line for people."""
        self._send(f"WATCHDOG=1\nSTATUS={printable(status)}")

    def reloading(self, monotonic: float) -> None:
        """The settings are being read again; `ready` says when that is done.

        Args:
            monotonic: Seconds of CLOCK_MONOTONIC.
        """
        self._send(f"RELOADING=1\nMONOTONIC_USEC={int(monotonic * 1_000_000)}")

    def stopping(self, status: str) -> None:
        """The service was told to end and is about to."""
        self._send(f"STOPPING=1\nSTATUS={printable(status)}")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        address = self._address
        path = f"\0{address[1:]}" if address.startswith("@") else address
        # Safe to pass over: see the class.
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as speaking:
            speaking.setblocking(False)
            speaking.sendto(message.encode(), path)
