"""A login that may only read and freeze: its key bound to the wrapper, its sudo to the rules."""

import secrets
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from backends.passport import Asking
from backends.probe import probe_server
from backends.rsync.pull import RsyncPull
from backends.shell import RemoteShell
from backends.snapshot.commands import Commands
from backends.snapshot.hold import hold, leftovers, release
from backends.snapshot.view import SnapshotRequest
from backends.source_errors import SnapshotDenied
from backends.types import PullSpec
from tests.parts.btrfs import btrfs, subvolume
from tests.parts.requirement import require_program
from tests.parts.source_wrapper import WRAPPER
from tests.parts.sshd import Sshd
from tests.parts.sudo_rules import WITH_RULES, install_rules, require_sudo

__all__ = ["btrfs"]

RUN = f"20261123T060101Z-{secrets.token_hex(3)}"
VIEW = f"/run/lapseguard/{RUN}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Restricted:
    """A server whose login is `nobody`; its mounts are in a namespace of their own.

    Attributes:
        sshd: It.
        commands: Its command line, as the snapshots use it.
    """

    sshd: Sshd
    commands: Commands

    def see(self, path: str) -> Path:
        """A path as the server sees it."""
        return Path(f"/proc/{self.sshd.pid}/root{path}")

    def run(self, *argv: str, sudo: bool = True) -> str:
        """One command as the login's key may ask for it."""
        return self.commands.run(*argv, sudo=sudo)


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that everybody can reach, unlike pytest's own, with the wrapper in it."""
    folder = Path(tempfile.mkdtemp(prefix="lapseguard-"))
    folder.chmod(0o755)
    shutil.copy(WRAPPER, folder / WRAPPER.name)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def data(btrfs: Path) -> Path:
    """A subvolume with a file that only root may read."""
    folder = subvolume(btrfs / "srv")
    (folder / "secret").write_text("before")
    (folder / "secret").chmod(0o600)
    return folder


@pytest.fixture
def server(data: Path, place: Path, tmp_path: Path) -> Iterator[Restricted]:
    require_sudo()
    require_program("setpriv", "util-linux")
    require_program("rrsync", "rsync")
    login = "exec setpriv --reuid=65534 --regid=65534 --clear-groups"
    sshd = Sshd(
        tmp_path / "sshd",
        forced_command=f"{login} {place}/{WRAPPER.name}",
        key_options="restrict",
        within=(*WITH_RULES, str(install_rules(tmp_path))),
    )
    with sshd, Commands(lambda: RemoteShell(sshd.target()), sudo=True) as commands:
        yield Restricted(sshd=sshd, commands=commands)


def request(path: Path) -> SnapshotRequest:
    return SnapshotRequest(name=RUN, paths=(str(path),), fallback=False)


def test_a_view_is_held_pulled_and_released_with_these_rights_alone(
    server: Restricted, data: Path, btrfs: Path, tmp_path: Path
) -> None:
    subvolume(data / "inner")
    (data / "inner/deep").write_text("down")
    staging = tmp_path / "image"

    with hold(request(data), server.commands, now=_now, warn=pytest.fail) as view:
        (data / "secret").write_text("after")
        spec = PullSpec(
            target=server.sshd.target(),
            paths=(str(data),),
            staging=str(staging),
            excludes=view.excludes,
            source_root=view.root,
            sudo=True,
        )
        report = RsyncPull().pull(spec, lambda _: None)

    assert report.complete
    assert (staging / str(data)[1:] / "secret").read_text() == "before"
    assert (staging / str(data)[1:] / "inner/deep").read_text() == "down"
    assert not server.see(VIEW).exists()
    assert list((btrfs / ".lapseguard").iterdir()) == []


def test_what_a_crash_left_is_removed_with_these_rights_alone(
    server: Restricted, data: Path, btrfs: Path
) -> None:
    with Commands(lambda: RemoteShell(server.sshd.target()), sudo=True) as doomed:
        # Nobody leaves the block while the test looks, as after a kill -9.
        abandoned = hold(request(data), doomed, now=_now, warn=lambda _: None)
        abandoned.__enter__()

    found = [each for each in leftovers(server.commands) if each.name == RUN]
    for leftover in found:
        release(leftover, server.commands)

    assert [each.kind for each in found] == ["view", "btrfs"]
    assert not server.see(VIEW).exists()
    assert list((btrfs / ".lapseguard").iterdir()) == []


def test_a_probe_sees_what_it_needs_with_these_rights_alone(
    server: Restricted, data: Path, btrfs: Path
) -> None:
    """Sizes are those that root sees, and what could be frozen shows."""
    found = probe_server(server.sshd.target(), [str(data)], sudo=True, now=_now)

    assert (found.problem, found.forced_command, found.sudo.value) == (None, None, True)
    assert found.rsync.value is not None
    assert found.paths[0].size.value is not None
    assert found.source is not None
    assert (found.source.is_wrapped, found.source.is_root) == (True, False)
    assert [(each.target, each.kind) for each in found.source.volumes] == [(str(btrfs), "btrfs")]


def test_a_passport_is_written_with_these_rights_alone(server: Restricted) -> None:
    asking = Asking("web-1", now=_now)

    asking.ask(lambda: RemoteShell(server.sshd.target()))

    passport = asking.passport()
    refused = [entry.topic for entry in passport.entries if "not permitted" in entry.problem]
    assert refused == []
    assert {"kernel", "users", "mounts"}.isdisjoint(passport.gaps)


def test_other_commands_are_refused_and_change_nothing(server: Restricted, data: Path) -> None:
    for argv in (("rm", "-rf", str(data)), ("umount", "--", str(data.parent)), ("id",)):
        with pytest.raises(SnapshotDenied, match="not permitted"):
            server.run(*argv)
    with pytest.raises(SnapshotDenied, match="not permitted"):
        server.run("sh", "-c", "id", sudo=False)

    assert (data / "secret").exists()


def test_nothing_is_done_through_a_symbolic_link_of_a_view(
    server: Restricted, data: Path, tmp_path: Path
) -> None:
    """Someone with the key, and somebody's links on the server, reaches no live file."""
    victim = tmp_path / "victim"
    victim.write_text("x")
    victim.chmod(0o600)
    (data / "link").symlink_to(victim)
    as_link = f"{data}/link"

    with hold(request(data), server.commands, now=_now, warn=pytest.fail):
        (data / "link").unlink()
        (data / "link").touch(mode=0o666)
        for argv in (
            ("chmod", f"--reference={as_link}", "--", f"{VIEW}{as_link}"),
            ("umount", "--", f"{VIEW}{as_link}"),
        ):
            with pytest.raises(SnapshotDenied, match="symbolic link"):
                server.run(*argv)

    assert victim.stat().st_mode & 0o777 == 0o600


def test_sudo_stops_what_gets_around_the_wrapper(server: Restricted, place: Path) -> None:
    """Somebody who is the login in another way still has the rules of sudo above."""
    (place / WRAPPER.name).write_text('#!/bin/sh\nexec sh -c "$SSH_ORIGINAL_COMMAND"\n')

    assert server.run("findmnt", "-n", "-o", "TARGET", "/", sudo=False) == "/\n"
    for argv in (("cat", "/etc/shadow"), ("umount", "--", f"{VIEW}/../../../srv")):
        with pytest.raises(SnapshotDenied, match="password is required"):
            server.run(*argv)


def _now() -> datetime:
    return datetime.now(UTC)
