"""A server whose files never stand still is saved as of one instant, and nothing stays on it."""

import time
from pathlib import Path
from typing import Any

import pytest

from tests.parts.btrfs import btrfs, subvolume
from tests.parts.installation import Install, Installation
from tests.parts.line import Line
from tests.parts.pair_writer import is_of_one_moment, writing_pairs

__all__ = ["btrfs"]


@pytest.fixture
def data(btrfs: Path) -> Path:
    folder = subvolume(btrfs / "srv")
    for number in range(20):
        (folder / f"{number:02}").write_bytes(bytes([number]) * 200_000)
    return folder


@pytest.fixture
def frozen(install: Install, line: Line, data: Path) -> Installation:
    """A server that is frozen by btrfs, or not saved at all."""
    installation = install(host=line.host)
    installation.enrol(data)
    installation.program.do("server", "freeze", "web-1", "--snapshot", "btrfs", "--required")
    line.sent()
    return installation


def saved(installation: Installation) -> dict[str, Any]:
    """Back the server up; what `backup-now` says of it."""
    runs: list[dict[str, Any]] = installation.program.ask("backup-now", "web-1")
    return runs[0]


def test_every_copy_of_files_that_change_together_has_them_as_they_were_together(
    frozen: Installation, data: Path, tmp_path: Path
) -> None:
    with writing_pairs(data):
        runs = [saved(frozen)["run"] for _ in range(3)]

    for run in runs:
        target = tmp_path / run
        frozen.program.do("restore", run, "--target", str(target))
        copy = target / data.relative_to("/")
        assert is_of_one_moment(copy)
        assert (copy / "07").read_bytes() == bytes([7]) * 200_000


def test_the_record_says_what_the_copy_is_worth(
    frozen: Installation, data: Path, btrfs: Path
) -> None:
    run = saved(frozen)["run"]

    shown = frozen.program.ask("show", run)["manifest"]
    assert (shown["source"], shown["consistency"]) == ("btrfs", "crash")
    (part,) = shown["source_parts"]
    assert part["target"] == str(btrfs)
    assert run in part["id"]
    assert "consistency crash" in frozen.program.do("show", run)


def test_what_did_not_change_between_two_snapshots_is_not_sent_again(
    frozen: Installation, line: Line, data: Path
) -> None:
    frozen.program.do("backup-now", "web-1")
    line.sent()
    (data / "new").write_bytes(b"new")

    frozen.program.do("backup-now", "web-1")

    assert line.sent() < 200_000


def test_a_copy_is_the_same_file_for_file_as_one_of_the_live_server(
    frozen: Installation, data: Path
) -> None:
    frozen.program.do("backup-now", "web-1")
    frozen.program.do("server", "freeze", "web-1", "--snapshot", "none")

    again = saved(frozen)

    assert again["new_bytes"] < 5_000


def test_what_a_killed_run_left_on_the_server_is_removed_by_the_next(
    frozen: Installation, line: Line, btrfs: Path
) -> None:
    line.limit(256)
    with frozen.program.start("backup-now", "web-1") as process:
        deadline = time.monotonic() + 60
        while not list(Path("/run/lapseguard").glob(f"*{btrfs}/srv/07")):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.1)
        process.kill()
    line.limit(0)
    left = list((btrfs / ".lapseguard").iterdir())

    ended = frozen.program.run("backup-now", "web-1")

    assert len(left) == 1
    assert ended.exit_code == 0, ended.err
    assert left[0].name in ended.err
    assert list((btrfs / ".lapseguard").iterdir()) == []
    assert not Path("/run/lapseguard", left[0].name).exists()


def test_a_server_that_cannot_be_frozen_and_must_be_is_not_saved(
    install: Install, line: Line, tmp_path: Path
) -> None:
    plain = install(host=line.host)
    plain.enrol(tmp_path)
    plain.program.do("server", "freeze", "web-1", "--snapshot", "btrfs", "--required")

    ended = plain.program.run("backup-now", "web-1")

    assert ended.exit_code == 1
    assert "no snapshots by btrfs" in ended.err
    assert plain.program.ask("history", "web-1")[0]["state"] == "failed"


def test_where_it_may_be_read_live_it_is_and_the_record_says_why(
    install: Install, line: Line, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("here")
    plain = install(host=line.host)
    plain.enrol(tmp_path / "file")
    plain.program.do("server", "freeze", "web-1", "--snapshot", "auto")

    run = saved(plain)["run"]

    shown = plain.program.ask("show", run)["manifest"]
    assert (shown["source"], shown["consistency"]) == ("none", "none")
    assert "no snapshots" in shown["source_parts"][0]["reason"]


def test_an_application_rests_while_the_snapshot_is_made_and_goes_on_before_the_pull(
    frozen: Installation, data: Path, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    before, after = (
        f"sh -c 'echo {word} >> {log}; echo {word} > {data}/x'" for word in ("rest", "go-on")
    )
    frozen.program.do("server", "freeze", "web-1", "--before", before, "--after", after)

    run = saved(frozen)["run"]

    assert log.read_text() == "rest\ngo-on\n"
    assert frozen.program.ask("show", run)["manifest"]["consistency"] == "application"
    frozen.program.do("restore", "web-1", "--target", str(tmp_path / "out"))
    assert (tmp_path / "out" / data.relative_to("/") / "x").read_text() == "rest\n"
