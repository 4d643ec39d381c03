"""The only door to other programs: argument lists, a clean environment, no survivors.

No shell is ever involved. A program sees PATH, HOME and LC_ALL=C plus what it is given, reads
an empty standard input unless it is given one, and leads a process group of its own; whatever is
left of that group ends when its `Running` is left, on every way out.
"""

import os
import resource
import select
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import IO, Self

from backends.errors import (
    LocalPathUnusable,
    ProcessFailed,
    ProcessStopped,
    ProcessTimeout,
    ProgramMissing,
)

#: Seconds between SIGTERM and SIGKILL; rsync needs a moment to keep its partial file.
GRACE = 5.0
#: Seconds between two looks at the stop event while a program is silent.
_TICK = 0.2
_READ_SIZE = 65536
#: A longer line is handed out in pieces, so that a program cannot fill our memory with one.
LINE_LIMIT = 65536


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """How a program ended.

    Attributes:
        exit_code: 0-255, or minus the signal's number.
        stdout: All of it.
        stderr: All of it, or its beginning and end where it was long.
    """

    exit_code: int
    stdout: bytes
    stderr: bytes


def run(
    argv: Sequence[str],
    *,
    timeout: float,
    env: Mapping[str, str] | None = None,
    input: bytes | None = None,  # noqa: A002 - the name subprocess.run gives it
    check: bool = False,
    stop: threading.Event | None = None,
    output_limit: int = 64 << 20,
) -> Finished:
    """Run a program to its end.

    Args:
        argv: The program and its arguments.
        timeout: Seconds it may take.
        env: Variables beside PATH, HOME and LC_ALL.
        input: What it reads from standard input; kept in memory only, never on disk.
        check: Whether an exit code other than 0 raises ProcessFailed.
        stop: Once set, the program is ended.
        output_limit: Bytes of standard output beyond which ProcessFailed is raised.

    Raises:
        ProgramMissing, LocalPathUnusable: it could not be started.
        ProcessTimeout, ProcessStopped, ProcessFailed: see above.
    """
    with Running(argv, timeout=timeout, env=env, input=input, stop=stop) as running:
        stdout = running.read(output_limit)
        exit_code = running.wait()
    if check and exit_code != 0:
        raise ProcessFailed(f"{argv[0]} ended with {exit_code}: {_last_line(running.stderr)}")
    return Finished(exit_code=exit_code, stdout=stdout, stderr=running.stderr)


def readable(output: bytes) -> str:
    """Output for people and for messages: lines stay, what could steer a terminal is escaped."""
    text = output.decode("utf-8", "backslashreplace").replace("\r\n", "\n")
    return "".join(
        char if char.isprintable() or char == "\n" else f"\\x{ord(char):02x}" for char in text
    )


def readable_name(name: bytes) -> str:
    """A file name for a message: as `readable`, on one line."""
    return readable(name).replace("\n", "\\x0a")


def split_lines(block: bytes) -> list[bytes]:
    r"""The lines of a block, `\n` included; only the last may have none."""
    *whole, rest = block.split(b"\n")
    lines = [line + b"\n" for line in whole]
    return [*lines, rest] if rest else lines


class Running:
    """A program under way; entered once, by `with`."""

    def __init__(
        self,
        argv: Sequence[str],
        *,
        timeout: float | None = None,
        env: Mapping[str, str] | None = None,
        input: bytes | None = None,  # noqa: A002 - the name subprocess.run gives it
        stop: threading.Event | None = None,
        pass_fds: Sequence[int] = (),
        max_file_bytes: int | None = None,
        stderr_limit: int = 128 << 10,
        watch: Callable[[int], None] | None = None,
        tethered: bool = False,
    ) -> None:
        """Prepare; nothing runs before `__enter__`.

        Args:
            argv: The program and its arguments.
            timeout: Seconds until ProcessTimeout, or None.
            env: Variables beside PATH, HOME and LC_ALL.
            input: What it reads from standard input.
            stop: Once set, reading and waiting raise ProcessStopped.
            pass_fds: Open files that the whole group inherits, such as a lock.
            max_file_bytes: No file the group writes grows beyond; a writer that tries is killed
                by SIGXFSZ, or told EFBIG. Holds from an instant after the start.
            stderr_limit: How many bytes of standard error are kept of its beginning, and as
                many of its end.
            watch: Called with the group's id several times a second while its output is read or
                its end is waited for; what it raises comes out there.
            tethered: End it also when this program is killed and can do nothing more; the
                thread that enters must then stay alive as long as it runs.
        """
        self._watch = watch
        self._argv = tuple(argv)
        self._tethered = tethered
        self._timeout = timeout
        self._env = env
        self._input = input
        self._stop = stop
        self._pass_fds = tuple(pass_fds)
        self._max_file_bytes = max_file_bytes
        self._stderr = _Excerpt(stderr_limit)
        self._deadline: float | None = None

    def __enter__(self) -> Self:
        """Start it."""
        if self._timeout is not None:
            self._deadline = time.monotonic() + self._timeout
        argv = _tether(self._argv) if self._tethered else self._argv
        self._child = _start(argv, self._env, self._input, self._pass_fds)
        self._stdout = _pipe(self._child.stdout)
        _limit(self._child.pid, self._max_file_bytes)
        self._ended = os.pidfd_open(self._child.pid)
        self._drain = threading.Thread(
            target=self._stderr.fill, args=(_pipe(self._child.stderr),), daemon=True
        )
        self._drain.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End whatever is left of the group and give everything back."""
        try:
            self._end_group()
        finally:
            os.close(self._ended)
            self._stdout.close()
            # The writers are dead, so this returns at once unless one of them left the group;
            # the thread is a daemon and its pipe is then left to it.
            self._drain.join(timeout=GRACE)

    @property
    def pid(self) -> int:
        """Also the id of the process group."""
        return self._child.pid

    @property
    def stderr(self) -> bytes:
        """What arrived on standard error so far; complete once the `with` block is left."""
        return self._stderr.content()

    def lines(self) -> Iterator[bytes]:
        r"""Each line of standard output as it came, `\n` included.

        A last line without `\n` was cut off, and a line above LINE_LIMIT comes in pieces, of
        which only the last ends in `\n`.

        Raises:
            ProcessTimeout, ProcessStopped: as promised to the constructor.
        """
        for block in self.blocks():
            yield from split_lines(block)

    def blocks(self, gather: float = 0) -> Iterator[bytes]:
        """The same lines, as many at a time as have come.

        Args:
            gather: Seconds to let lines come together, where each by itself costs too much.
        """
        rest = b""
        while chunk := self._read_chunk(gather):
            whole, end, rest = (rest + chunk).rpartition(b"\n")
            if len(rest) > LINE_LIMIT:
                end += rest
                rest = b""
            yield whole + end
        if rest:
            yield rest

    def chunks(self) -> Iterator[bytes]:
        """Standard output as it comes; raises as `lines` does."""
        while chunk := self._read_chunk():
            yield chunk

    def read(self, limit: int) -> bytes:
        """All of standard output; raises as `lines` does, and ProcessFailed beyond `limit`."""
        content = bytearray()
        while chunk := self._read_chunk():
            content += chunk
            if len(content) > limit:
                raise ProcessFailed(f"{self._argv[0]} printed more than {limit} bytes")
        return bytes(content)

    def wait(self) -> int:
        """The exit code, or minus the signal's number; ends what the program left behind."""
        while not self._has_ended(_TICK):
            self._check()
        self._end_group()
        return self._child.returncode

    def _read_chunk(self, gather: float = 0) -> bytes:
        poll = select.poll()
        poll.register(self._stdout, select.POLLIN)
        while not poll.poll(_TICK * 1000):
            self._check()
            if self._has_ended(0):
                # Something it started still holds the pipe; only what is in there counts.
                _signal(self.pid, signal.SIGKILL)
        self._check()
        if gather:
            time.sleep(gather)
        return os.read(self._stdout.fileno(), _READ_SIZE)

    def _check(self) -> None:
        if self._stop is not None and self._stop.is_set():
            raise ProcessStopped(f"{self._argv[0]} was stopped on request")
        if self._deadline is not None and time.monotonic() > self._deadline:
            raise ProcessTimeout(f"{self._argv[0]} took longer than {self._timeout:g} seconds")
        if self._watch is not None:
            self._watch(self.pid)

    def _has_ended(self, seconds: float) -> bool:
        """Whether the leader is dead; it stays unreaped, so its group's id cannot be reused."""
        poll = select.poll()
        poll.register(self._ended, select.POLLIN)
        return bool(poll.poll(seconds * 1000))

    def _end_group(self) -> None:
        if self._child.returncode is not None:
            return
        if not self._has_ended(0):
            _signal(self.pid, signal.SIGTERM)
            self._has_ended(GRACE)
        _signal(self.pid, signal.SIGKILL)
        self._child.wait()


class _Excerpt:
    """The beginning and the end of a stream, each up to a limit."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._head = bytearray()
        self._tail = bytearray()
        self._left_out = 0

    def fill(self, stream: IO[bytes]) -> None:
        """Read to the end, so that the writer never blocks."""
        with stream:
            while chunk := os.read(stream.fileno(), _READ_SIZE):
                self._append(chunk)

    def content(self) -> bytes:
        """What was kept, with a note where something was left out."""
        note = b"\n[%d bytes left out]\n" % self._left_out if self._left_out else b""
        return bytes(self._head) + note + bytes(self._tail)

    def _append(self, chunk: bytes) -> None:
        room = self._limit - len(self._head)
        self._head += chunk[:room]
        self._tail += chunk[room:]
        excess = len(self._tail) - self._limit
        if excess > 0:
            del self._tail[:excess]
            self._left_out += excess


def _environment(env: Mapping[str, str] | None) -> dict[str, str]:
    """Nothing of ours reaches a program by inheritance: no credentials, no locale."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": os.environ.get("HOME", "/"),
        "LC_ALL": "C",
        **(env or {}),
    }


def _tether(argv: tuple[str, ...]) -> tuple[str, ...]:
    """Have the kernel signal the program when its parent dies, where util-linux can ask for it.

    Asking for it between fork and exec in our own process would not be safe among threads.
    """
    if shutil.which("setpriv") is None or shutil.which(argv[0]) is None:
        return argv
    return ("setpriv", "--pdeathsig", "TERM", "--", *argv)


def _start(
    argv: tuple[str, ...],
    env: Mapping[str, str] | None,
    content: bytes | None,
    pass_fds: tuple[int, ...],
) -> subprocess.Popen[bytes]:
    stdin = _memory_file(content) if content else subprocess.DEVNULL
    try:
        return subprocess.Popen(  # noqa: S603 - an argument list, no shell
            argv,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=_environment(env),
            start_new_session=True,
            pass_fds=pass_fds,
        )
    except OSError as error:
        # A folder on PATH that may not be searched turns "not found" into "not permitted".
        if "/" not in argv[0] and shutil.which(argv[0]) is None:
            raise ProgramMissing(f"{argv[0]} is not installed here") from error
        raise LocalPathUnusable(f"{argv[0]} cannot be started: {error.strerror}") from error
    finally:
        if content:
            os.close(stdin)


def _memory_file(content: bytes) -> int:
    """A descriptor to read `content` from; passwords given to a program never touch a disk."""
    descriptor = os.memfd_create("input")
    with os.fdopen(os.dup(descriptor), "wb") as stream:
        stream.write(content)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _limit(pid: int, max_file_bytes: int | None) -> None:
    """No core dumps, which would hold secrets; no file larger than promised."""
    try:
        resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))
        if max_file_bytes is not None:
            _, ceiling = resource.prlimit(pid, resource.RLIMIT_FSIZE)
            unlimited = ceiling == resource.RLIM_INFINITY
            size = max_file_bytes if unlimited else min(max_file_bytes, ceiling)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, size))
    except ProcessLookupError:
        pass  # It has already ended, within whatever it did not need a limit for.


def _signal(group: int, number: signal.Signals) -> None:
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        pass  # Nobody is left, which is what was wanted.
    except PermissionError:
        pass  # Only a set-uid member is left (sudo); it ends with its pipes.


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    if stream is None:
        raise AssertionError("asked for as a pipe")  # pragma: no cover - for the type checker
    return stream


def _last_line(stderr: bytes) -> str:
    lines = readable(stderr).strip().splitlines()
    return lines[-1] if lines else "it said nothing"
