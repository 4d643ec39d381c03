"""Runs a dump on its server and keeps what it prints; nothing is written over there."""

import errno
import hashlib
import shlex
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from backends.dumps.dump import Dump
from backends.errors import (
    BackendError,
    BudgetExceeded,
    LocalDiskFull,
    LocalPathUnusable,
    ProcessStopped,
    ProcessTimeout,
    TransferInterrupted,
)
from backends.process import Running, readable
from backends.source_errors import (
    DumpFailed,
)
from backends.ssh import check_identity, pinned_known_hosts, ssh_argv, ssh_failure
from backends.types import SshTarget

#: Bytes at the end of a dump in which its end mark must be.
_TAIL: Final = 4096
_NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True, slots=True, kw_only=True)
class DumpReport:
    """A dump that came whole.

    Attributes:
        name: See `Dump.name`.
        size: Bytes.
        sha256: Of all of them, in hex.
        seconds: From the login to the end.
    """

    name: str
    size: int
    sha256: str
    seconds: float


def save_dump(
    target: SshTarget,
    dump: Dump,
    folder: Path,
    *,
    timeout: float,
    most: int | None = None,
    stop: threading.Event | None = None,
    on_bytes: Callable[[int], None] = lambda _: None,
) -> DumpReport:
    """Stream a dump into `folder`; it has its name only once it is known to be whole.

    Args:
        target: The server.
        dump: What to run there.
        folder: Where the file goes; made when missing.
        timeout: Seconds.
        most: Bytes beyond which it is given up, or None.
        stop: Once set, it ends.
        on_bytes: Told how many have come, now and then.

    Raises:
        DumpFailed: the program ended with an error, or what it printed is not whole.
        BudgetExceeded: it is larger than `most`, or took too long.
        TransferInterrupted: `stop` was set.
        SshError: the server could not be reached or the connection broke.
        LocalDiskFull, LocalPathUnusable: it cannot be written here.
    """
    began = time.monotonic()
    check_identity(target)
    part = folder / f".{dump.name}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            taking = _Taking(dump, file, most, on_bytes)
            _run(target, dump, taking, timeout, stop)
        taking.check_whole()
        part.replace(folder / dump.name)
    except OSError as error:
        raise _unwritable(part, error) from error
    finally:
        with suppress(FileNotFoundError):
            part.unlink()
    seconds = time.monotonic() - began
    return DumpReport(
        name=dump.name, size=taking.size, sha256=taking.digest.hexdigest(), seconds=seconds
    )


def _run(
    target: SshTarget, dump: Dump, taking: "_Taking", timeout: float, stop: threading.Event | None
) -> None:
    with pinned_known_hosts(target) as known_hosts:
        ssh = ssh_argv(target, known_hosts)
        argv = (*ssh, "--", target.host, shlex.join(dump.argv))
        running = Running(argv, timeout=timeout, stop=stop, tethered=True)
        try:
            with running:
                for chunk in running.chunks():
                    taking.take(chunk)
                exit_code = running.wait()
        except ProcessTimeout as error:
            raise BudgetExceeded(f"The dump {dump.name} took longer than allowed") from error
        except ProcessStopped as error:
            raise TransferInterrupted(f"The dump {dump.name} was stopped on request") from error
    if exit_code != 0:
        raise _failure(target, dump, running.stderr, exit_code)


class _Taking:
    """What has come of a dump."""

    def __init__(
        self, dump: Dump, file: BinaryIO, most: int | None, on_bytes: Callable[[int], None]
    ) -> None:
        self.size = 0
        self.digest = hashlib.sha256()
        self._dump = dump
        self._file = file
        self._most = most
        self._on_bytes = on_bytes
        self._head = b""
        self._tail = b""

    def take(self, chunk: bytes) -> None:
        """The next bytes. Raises BudgetExceeded."""
        self.size += len(chunk)
        if self._most is not None and self.size > self._most:
            raise BudgetExceeded(f"The dump {self._dump.name} is larger than {self._most} bytes")
        self._file.write(chunk)
        self.digest.update(chunk)
        if len(self._head) < len(self._dump.begins):
            self._head += chunk[: len(self._dump.begins)]
        self._tail = (self._tail + chunk)[-_TAIL:]
        self._on_bytes(self.size)

    def check_whole(self) -> None:
        """Raise DumpFailed unless it begins and ends as its kind does."""
        name, begins = self._dump.name, self._dump.begins
        if self.size == 0:
            raise DumpFailed(f"The dump {name} is empty")
        if not self._head.startswith(begins):
            raise DumpFailed(f"The dump {name} does not begin with {readable(begins)!r}")
        if self._dump.ends not in self._tail:
            raise DumpFailed(
                f"The dump {name} does not end with {readable(self._dump.ends)!r}: it is cut off"
            )


def _failure(target: SshTarget, dump: Dump, stderr: bytes, exit_code: int) -> BackendError:
    said = readable(stderr)
    if (failure := ssh_failure(target, said, exit_code)) is not None:
        return failure
    last = said.strip().splitlines()[-1:] or ["it said nothing"]
    return DumpFailed(f"`{dump.argv[0]}` for {dump.name} ended with {exit_code}: {last[0]}")


def _unwritable(part: Path, error: OSError) -> BackendError:
    if error.errno in _NO_ROOM:
        return LocalDiskFull(f"No room here for the dump {part.name}: {error.strerror}")
    return LocalPathUnusable(f"The dump {part} cannot be written: {error.strerror}")
