"""Runs a dump on its server and hands on what it prints; nothing is written, there or here."""

import shlex
import threading
from collections.abc import Callable
from contextlib import ExitStack
from typing import Final, TypeVar

from backends.dumps.dump import Dump
from backends.errors import (
    BackendError,
    BudgetExceeded,
    ProcessStopped,
    ProcessTimeout,
    TransferInterrupted,
)
from backends.pacing import Bucket, Rate
from backends.process import Running, readable
from backends.source_errors import DumpFailed
from backends.ssh import SSH_FAILED, check_identity, pinned_known_hosts, ssh_argv, ssh_failure
from backends.types import SshTarget

#: Bytes at the end of a dump in which its end mark must be.
_TAIL: Final = 4096

_Result = TypeVar("_Result")


class DumpStream:
    """What a dump prints, as a stream whose end is only reached if all of it is sound."""

    def __init__(
        self,
        dump: Dump,
        running: Running,
        *,
        most: int | None,
        pace: Callable[[int], None],
        on_bytes: Callable[[int], None],
        end: Callable[[], None],
    ) -> None:
        self._dump = dump
        self._running = running
        self._chunks = running.chunks()
        self._most = most
        self._pace = pace
        self._on_bytes = on_bytes
        self._end = end
        self._rest = b""
        self._is_over = False
        self._size = 0
        self._head = b""
        self._tail = b""

    def read(self, size: int, /) -> bytes:
        """Up to `size` bytes as they come; nothing once the dump is known to be whole.

        Raises:
            DumpFailed: the program ended with an error, or what it printed is not whole.
            BudgetExceeded, TransferInterrupted, SshError: see `stream_dump`.
        """
        if not self._rest and not self._is_over:
            self._rest = self._next()
            self._is_over = not self._rest
        part, self._rest = self._rest[:size], self._rest[size:]
        return part

    def _next(self) -> bytes:
        name = self._dump.name
        try:
            chunk = next(self._chunks, b"")
            if not chunk:
                self._end()
                self._check_whole()
                return b""
        except ProcessTimeout as error:
            raise BudgetExceeded(f"The dump {name} took longer than allowed") from error
        except ProcessStopped as error:
            raise TransferInterrupted(f"The dump {name} was stopped on request") from error
        self._note(chunk)
        return chunk

    def _note(self, chunk: bytes) -> None:
        self._size += len(chunk)
        if self._most is not None and self._size > self._most:
            raise BudgetExceeded(f"The dump {self._dump.name} is larger than {self._most} bytes")
        if len(self._head) < len(self._dump.begins):
            self._head += chunk[: len(self._dump.begins)]
        self._tail = (self._tail + chunk[-_TAIL:])[-_TAIL:]
        self._on_bytes(len(chunk))
        self._pace(len(chunk))

    def _check_whole(self) -> None:
        """Raise DumpFailed unless it begins and ends as its kind does."""
        name, begins = self._dump.name, self._dump.begins
        if self._size == 0:
            raise DumpFailed(f"The dump {name} is empty")
        if not self._head.startswith(begins):
            raise DumpFailed(f"The dump {name} does not begin with {readable(begins)!r}")
        if self._dump.ends not in self._tail:
            raise DumpFailed(
                f"The dump {name} does not end with {readable(self._dump.ends)!r}: it is cut off"
            )


def stream_dump(
    target: SshTarget,
    dump: Dump,
    sink: Callable[[DumpStream], _Result],
    *,
    timeout: float,
    most: int | None = None,
    rate: Rate = lambda: None,
    stop: threading.Event | None = None,
    on_bytes: Callable[[int], None] = lambda _: None,
) -> _Result:
    """Run a dump and give what it prints to `sink`, which reads it to its end.

    The sink may take its time: the server waits. What it has read counts for something only once
    the stream has ended without an error.

    Args:
        target: The server.
        dump: What to run there.
        sink: Its result is given back.
        timeout: Seconds.
        most: Bytes beyond which it is given up, or None.
        rate: Bytes a second at most, or None.
        stop: Once set, it ends.
        on_bytes: Told how many more have come.

    Raises:
        DumpFailed: the program ended with an error, or what it printed is not whole.
        BudgetExceeded: it is larger than `most`, or took too long.
        TransferInterrupted: `stop` was set.
        SshError: the server could not be reached or the connection broke.
    """
    check_identity(target)
    with pinned_known_hosts(target) as known_hosts, ExitStack() as held:
        ssh = ssh_argv(target, known_hosts)
        argv = (*ssh, "--", target.host, shlex.join(dump.argv))
        running = Running(argv, timeout=timeout, stop=stop, tethered=True)
        held.enter_context(running)

        def end() -> None:
            exit_code = running.wait()
            held.close()  # what it said is known to its end only then
            if exit_code != 0:
                raise _failure(target, dump, running.stderr, exit_code)

        return sink(
            DumpStream(
                dump, running, most=most, pace=_pacing(rate, stop), on_bytes=on_bytes, end=end
            )
        )


def _pacing(rate: Rate, stop: threading.Event | None) -> Callable[[int], None]:
    bucket, stopped = Bucket(rate), stop or threading.Event()

    def pace(amount: int) -> None:
        bucket.spend(amount)
        stopped.wait(bucket.due())

    return pace


def _failure(target: SshTarget, dump: Dump, stderr: bytes, exit_code: int) -> BackendError:
    said = readable(stderr)
    # Databases too refuse connections and passwords, in words that ssh might use.
    failure = ssh_failure(target, said, exit_code) if exit_code == SSH_FAILED else None
    if failure is not None:
        return failure
    last = said.strip().splitlines()[-1:] or ["it said nothing"]
    return DumpFailed(f"`{dump.argv[0]}` for {dump.name} ended with {exit_code}: {last[0]}")
