"""Daemons: `lapseguard run` as real processes, with what they log and what they tell systemd."""

import contextlib
import itertools
import json
import shutil
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.parts.installation import Installation
from tests.parts.program import PROGRAM, Program

#: Seconds; nothing here takes so long on an idle machine.
PATIENCE = 90
#: Everything a little quicker than in life.
SETTINGS = """\
[daemon]
lease = "{lease}"

[planning]
slots = {slots}
lead = "3s"
assumed_size = "1 MiB"
assumed_rate = "1 MiB"
sweep_every = "10s"

[policies.default]
seed = "30d"
margin = "{margin}"
retry_first = "1s"
retry_most = "4s"
"""
_NUMBERS = itertools.count()


class Daemon:
    """One process of `lapseguard run`, started by the words `before`, if any.

    Attributes:
        folder: Of its program.
        process: The process itself.
    """

    def __init__(self, program: Program, *before: str) -> None:
        self.folder = program.folder
        self._log = program.folder / f"daemon-{next(_NUMBERS)}.log"
        address = f"lapseguard-{uuid.uuid4().hex}"
        self._hearing = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._hearing.bind(f"\0{address}")
        self._hearing.setblocking(False)
        self._heard: list[str] = []
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [*before, sys.executable, "-W", "error", "-m", PROGRAM, "--log-json", "run"],
                env={**program.surroundings, "NOTIFY_SOCKET": f"@{address}"},
                cwd=program.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    @property
    def log(self) -> str:
        """All that it has written so far."""
        return self._log.read_text()

    def events(self, name: str, **fields: object) -> list[dict[str, Any]]:
        """Events of that name that have these fields, the first one first."""
        lines = [json.loads(line) for line in self.log.splitlines() if line.startswith("{")]
        return [
            line
            for line in lines
            if line["event"] == name and all(line.get(k) == v for k, v in fields.items())
        ]

    def heard(self) -> list[str]:
        """What it has told the service manager so far, one assignment each."""
        with contextlib.suppress(BlockingIOError):
            while True:
                self._heard += self._hearing.recv(65536).decode().splitlines()
        return self._heard

    def await_event(self, name: str, count: int = 1, **fields: object) -> dict[str, Any]:
        """The `count`th such event, once there is one."""
        self.wait_for(lambda: len(self.events(name, **fields)) >= count, f"{name} {fields}")
        return self.events(name, **fields)[count - 1]

    def await_word(self, word: str, count: int = 1) -> None:
        """Return once the service manager has heard `word` so often."""
        self.wait_for(lambda: self.heard().count(word) >= count, word)

    def wait_for(self, condition: Callable[[], bool], what: str) -> None:
        """Return once something is the case."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert self.process.poll() is None, f"it ended while {what} was awaited:\n{self.log}"
            assert time.monotonic() < deadline, f"in vain for {what}:\n{self.log}"
            time.sleep(0.05)

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        """End it; its exit code."""
        self.process.send_signal(how)
        return self.process.wait(PATIENCE)

    def close(self) -> None:
        """Whatever became of it, it is gone afterwards."""
        self._hearing.close()
        self.process.kill()
        self.process.wait()


Start = Callable[..., Daemon]


@pytest.fixture
def start_daemon() -> Iterator[Start]:
    """Starts daemons and returns once they are ready; all are gone after the test."""
    started: list[Daemon] = []

    def start(program: Program, *before: str) -> Daemon:
        daemon = Daemon(program, *before)
        started.append(daemon)
        daemon.await_word("READY=1")
        return daemon

    yield start
    for daemon in started:
        daemon.close()


def quicken(
    program: Program, *, lease: str = "3s", slots: int = 2, margin: str = "5s", more: str = ""
) -> None:
    """Settings beside those of `init` that let everything happen within seconds."""
    folder = program.folder / "conf.d"
    folder.mkdir(exist_ok=True)
    text = SETTINGS.format(lease=lease, slots=slots, margin=margin)
    (folder / "quick.toml").write_text(text + more)


def another_host(installation: Installation, folder: Path) -> Program:
    """The program as a second host has it: the same settings and keys, a state folder apart."""
    first = installation.program
    shutil.copytree(first.state, folder / "state")
    shutil.copytree(first.folder / "conf.d", folder / "conf.d")
    settings = first.settings.read_text()
    moved = settings.replace(f'state_dir = "{first.state}"', f'state_dir = "{folder / "state"}"')
    assert moved != settings
    second = replace(first, folder=folder)
    second.settings.write_text(moved)
    second.settings.chmod(0o600)
    return second


def rows(program: Program, server: str) -> list[dict[str, Any]]:
    """The history of a server, newest first."""
    found: list[dict[str, Any]] = program.ask("history", server)
    return found
