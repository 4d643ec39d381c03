"""Frozen views on a real server: btrfs on a loop device, commands over a real sshd."""

import secrets
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from backends.shell import RemoteShell
from backends.snapshot.commands import Commands
from backends.snapshot.hold import hold, leftovers, release
from backends.snapshot.view import Consistency, FrozenView, Leftover, SnapshotRequest
from backends.source_errors import (
    SnapshotDenied,
    SnapshotUnsupported,
    SourcePathLeaves,
)
from tests.parts.btrfs import btrfs, subvolume
from tests.parts.pair_writer import is_of_one_moment, writing_pairs
from tests.parts.sshd import Sshd

__all__ = ["btrfs"]

#: Views of all runs are beside each other on this machine.
RUN = f"20261123T060101Z-{secrets.token_hex(3)}"


class Server:
    """Holds views over one connection, and keeps what was warned of."""

    def __init__(self, commands: Commands) -> None:
        self.commands = commands
        self.warnings: list[str] = []

    def hold(
        self, *paths: Path, kind: str = "auto", fallback: bool = False, alone: bool = False
    ) -> AbstractContextManager[FrozenView]:
        request = SnapshotRequest(
            name=RUN,
            paths=tuple(map(str, paths)),
            kind=kind,
            fallback=fallback,
            one_file_system=alone,
        )
        return hold(request, self.commands, now=_now, warn=self.warnings.append)


@pytest.fixture
def server(sshd: Sshd) -> Iterator[Server]:
    with Commands(lambda: RemoteShell(sshd.target())) as commands:
        yield Server(commands)


def mine(server: Server) -> list[Leftover]:
    """What is left of this module's run; other tests hold views on this machine, too."""
    return [each for each in leftovers(server.commands) if each.name == RUN]


@pytest.fixture
def data(btrfs: Path) -> Path:
    folder = subvolume(btrfs / "srv")
    (folder / "story").write_text("before")
    return folder


def test_a_view_shows_what_was_there_when_it_was_made_under_the_paths_of_old(
    server: Server, data: Path
) -> None:
    with server.hold(data) as view:
        (data / "story").write_text("after")
        (data / "late").touch()
        seen = Path(f"{view.root}{data}")

        assert (seen / "story").read_text() == "before"
        assert not (seen / "late").exists()
        with pytest.raises(OSError, match="Read-only"):
            (seen / "story").write_text("never")
    assert server.warnings == []


def test_a_view_says_what_it_is_worth(server: Server, data: Path, btrfs: Path) -> None:
    with server.hold(data) as view:
        (part,) = view.parts

        assert (part.target, part.kind, part.taken_at) == (str(btrfs), "btrfs", _now())
        assert RUN in part.id
        assert view.consistency_of(str(data)) is Consistency.CRASH


def test_nothing_stays_on_the_server_afterwards_whatever_happens(
    server: Server, data: Path, btrfs: Path
) -> None:
    with pytest.raises(RuntimeError, match="pull"), server.hold(data):
        raise RuntimeError("the pull broke off")

    assert mine(server) == []
    assert list((btrfs / ".lapseguard").iterdir()) == []
    assert not Path("/run/lapseguard", RUN).exists()


def test_two_files_that_change_together_stand_still_in_every_view(
    server: Server, data: Path
) -> None:
    """Fifty whole captures of such a pair are in test_frozen_captures."""
    values = []
    with writing_pairs(data) as wait:
        for _ in range(8):
            wait()
            with server.hold(data, alone=True) as view:
                seen = Path(f"{view.root}{data}")
                assert is_of_one_moment(seen)
                values.append(journal := int((seen / "journal").read_text()))
                wait()
                assert int((seen / "journal").read_text()) == journal
    assert values == sorted(set(values)), "the writer did not go on between the views"


def test_subvolumes_within_are_frozen_in_their_places(server: Server, data: Path) -> None:
    inner = subvolume(data / "deep" / "inner") if _made(data / "deep") else data
    (inner / "treasure").write_text("gold")

    with server.hold(data) as view:
        (inner / "treasure").write_text("sold")

        assert Path(f"{view.root}{inner}/treasure").read_text() == "gold"


def test_a_snapshot_that_another_program_keeps_is_shown_as_it_is(
    server: Server, data: Path
) -> None:
    kept = data / "kept"
    subprocess.run(["btrfs", "-q", "subvolume", "snapshot", "-r", data, kept], check=True)

    with server.hold(data) as view:
        assert Path(f"{view.root}{kept}/story").read_text() == "before"
    assert (kept / "story").read_text() == "before"


def test_subvolumes_beside_what_is_saved_are_left_alone(
    server: Server, data: Path, btrfs: Path
) -> None:
    subvolume(btrfs / "other")

    with server.hold(data) as view:
        assert not list(Path(f"{view.root}{btrfs}/other").glob("*"))
        assert len(list(Path(view.parts[0].id).iterdir())) == 2


def test_what_a_crash_left_is_found_by_name_and_removed_and_nothing_else_is(
    sshd: Sshd, server: Server, data: Path, btrfs: Path
) -> None:
    theirs = btrfs / ".lapseguard" / "not-a-run"
    with Commands(lambda: RemoteShell(sshd.target())) as doomed:
        # Nobody leaves the block while the test looks, as after a kill -9.
        abandoned = Server(doomed).hold(data)
        abandoned.__enter__()
    theirs.mkdir()
    (theirs / "note").touch()

    found = mine(server)

    assert [(each.kind, each.name) for each in found] == [("view", RUN), ("btrfs", RUN)]
    assert found[0].made_at == datetime(2026, 11, 23, 6, 1, 1, tzinfo=UTC)
    for leftover in found:
        release(leftover, server.commands)
    assert mine(server) == []
    assert (theirs / "note").exists()
    assert (data / "story").read_text() == "before"


def test_a_view_that_is_in_use_stays_and_is_told(server: Server, data: Path) -> None:
    with server.hold(data) as view:
        user = (Path(f"{view.root}{data}") / "story").open()
    user.close()

    assert any("umount" in warning for warning in server.warnings)
    found = mine(server)
    assert "view" in {each.kind for each in found}
    for leftover in found:
        release(leftover, server.commands)
    assert mine(server) == []


def test_where_nothing_can_be_frozen_it_is_read_live_and_said_so(
    server: Server, tmp_path: Path
) -> None:
    with server.hold(tmp_path, fallback=True) as view:
        assert view.root == ""
        assert view.consistency_of(str(tmp_path)) is Consistency.NONE
        assert "no snapshots" in view.parts[0].reason
    assert "read live" in server.warnings[0]


def test_a_policy_that_wants_a_snapshot_or_nothing_gets_nothing(
    server: Server, tmp_path: Path
) -> None:
    with pytest.raises(SnapshotUnsupported, match="no snapshots"), server.hold(tmp_path):
        pass


def test_frozen_and_live_file_systems_are_found_below_one_root(
    server: Server, data: Path, tmp_path: Path
) -> None:
    plain = tmp_path / "plain"
    plain.mkdir()
    (plain / "file").write_text("here")

    with server.hold(data, plain, fallback=True) as view:
        assert Path(f"{view.root}{plain}/file").read_text() == "here"
        assert Path(f"{view.root}{data}/story").read_text() == "before"
        assert view.consistency_of(str(plain)) is Consistency.NONE
        assert view.consistency_of(str(data)) is Consistency.CRASH


def test_a_path_through_a_symbolic_link_is_refused_and_the_real_one_named(
    server: Server, data: Path, tmp_path: Path
) -> None:
    (tmp_path / "alias").symlink_to(data)

    with pytest.raises(SourcePathLeaves, match=str(data)), server.hold(tmp_path / "alias" / "x"):
        pass


def test_the_folders_on_the_way_to_a_view_look_like_the_real_ones(
    server: Server, data: Path, btrfs: Path
) -> None:
    btrfs.parent.chmod(0o751)

    with server.hold(data) as view:
        ours, real = Path(f"{view.root}{btrfs.parent}").stat(), btrfs.parent.stat()

        assert (ours.st_mode, ours.st_uid, ours.st_mtime_ns) == (
            real.st_mode,
            real.st_uid,
            real.st_mtime_ns,
        )


def test_a_server_that_cannot_be_asked_is_read_live_where_that_is_allowed(
    make_sshd: Callable[..., Sshd], data: Path
) -> None:
    restricted = make_sshd(forced_command="echo only rsync >&2; exit 1")
    with Commands(lambda: RemoteShell(restricted.target())) as commands:
        server = Server(commands)

        with server.hold(data, fallback=True) as view:
            assert view.root == ""
            assert "only rsync" in view.parts[0].reason
    assert "read live" in server.warnings[0]


def test_a_login_without_the_rights_is_told_so_and_leaves_nothing(
    unprivileged_sshd: Sshd, data: Path, btrfs: Path
) -> None:
    data.parent.chmod(0o755)
    commands = Commands(lambda: RemoteShell(unprivileged_sshd.target()))

    with commands, pytest.raises(SnapshotDenied), Server(commands).hold(data):
        pass

    assert not (btrfs / ".lapseguard").exists()


def _now() -> datetime:
    return datetime(2026, 11, 23, 6, 1, 2, tzinfo=UTC)


def _made(folder: Path) -> bool:
    folder.mkdir(parents=True)
    return True
