"""A command of the operator's own that never ends, on a real server: it is ended there."""

import os
import stat
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from backends.shell import RemoteShell
from backends.snapshot.commands import Commands
from backends.snapshot.hook import Quiescence, SnapshotHook, hold_by_hook, quiesced
from backends.snapshot.view import SnapshotRequest
from backends.source_errors import HookFailed
from tests.parts.sshd import Sshd

REQUEST = SnapshotRequest(name="20261123T060101Z-3fa9c2", paths=("/srv/db",))
#: Names its own process and one that it starts, then waits for what never comes.
_HANGS = "#!/bin/sh\nsleep 600 &\necho $$ $! >{pids}\nwait\n"


@pytest.fixture
def hanging(tmp_path: Path) -> tuple[str, ...]:
    return script(tmp_path / "hang", _HANGS.format(pids=tmp_path / "pids"))


def test_a_hook_that_hangs_is_ended_on_the_server_with_what_it_started(
    sshd: Sshd, hanging: tuple[str, ...], tmp_path: Path
) -> None:
    rest = Quiescence(before=hanging, after=("touch", str(tmp_path / "after")), timeout=1)
    commands = Commands(lambda: RemoteShell(sshd.target()))

    with (
        commands,
        pytest.raises(HookFailed, match="longer than 1 seconds and was ended on the server"),
        quiesced(rest, REQUEST, commands, pytest.fail),
    ):
        pytest.fail("the application never came to rest")

    assert still_running(tmp_path) == []
    assert (tmp_path / "after").exists()


def test_a_view_that_takes_for_ever_to_take_down_is_told_and_its_command_ended(
    sshd: Sshd, hanging: tuple[str, ...], tmp_path: Path
) -> None:
    hook = SnapshotHook(freeze=("echo", "/mnt/view"), thaw=hanging, timeout=1)
    commands, warnings = Commands(lambda: RemoteShell(sshd.target())), list[str]()
    now = datetime(2026, 11, 23, tzinfo=UTC)

    with (
        commands,
        hold_by_hook(hook, REQUEST, commands, now=lambda: now, warn=warnings.append) as view,
    ):
        assert view.root == "/mnt/view"

    assert "was ended on the server" in warnings[0]
    assert still_running(tmp_path) == []


def script(place: Path, text: str) -> tuple[str, ...]:
    place.write_text(text)
    place.chmod(place.stat().st_mode | stat.S_IXUSR)
    return (str(place),)


def still_running(folder: Path) -> list[int]:
    """Of the processes that a hanging script has named."""
    pids = [int(pid) for pid in (folder / "pids").read_text().split()]
    assert len(pids) == 2
    deadline = time.monotonic() + 10  # what was ended may take a moment to be gone
    while any(map(_runs, pids)) and time.monotonic() < deadline:
        time.sleep(0.01)
    return [pid for pid in pids if _runs(pid)]


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return "(sleep) Z" not in Path(f"/proc/{pid}/stat").read_text()
    except (ProcessLookupError, FileNotFoundError):
        return False
