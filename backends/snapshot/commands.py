"""Commands of a snapshot on its server: argument lists, least rights, failures with a meaning."""

import re
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from types import TracebackType
from typing import Protocol, Self

from backends.errors import (
    SshError,
)
from backends.process import Finished, readable
from backends.source_errors import (
    SnapshotBusy,
    SnapshotDenied,
    SnapshotError,
    SnapshotFailed,
    SnapshotNoSpace,
    SnapshotUnsupported,
)

#: Seconds for one command; a snapshot waits for the file system to come to rest.
TIMEOUT = 120.0


class Shell(Protocol):
    """Runs a command somewhere; `backends.shell.RemoteShell` does."""

    def run(self, argv: Sequence[str], timeout: float) -> Finished:
        """Run one command and wait for its end. Raises SshError."""


class Commands:
    """A server's command line, for as long as the block lasts; connects when first needed.

    A connection that broke is made anew by the next command, so that what was begun before can
    still be undone.

    Args:
        connect: Logs in.
        sudo: Run everything by `sudo -n`.
    """

    def __init__(
        self, connect: Callable[[], AbstractContextManager[Shell]], *, sudo: bool = False
    ) -> None:
        self._connect = connect
        self._prefix = ("sudo", "-n", "--") if sudo else ()
        self._connection = ExitStack()
        self._shell: Shell | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._hang_up()

    def run(self, *argv: str, timeout: float = TIMEOUT, sudo: bool = True) -> str:
        """What the command prints.

        Args:
            argv: The program and its arguments.
            timeout: Seconds.
            sudo: Whether it needs the rights; a look at what everybody may see does not.

        Raises:
            SnapshotError: it ended with an error; which one depends on what it said.
            SshError: it could not be run, or took too long.
        """
        finished = self.try_run(*argv, timeout=timeout, sudo=sudo)
        if finished.exit_code != 0:
            raise command_failure(argv, finished)
        return finished.stdout.decode("utf-8", "surrogateescape")

    def try_run(self, *argv: str, timeout: float = TIMEOUT, sudo: bool = True) -> Finished:
        """Likewise, whatever its exit code.

        Raises:
            SshError: it could not be run, or took too long.
        """
        if self._shell is None:
            self._shell = self._connection.enter_context(self._connect())
        try:
            return self._shell.run((*(self._prefix if sudo else ()), *argv), timeout)
        except SshError:
            self._hang_up()
            raise

    def _hang_up(self) -> None:
        self._shell = None
        self._connection.close()


def command_failure(argv: Sequence[str], finished: Finished) -> SnapshotError:
    """The error that says what a command's end means. Pure."""
    said = readable(finished.stderr).strip() or readable(finished.stdout).strip()
    last = said.splitlines()[-1] if said else f"exit code {finished.exit_code}"
    kind = next((kind for pattern, kind in _MEANINGS if pattern.search(said)), SnapshotFailed)
    if finished.exit_code == _NOT_FOUND:
        kind = SnapshotUnsupported
    return kind(f"`{' '.join(argv[:3])}` on the server failed: {last}")


#: A shell's exit code for a program that is not there.
_NOT_FOUND = 127

_MEANINGS: tuple[tuple[re.Pattern[str], type[SnapshotError]], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), kind)
    for pattern, kind in (
        (r"command not found|not a btrfs (file ?system|subvolume)", SnapshotUnsupported),
        (r"permission denied|not permitted|a password is required", SnapshotDenied),
        (r"is not allowed to execute|must be (superuser|root)|only root", SnapshotDenied),
        (r"no space left|insufficient free space|out of space", SnapshotNoSpace),
        (r"quota exceeded|not enough free", SnapshotNoSpace),
        (r"\bbusy\b|in use", SnapshotBusy),
    )
)
