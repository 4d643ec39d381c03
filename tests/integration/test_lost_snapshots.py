"""A snapshot on the server that runs out of room while it is read: noticed, and what it costs."""

import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from backends.errors import HostUnreachable, SourceAccessDenied
from daemon.domain.freezing import Freezing
from daemon.domain.run import Run, RunState
from tests.parts.desk import Desk
from tests.parts.lvm_report import report
from tests.parts.scripted_shell import Answer, ScriptedShell, failing

ROOMY = {"lv_attr": "swi-aos---", "data_percent": "12.50"}
#: As lvs(8) shows a snapshot that the kernel has dropped while it was mounted.
DROPPED = {"lv_attr": "swi-Ios---", "data_percent": "100.00"}
MOUNTS = [
    {"target": "/", "source": "/dev/vda1", "fstype": "ext4", "fsroot": "/", "options": "rw"},
    {
        "target": "/srv",
        "source": "/dev/mapper/vg0-srv",
        "fstype": "ext4",
        "fsroot": "/",
        "options": "rw",
    },
]


class Server:
    """A server with LVM, whose snapshot is in the state that the test says."""

    def __init__(self) -> None:
        self.snapshot: Answer = report(**ROOMY)
        self.looked = threading.Event()
        self.shell = ScriptedShell(
            ("findmnt", json.dumps({"filesystems": MOUNTS})),
            ("realpath", "/\0"),
            ("vg0/lapseguard-", self._look),
            ("lvs", report()),
        )

    def _look(self) -> Answer:
        if not self.shell.said[-1].startswith("lvs"):
            return ""
        self.looked.set()
        return self.snapshot

    def wait_for_look(self) -> None:
        """Until the snapshot was looked at anew."""
        self.looked.clear()
        assert self.looked.wait(30)


@pytest.fixture
def server(desk: Desk) -> Server:
    server = Server()
    desk.open_shell = lambda _: server.shell.connect()
    desk.change_server(freezing=Freezing(kind="lvm", required=True), paths=("/srv",))
    return server


def back_up(desk: Desk, at: str, happens: Callable[[], object]) -> Run:
    """A backup in which something happens before the file `at` is sent."""

    def before(file: Path) -> None:
        if file.name == at:
            happens()

    return desk.back_up(before=before)


def test_a_snapshot_that_is_lost_ends_the_run_and_leaves_what_was_read_before(
    desk: Desk, server: Server
) -> None:
    def lose() -> None:
        server.snapshot = report(**DROPPED)
        server.wait_for_look()
        _settle()

    run = back_up(desk, "2", lose)

    assert run.state is RunState.PARTIAL
    assert run.error is not None
    assert run.error.code == "SnapshotLost"
    assert "More changed on the server than the snapshot" in run.error.message
    assert "quieter hours" in run.error.hint
    assert [*desk.saved(run)] == ["srv/0", "srv/1"]
    assert any("lvremove" in line for line in server.shell.said)


def test_a_loss_that_nobody_looked_at_is_found_at_the_end(desk: Desk, server: Server) -> None:
    desk.watch_every = 3600

    def lose() -> None:
        server.snapshot = report(**DROPPED)

    run = back_up(desk, "2", lose)

    assert run.state is RunState.PARTIAL
    assert run.error is not None
    assert run.error.code == "SnapshotLost"


def test_a_run_that_could_read_nothing_of_its_snapshot_fails(desk: Desk, server: Server) -> None:
    server.snapshot = report(**DROPPED)

    with pytest.raises(Exception, match="More changed on the server"):
        back_up(desk, "0", _settle)

    assert desk.runs()[0].state is RunState.FAILED


def test_somebody_is_told_once_of_a_snapshot_that_is_nearly_full(
    desk: Desk, server: Server
) -> None:
    def fill() -> None:
        server.snapshot = report(lv_attr="swi-aos---", data_percent="83.20")
        server.wait_for_look()
        server.wait_for_look()

    run = back_up(desk, "2", fill)

    assert run.state is RunState.VERIFIED
    (warning,) = desk.watcher.warnings
    assert "83.2 per cent full" in warning


@pytest.mark.parametrize("answer", [HostUnreachable("no route"), failing("lvs is at a loss")])
def test_not_to_be_able_to_look_for_a_while_is_told_and_ends_nothing(
    desk: Desk, server: Server, answer: Answer
) -> None:
    def hide() -> None:
        server.snapshot = answer
        server.wait_for_look()
        server.wait_for_look()
        server.snapshot = report(**ROOMY)

    run = back_up(desk, "2", hide)

    assert run.state is RunState.VERIFIED
    (warning,) = desk.watcher.warnings
    assert "not watched" in warning


def test_a_snapshot_that_shows_nothing_at_the_end_counts_as_lost(
    desk: Desk, server: Server
) -> None:
    desk.watch_every = 3600

    def hide() -> None:
        server.snapshot = failing('  Failed to find logical volume "vg0/lapseguard"')

    run = back_up(desk, "2", hide)

    assert run.error is not None
    assert (run.error.code, run.state) == ("SnapshotLost", RunState.PARTIAL)
    assert "Failed to find" in run.error.message


def test_a_pull_that_fails_while_its_snapshot_is_whole_keeps_its_own_reason(
    desk: Desk, server: Server
) -> None:
    def refuse() -> None:
        raise SourceAccessDenied("/srv cannot be read")

    run = back_up(desk, "2", refuse)

    assert run.error is not None
    assert run.error.code == "SourceAccessDenied"


def _settle() -> None:
    """Until the watch has drawn its conclusion and ended."""
    for thread in threading.enumerate():
        if thread.name == "snapshots":
            thread.join(30)
            assert not thread.is_alive()
