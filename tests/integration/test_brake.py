"""A pull that staging has no room for waits, goes on, and leaves nothing behind if it is killed."""

import dataclasses
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from backends.rsync.pull import RsyncPull
from backends.types import PullSpec
from tests.parts.requirement import require_program
from tests.parts.sshd import Sshd

#: Seconds; only a test that fails waits so long.
PATIENCE = 30

#: A program whose staging is always full.
HELD = """
import sys
from backends.rsync.pull import RsyncPull
from backends.types import PullSpec, SshTarget

class Full:
    def arrive(self, size): pass
    def is_full(self): return True

alias, host, port, user, identity, host_key, path, staging = sys.argv[1:]
target = SshTarget(
    alias=alias, host=host, port=int(port), user=user, identity=identity, host_key=host_key
)
RsyncPull(room=Full()).pull(PullSpec(target=target, paths=(path,), staging=staging), print)
"""


class Room:
    """Staging that is full until somebody makes room."""

    def __init__(self) -> None:
        self.made = threading.Event()
        self.landed = 0

    def arrive(self, size: int) -> None:
        self.landed += size

    def is_full(self) -> bool:
        return not self.made.is_set()


def ssh_states(identity: str) -> list[str]:
    """The state of each ssh that logs in with this key, as the kernel calls it."""
    states: list[str] = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
            if words[0] == b"ssh" and any(identity.encode() in word for word in words):
                text = (folder / "stat").read_text("ascii", "replace")
                states.append(text.rpartition(") ")[2][0])
        except OSError:
            continue
    return states


def wait_until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, "it does not happen"
        time.sleep(0.02)


@pytest.fixture
def host(make_sshd: Callable[..., Sshd]) -> Sshd:
    """A server whose key nobody else logs in with."""
    require_program("rsync", "rsync")
    return make_sshd()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "big").write_bytes(os.urandom(64 << 20))
    return folder


def test_a_pull_waits_for_room_and_then_goes_on(host: Sshd, source: Path, tmp_path: Path) -> None:
    room = Room()
    staging = tmp_path / "staging"
    spec = PullSpec(target=host.target(), paths=(str(source),), staging=str(staging))
    pull = threading.Thread(target=RsyncPull(room=room).pull, args=(spec, lambda _: None))
    pull.start()
    wait_until(lambda: "T" in ssh_states(host.target().identity))
    assert room.landed == 0
    room.made.set()
    pull.join(PATIENCE)
    assert room.landed == 64 << 20
    assert (staging / str(source).lstrip("/") / "big").stat().st_size == 64 << 20


def test_a_program_that_is_killed_leaves_no_stopped_ssh(
    host: Sshd, source: Path, tmp_path: Path
) -> None:
    require_program("setpriv", "util-linux")
    target = host.target()
    values = map(str, dataclasses.asdict(target).values())
    argv = [sys.executable, "-c", HELD, *values, str(source), str(tmp_path / "staging")]
    with subprocess.Popen(argv) as held:
        wait_until(lambda: "T" in ssh_states(target.identity))
        held.kill()
    wait_until(lambda: not ssh_states(target.identity))
