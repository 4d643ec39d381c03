"""What a command costs: wall time, processor time on both sides, peak memory."""

import contextlib
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

MIB = 1 << 20
#: What names a place on this machine.
_PLACE = re.compile(r"(?:/[^/\s'\":;,]+){2,}")
#: Letters of a complaint that a report shows.
_BRIEF = 200
_TICK = os.sysconf("SC_CLK_TCK")
#: Where /proc/PID/stat has utime, stime, and both of the children waited for, counted after `)`.
_TIMES = slice(11, 15)


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """Something to run.

    Attributes:
        argvs: Argument lists, run one after the other.
        env: Variables beside those of this process.
    """

    argvs: tuple[tuple[str, ...], ...]
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Far:
    """What the other side had done at some moment.

    Attributes:
        server: Processor seconds of sshd and all that it started, the server's rsync included.
        store: Likewise of the S3 server.
        pulled: Bytes that had come over the server's line; 0 where it has none of its own.
        pushed: Bytes that had gone over the store's line.
    """

    server: float = 0.0
    store: float = 0.0
    pulled: int = 0
    pushed: int = 0

    def since(self, before: "Far") -> "Far":
        """What was added since then."""
        return Far(
            server=self.server - before.server,
            store=self.store - before.store,
            pulled=self.pulled - before.pulled,
            pushed=self.pushed - before.pushed,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one run took.

    Attributes:
        seconds: On the wall.
        processor: Seconds of processor time of the program and everything that it started.
        far: What both ends did meanwhile.
        peak: Memory of its largest process in bytes.
        waited: Seconds on the wall before that, in which nobody worked: until a daemon looked.
    """

    seconds: float
    processor: float
    far: Far
    peak: int
    waited: float = 0.0

    @property
    def all_processor(self) -> float:
        """Seconds of processor time on all sides."""
        return self.processor + self.far.server + self.far.store


class CommandFailed(Exception):
    """A contestant did not do what it was asked to."""

    def brief(self) -> str:
        """In one line, not too long, and without where things lie on this machine."""
        words = (_PLACE.sub("…", word) for word in str(self).split())
        return " ".join(words)[:_BRIEF]


#: Told of each process as it starts.
Meet = Callable[[int], None]


def measure(
    command: Command, look: Callable[[], Far] = Far, meet: Meet = lambda _pid: None
) -> Cost:
    """Run a command, quietly.

    Args:
        command: What to run.
        look: Says what the other side has done so far.
        meet: Told of each process.

    Raises:
        CommandFailed: it did not end with 0.
    """
    before = look()
    begun, processor, peak = time.monotonic(), 0.0, 0
    for argv in command.argvs:
        usage = _carry_out(argv, command.env, meet)
        processor += usage.ru_utime + usage.ru_stime
        peak = max(peak, usage.ru_maxrss)
    seconds = time.monotonic() - begun
    far = look().since(before)
    return Cost(seconds=seconds, processor=processor, far=far, peak=peak * 1024)


def _carry_out(argv: tuple[str, ...], env: Mapping[str, str], meet: Meet) -> resource.struct_rusage:
    with tempfile.TemporaryFile() as complaints:
        process = subprocess.Popen(
            argv, env={**os.environ, **env}, stdout=subprocess.DEVNULL, stderr=complaints
        )
        meet(process.pid)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            complaints.seek(0)
            said = complaints.read().decode(errors="replace").strip()[-500:]
            raise CommandFailed(f"{Path(argv[0]).name} ended with {process.returncode}: {said}")
    return usage


def run(argv: Iterable[str], env: Mapping[str, str] | None = None) -> None:
    """Run what is not measured. Raises CommandFailed."""
    ended = subprocess.run(
        tuple(argv), env={**os.environ, **(env or {})}, capture_output=True, check=False
    )
    if ended.returncode:
        raise CommandFailed(f"{tuple(argv)}\n{ended.stderr.decode(errors='replace')}")


def processor_seconds(pid: int | None) -> float:
    """Seconds of a process and of its children that ended; 0 where it is gone."""
    with contextlib.suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[_TIMES])) / _TICK
    return 0.0


def settle(*, cold: bool) -> str:
    """Write out what is dirty, and forget what was read if the system lets us.

    Returns how the caches are now, for the caption.
    """
    os.sync()
    if not cold:
        return "caches left as they were"
    try:
        Path("/proc/sys/vm/drop_caches").write_text("3")
    except OSError:
        return "caches could not be dropped"
    return "caches dropped before each run"


def say(text: str) -> None:
    """A line on standard error: how far the benchmark is."""
    print(f"[{time.strftime('%H:%M:%S')}] {text}", file=sys.stderr, flush=True)
