"""Daemons that end before they are done: in the midst of a checkpoint, or told twice."""

import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.parts.daemons import Daemon, Start, rows
from tests.parts.due import slow_run, slow_server, states
from tests.parts.faulty_proxy import Fault, FaultyProxy
from tests.parts.installation import BucketPlace, Install, Installation
from tests.parts.line import Line
from tests.parts.object_servers import SeaweedServer


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
