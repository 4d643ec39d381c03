"""Runs that are cut, killed or starved: what had arrived is kept, and the next one continues."""

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.parts.installation import Install, Installation, new_bucket
from tests.parts.line import Line
from tests.parts.nasty_tree import compare_trees
from tests.parts.object_servers import SeaweedServer

MIB = 2**20


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty files of 256 KiB, no two alike."""
    folder = tmp_path_factory.mktemp("source")
    for number in range(40):
        content = random.Random(number).randbytes(MIB // 4)  # noqa: S311 - only has to be large
        (folder / f"{number:02}").write_bytes(content)
    return folder


@pytest.fixture
def enrolled(install: Install, line: Line, source: Path) -> Installation:
    installation = install(host=line.host)
    installation.enrol(source)
    line.sent()
    return installation


def arrived(installation: Installation) -> int:
    """How many files rsync has announced so far."""
    journal = installation.program.state / "staging" / installation.name / "arrivals.log"
    return journal.read_bytes().count(b"\n") if journal.exists() else 0


@contextmanager
def under_way(
    installation: Installation, line: Line, files: int = 10
) -> "Iterator[subprocess.Popen[bytes]]":
    """A slow backup, once so many files have arrived; the line is fast again afterwards."""
    line.limit(4096)
    with installation.program.start("backup-now", installation.name) as process:
        try:
            deadline = time.monotonic() + 60
            while arrived(installation) < files:
                assert process.poll() is None, process.communicate()
                assert time.monotonic() < deadline
                time.sleep(0.02)
            line.limit(0)
            yield process
        finally:
            process.kill()
            process.communicate()


def continues(
    installation: Installation, line: Line, source: Path, target: Path, *, saved: int = 0
) -> dict[str, Any]:
    """The next run sends only what is neither in a checkpoint of so many files nor in staging."""
    before = saved or arrived(installation)
    line.sent()
    row = installation.back_up()
    assert row["state"] == "verified"
    assert row["verification"]["matches_source"] is True
    assert line.sent() < (40 - before + 4) * MIB // 4
    root = installation.restore(target)
    assert compare_trees(source, root / source.relative_to("/")) == []
    return row


def test_a_cut_connection_is_continued(
    enrolled: Installation, line: Line, source: Path, tmp_path: Path
) -> None:
    with under_way(enrolled, line) as process:
        line.host.cut()
        _, err = process.communicate(timeout=60)
    assert process.returncode == 3
    row = enrolled.latest()
    assert row["state"] == "partial"
    assert row["error"]["code"] in {"ConnectionLost", "TransferInterrupted"}
    assert row["error"]["message"] in err.decode()
    assert row["files"] >= 10
    after = continues(enrolled, line, source, tmp_path / "restored", saved=row["files"])
    assert after["new_bytes"] < 31 * MIB // 4


def test_an_interrupted_run_is_continued(
    enrolled: Installation, line: Line, source: Path, tmp_path: Path
) -> None:
    """Ctrl-C, or the service manager's way of saying it."""
    with under_way(enrolled, line) as process:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert process.returncode == 130
    row = enrolled.latest()
    assert (row["state"], row["error"]["code"]) == ("partial", "Interrupted")
    assert row["files"] >= 10
    continues(enrolled, line, source, tmp_path / "restored", saved=row["files"])


def test_a_killed_run_locks_nobody_out(
    enrolled: Installation, line: Line, source: Path, tmp_path: Path
) -> None:
    """Its process is gone, so its lease is not waited for; it is on record as abandoned."""
    with under_way(enrolled, line) as process:
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
        assert enrolled.latest()["state"] == "pulling"
    continues(enrolled, line, source, tmp_path / "restored")
    states = [row["state"] for row in enrolled.program.ask("history")]
    assert states == ["verified", "abandoned"]


def test_a_server_is_saved_once_at_a_time(enrolled: Installation, line: Line) -> None:
    with under_way(enrolled, line) as process:
        ended = enrolled.program.run("backup-now", enrolled.name, "--json")
        assert ended.exit_code == 1
        (refused,) = ended.document
        assert (refused["run"], refused["error"]["code"]) == (None, "RunActive")
        assert "next: Wait for it to end" in ended.err
        process.communicate(timeout=60)
    assert process.returncode == 0
    assert [row["state"] for row in enrolled.program.ask("history")] == ["verified"]


@pytest.fixture
def in_s3(
    install: Install, line: Line, source: Path, s3_server: SeaweedServer
) -> Iterator[Installation]:
    """Saved into a bucket of a server that runs again afterwards."""
    installation = install(new_bucket(s3_server), host=line.host)
    installation.enrol(source)
    yield installation
    if s3_server._process is None:
        s3_server.restart()


def wait_for_retry(process: "subprocess.Popen[bytes]") -> None:
    """Return once the program says that it waits for the store."""
    assert process.stderr is not None
    said, deadline = b"", time.monotonic() + 60
    os.set_blocking(process.stderr.fileno(), False)
    while b"Trying again in" not in said:
        assert process.poll() is None, said
        assert time.monotonic() < deadline, said
        said += process.stderr.read() or b""
        time.sleep(0.05)
    os.set_blocking(process.stderr.fileno(), True)


def test_a_store_that_goes_away_for_a_moment_is_waited_for(
    in_s3: Installation, line: Line, s3_server: SeaweedServer
) -> None:
    with under_way(in_s3, line) as process:
        s3_server.kill()
        wait_for_retry(process)
        s3_server.restart()
        process.communicate(timeout=90)
    assert process.returncode == 0
    assert in_s3.latest()["verification"]["matches_source"] is True


def test_a_store_that_stays_away_can_be_given_up_on(
    in_s3: Installation, line: Line, s3_server: SeaweedServer, source: Path, tmp_path: Path
) -> None:
    """The program ends when it is told to, not when it has lost patience."""
    with under_way(in_s3, line) as process:
        s3_server.kill()
        wait_for_retry(process)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    assert process.returncode == 130
    assert in_s3.latest()["error"]["code"] == "Interrupted"
    s3_server.restart()
    continues(in_s3, line, source, tmp_path / "restored")
