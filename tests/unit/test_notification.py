"""What the service manager hears."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.notification import Notification


@pytest.fixture(params=["file", "abstract"])
def listening(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[tuple[str, socket.socket]]:
    path = f"{tmp_path}/notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as hearing:
        hearing.settimeout(10)
        hearing.bind(f"\0{path}" if request.param == "abstract" else path)
        yield (f"@{path}" if request.param == "abstract" else path, hearing)


def test_it_hears_of_each_step(listening: tuple[str, socket.socket]) -> None:
    address, hearing = listening
    notification = Notification.of({"NOTIFY_SOCKET": address})
    notification.ready()
    notification.alive("3 servers")
    notification.reloading(12.5)
    notification.stopping("keeping what has arrived")
    assert [hearing.recv(4096).decode() for _ in range(4)] == [
        "READY=1",
        "WATCHDOG=1\nSTATUS=3 servers",
        "RELOADING=1\nMONOTONIC_USEC=12500000",
        "STOPPING=1\nSTATUS=keeping what has arrived",
    ]


def test_a_status_cannot_smuggle_in_a_second_message(
    listening: tuple[str, socket.socket],
) -> None:
    address, hearing = listening
    Notification(address).alive("web-1\nMAINPID=1")
    assert hearing.recv(4096).count(b"\n") == 1


@pytest.mark.parametrize("address", [None, "", "/nonexistent/notify"])
def test_nobody_has_to_listen(address: str | None) -> None:
    Notification(address).ready()
