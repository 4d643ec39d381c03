"""Ours as it is used most: a daemon that is up and idle, and learns that a copy is wanted."""

import os
import socket
import sqlite3
import subprocess
import time
import uuid
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.benchmarks.capture.contestants import Step
from tests.benchmarks.capture.measure import (
    Command,
    CommandFailed,
    Cost,
    Far,
    Meet,
    measure,
    processor_seconds,
    run,
)
from tests.benchmarks.capture.ours import SERVER, Lapseguard
from tests.benchmarks.capture.rig import Rig
from tests.benchmarks.capture.trees import Tree

#: Whoever has a contract wants a copy at once: any older one is too old.
_SETTINGS = """\
[policies.default]
ladder = [{ within = "30d", every = "1s" }]
margin = "5s"
final = false
"""
_READY_SECONDS = 60
#: For whatever a daemon does first.
_IDLE_SECONDS = 3
_END_SECONDS = 3600
_LOOK_SECONDS = 0.02
_TEXT = "%Y-%m-%d %H:%M:%S.%f"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The newest run, as the database has it: instants in seconds since 1970."""

    run: str
    state: str
    wanted: float
    started: float
    is_finished: bool
    error: str


class Served(Lapseguard):
    """`lapseguard run` is up before the clock starts; a contract is recorded that wants a copy.

    The seconds are from the recorded start of the run until the database, looked at every 20 ms,
    says that it is verified. Those from the recording of the contract to that start are told apart:
    the daemon looks at the database every two seconds.
    """

    name = "lapseguard, by its daemon"

    def __init__(self, rig: Rig, tree: Tree, label: str) -> None:
        super().__init__(rig, tree, f"served-{label}", settings=_SETTINGS)
        self._daemon: subprocess.Popen[bytes] | None = None
        self._contract = ""

    def prepare(self, step: Step) -> None:
        """Start the daemon while nothing is wanted, and wait until it has looked around.

        Raises:
            CommandFailed: it does not become ready.
        """
        self._end_daemon()
        if self._contract:
            self._do("contract", "close", self._contract, "--reason", "the next step comes")
        self._contract = f"for-{step.name.lower()}"
        address = f"\0lapseguard-{uuid.uuid4().hex}"
        with (
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as hearing,
            (self.folder / "daemon.log").open("ab") as log,
        ):
            hearing.bind(address)
            hearing.settimeout(_READY_SECONDS)
            env = {**os.environ, "NOTIFY_SOCKET": address.replace("\0", "@")}
            argv = (*self.call(), "--log-json", "run")
            self._daemon = subprocess.Popen(argv, env=env, stdout=log, stderr=log)
            try:
                while b"READY=1" not in hearing.recv(1 << 16):
                    pass
            except TimeoutError:
                raise CommandFailed("the daemon does not become ready") from None
        time.sleep(_IDLE_SECONDS)

    def command(self, step: Step) -> Command:
        """Record a contract that calls for a copy; see `save`."""
        del step
        expires = (datetime.now(UTC) + timedelta(days=1)).replace(microsecond=0, tzinfo=None)
        words = ("--provider", "bench", "--expires", expires.isoformat(), "--timezone", "UTC")
        add = ("contract", "add", self._contract, *words, "--server", SERVER, "-q")
        return Command(argvs=((*self.call(), *add),))

    def save(self, step: Step, look: Callable[[], Far], meet: Meet = lambda _pid: None) -> Cost:
        """Have a contract recorded, and wait for what the daemon makes of it."""
        assert self._daemon is not None
        pid = self._daemon.pid
        meet(pid)
        before, used, known = look(), processor_seconds(pid), self._newest()
        measure(self.command(step))
        try:
            found, ended = self._await(None if known is None else known.run)
            return Cost(
                seconds=ended - found.started,
                processor=processor_seconds(pid) - used,
                far=look().since(before),
                peak=_highest(pid),
                waited=found.started - found.wanted,
            )
        finally:
            self._end_daemon()

    def end(self) -> None:
        self._end_daemon()
        super().end()

    def _end_daemon(self) -> None:
        if self._daemon is None:
            return
        self._daemon.terminate()
        try:
            self._daemon.wait(_READY_SECONDS)
        except subprocess.TimeoutExpired:
            self._daemon.kill()
            self._daemon.wait()
        self._daemon = None

    def _await(self, before: str | None) -> tuple[Found, float]:
        """The run that followed `before`, verified, and when it was seen to be."""
        until = time.monotonic() + _END_SECONDS
        while time.monotonic() < until:
            found, now = self._newest(), time.time()
            if found is not None and found.run != before and found.is_finished:
                if found.state != "verified":
                    raise CommandFailed(f"the run is {found.state}: {found.error}")
                return found, now
            if self._daemon is None or self._daemon.poll() is not None:
                raise CommandFailed("the daemon ended")
            time.sleep(_LOOK_SECONDS)
        raise CommandFailed("the daemon made no copy")

    def _newest(self) -> Found | None:
        file = self.folder / "state" / "lapseguard.db"
        wanted = "(SELECT created_at FROM contracts WHERE name = ?)"
        columns = f"run, state, {wanted}, started_at, finished_at, error_message"
        query = f"SELECT {columns} FROM runs ORDER BY started_at DESC LIMIT 1"  # noqa: S608 - ours
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=5)) as database:
            row = database.execute(query, (self._contract,)).fetchone()
        if row is None:
            return None
        run_id, state, since, started, finished, error = row
        return Found(
            run=run_id,
            state=state,
            wanted=_instant(since),
            started=_instant(started),
            is_finished=finished is not None,
            error=error or "",
        )

    def _do(self, *words: str) -> None:
        run((*self.call(), *words, "-q"))


def _instant(text: str | None) -> float:
    return datetime.strptime(text, _TEXT).replace(tzinfo=UTC).timestamp() if text else 0.0


def _highest(pid: int) -> int:
    """The most memory that a process has had resident, in bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0
