"""Daemons that end before they are done: in the midst of a checkpoint, or told twice."""

import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from daemon.store.engine import open_engine
from tests.claim_holder import units_of
from tests.parts.daemons import Daemon, Start, quicken, rows
from tests.parts.due import slow_run, slow_server, states
from tests.parts.faulty_proxy import Fault, FaultyProxy
from tests.parts.installation import BucketPlace, Install, Installation
from tests.parts.line import Line
from tests.parts.object_servers import SeaweedServer
from tests.parts.requirement import require


@dataclass(frozen=True, kw_only=True)
class FarPlace(BucketPlace):
    """A bucket that is reached through a proxy."""

    proxy: FaultyProxy

    def options(self, folder: Path) -> tuple[str, ...]:
        near, far = self.server.endpoint, self.proxy.endpoint
        return tuple(far if word == near else word for word in super().options(folder))


@pytest.fixture
def proxy(s3_server: SeaweedServer) -> Iterator[FaultyProxy]:
    with FaultyProxy(s3_server.endpoint) as proxy:
        yield proxy


@pytest.fixture
def far(
    install: Install, line: Line, source: Path, s3_server: SeaweedServer, proxy: FaultyProxy
) -> Iterator[Installation]:
    """A server behind a slow line that is due at once, and a store that can fall silent."""
    place = FarPlace(server=s3_server, bucket=s3_server.make_bucket(), proxy=proxy)
    with slow_server(install, line, source, place) as installation:
        yield installation


def in_its_checkpoint(daemon: Daemon, far: Installation, line: Line, proxy: FaultyProxy) -> None:
    """The daemon is told to end, and writes what has arrived to a store that does not answer."""
    with slow_run(daemon, far, line):
        proxy.clear()
        proxy.inject(Fault.BLACK_HOLE, method="PUT", times=1000)
        daemon.process.send_signal(signal.SIGTERM)
        daemon.wait_for(lambda: "PUT" in proxy.requests, "the checkpoint")


def goes_on(far: Installation, start_daemon: Start, line: Line, proxy: FaultyProxy) -> None:
    """The next daemon takes the run over at once, and sends only what had not arrived."""
    proxy.clear()
    line.sent()
    again = start_daemon(far.program)
    again.await_event("run.verified")
    assert states(far) == ["abandoned", "verified"]
    assert line.sent() < 38 * 64 * 1024
    assert again.end() == 0
    assert far.program.run("verify", far.name, "--depth", "hashed").exit_code == 0


@pytest.mark.slow
def test_a_daemon_that_is_killed_in_the_midst_of_a_checkpoint_leaves_nothing_in_the_way(
    far: Installation, start_daemon: Start, line: Line, proxy: FaultyProxy
) -> None:
    daemon = start_daemon(far.program)
    in_its_checkpoint(daemon, far, line, proxy)
    assert daemon.end(signal.SIGKILL) == -signal.SIGKILL
    goes_on(far, start_daemon, line, proxy)


@pytest.mark.slow
def test_a_daemon_that_is_told_to_end_twice_waits_for_no_checkpoint(
    far: Installation, start_daemon: Start, line: Line, proxy: FaultyProxy
) -> None:
    """It says what it leaves behind; the row still says that the run is under way."""
    daemon = start_daemon(far.program)
    in_its_checkpoint(daemon, far, line, proxy)
    assert daemon.end(signal.SIGTERM) == 130
    assert [event["servers"] for event in daemon.events("run.left_behind")] == [["web-1"]]
    assert rows(far.program, "web-1")[0]["finished_at"] is None
    goes_on(far, start_daemon, line, proxy)


#: Runs a program in a process namespace of its own, as containers do; both end together.
APART = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")


def test_a_daemon_that_was_killed_in_another_container_is_not_waited_for(
    install: Install, start_daemon: Start
) -> None:
    """Nobody sees its processes from here, but the kernel has given its lock to us."""
    able = subprocess.run([*APART, "true"], capture_output=True, check=False).returncode == 0
    require(able, "the right to make process namespaces", "run the tests as root")
    installation = install()
    quicken(installation.program)
    first = start_daemon(installation.program, *APART)
    assert first.end(signal.SIGKILL) == -signal.SIGKILL
    second = start_daemon(installation.program)
    assert second.events("service.waiting") == []
    assert second.end() == 0


def test_a_daemon_that_was_killed_out_of_sight_is_waited_for_and_said_to_be(
    install: Install, start_daemon: Start
) -> None:
    """On another kernel, as far as is known here; it counts as alive for six seconds more."""
    installation = install()
    quicken(installation.program)
    other = "ops-9:1:abcdef-aa"
    add_host(installation.program.state / "lapseguard.db", other, timedelta(seconds=6))
    daemon = start_daemon(installation.program)
    (waiting,) = daemon.events("service.waiting")
    assert other in waiting["message"]
    assert any("is taken to be dead" in word for word in daemon.heard())
    assert daemon.end() == 0


def add_host(database: Path, owner: str, left: timedelta) -> None:
    """Put a daemon on record that was heard of a while ago."""
    engine = open_engine(f"sqlite:///{database}")
    with units_of(engine)(at_once=True) as unit:
        unit.hosts.announce(owner, "ops-9", 2, for_=left)
        unit.commit()
    engine.dispose()
