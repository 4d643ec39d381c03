"""Servers that are due for a run, and so far away that one takes its time."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.parts.daemons import Daemon, quicken, rows
from tests.parts.installation import Install, Installation
from tests.parts.line import Line

KIB = 2**10
TOMORROW = timedelta(days=1)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty files of 64 KiB, no two alike."""
    folder = tmp_path_factory.mktemp("source")
    for number in range(40):
        content = random.Random(number).randbytes(64 * KIB)  # noqa: S311 - only has to be large
        (folder / f"{number:02}").write_bytes(content)
    return folder


@pytest.fixture
def slow(install: Install, line: Line, source: Path) -> Iterator[Installation]:
    """A server behind a slow line that is due at once."""
    with slow_server(install, line, source) as installation:
        yield installation


@contextmanager
def slow_server(
    install: Install, line: Line, source: Path, *words: object, **named: object
) -> Iterator[Installation]:
    """The same, installed with these words."""
    installation = install(*words, host=line.host, **named)
    quicken(installation.program)
    installation.enrol(source)
    expire(installation, "web-1")
    line.limit(128)
    yield installation
    line.limit(0)


def expire(installation: Installation, *servers: str, left: timedelta = TOMORROW) -> datetime:
    """Record a contract of these servers that ends so soon; when that is."""
    at = (datetime.now(UTC) + left).replace(microsecond=0)
    installation.program.do(
        *("contract", "add", f"contract-of-{servers[0]}", "--provider", "somebody"),
        *("--expires", at.replace(tzinfo=None).isoformat(), "--timezone", "UTC"),
        *(word for server in servers for word in ("--server", server)),
    )
    return at


def enrol(installation: Installation, name: str, path: Path, *options: str) -> None:
    """Register one more server."""
    target = installation.host.target()
    installation.program.do(
        *("server", "add", name, "--host", target.host, "--port", str(target.port)),
        *("--user", target.user, "--host-key", target.host_key, "--identity", target.identity),
        *("--path", str(path), *options),
    )


def states(installation: Installation, server: str = "web-1") -> list[str]:
    """Of a server's runs, oldest first."""
    return [row["state"] for row in reversed(rows(installation.program, server))]


@contextmanager
def slow_run(daemon: Daemon, installation: Installation, line: Line) -> Iterator[str]:
    """The id of a run that has received something and would take half a minute more."""
    run = daemon.await_event("run.pulling")["run"]
    journal = installation.program.state / "staging" / "web-1" / "arrivals.log"
    daemon.wait_for(lambda: journal.exists() and journal.read_bytes().count(b"\n") > 2, "files")
    yield run
    line.limit(0)
