"""What a real server says when it is asked."""

import dataclasses
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from backends.errors import HostKeyChanged, HostUnreachable, SourcePathInvalid
from backends.probe import Answer, probe_server
from backends.rsync.version import find_local_rsync
from backends.ssh import fingerprint
from tests.integration.test_rsync_pull import folder, source
from tests.parts.requirement import require_program
from tests.parts.sshd import Sshd

__all__ = ["folder", "source"]

MakeSshd = Callable[..., Sshd]


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture(autouse=True)
def _programs() -> Iterator[None]:
    require_program("rsync", "rsync")
    return


def test_a_server_describes_itself(sshd: Sshd, source: Path) -> None:
    found = probe_server(sshd.target(), [str(source)], now=now)

    assert found.reachable
    assert found.fingerprint == fingerprint(sshd.host_key)
    assert found.forced_command is None
    assert found.system.value is not None
    assert found.system.value.startswith(f"{os.uname().sysname} {os.uname().release}")
    assert found.rsync.value == find_local_rsync()
    assert found.clock_offset.value is not None
    assert abs(found.clock_offset.value) < 60
    (path,) = found.paths
    assert path.kind == Answer(value="directory")
    assert path.readable == Answer(value=True)
    assert path.size.value is not None
    assert path.size.value >= len("first") + len("second")
    assert path.free.value is not None
    assert path.free.value > 0


def test_a_clock_that_is_wrong_here_or_there_shows(sshd: Sshd) -> None:
    found = probe_server(sshd.target(), [], now=lambda: now() + timedelta(hours=1))

    assert found.clock_offset.value == pytest.approx(-3600, abs=60)


def test_every_path_has_answers_of_its_own(unprivileged_sshd: Sshd, source: Path) -> None:
    (source / "link").symlink_to("/elsewhere")
    (source / "private").mkdir(mode=0o000)
    names = ("a", "sub", "link", "private", "missing", "private/below", "it's $HOME *")
    (source / "it's $HOME *").touch()

    found = probe_server(unprivileged_sshd.target(), [f"{source}/{n}" for n in names], now=now)

    paths = dict(zip(names, found.paths, strict=True))
    assert paths["a"].kind.value == "regular file"
    assert paths["a"].size.value == len("first")
    assert paths["link"].kind.value == "symbolic link"
    assert paths["link"].link_target == "/elsewhere"
    assert paths["private"].readable.value is False
    assert "Permission denied" in paths["private"].size.problem
    assert "No such file" in paths["missing"].kind.problem
    assert paths["missing"].size.value is None
    assert "Permission denied" in paths["private/below"].free.problem
    assert paths["it's $HOME *"].kind.value == "regular empty file"


def test_a_size_that_takes_too_long_stays_unknown(sshd: Sshd) -> None:
    found = probe_server(sshd.target(), ["/"], now=now, size_seconds=0.01)

    assert found.paths[0].size == Answer(problem="adding it up takes longer than 0.01 seconds")


def test_sudo_is_tried_and_never_asks(sshd: Sshd, unprivileged_sshd: Sshd) -> None:
    require_program("sudo", "sudo")
    if os.geteuid() != 0:
        pytest.skip("an ordinary user may or may not have sudo")

    assert probe_server(sshd.target(), [], now=now).sudo == Answer(value=True)
    refused = probe_server(unprivileged_sshd.target(), [], now=now).sudo
    assert refused.value is False
    assert "password is required" in refused.problem


def test_an_old_rsync_on_the_server_is_a_warning_only(make_sshd: MakeSshd, tmp_path: Path) -> None:
    program = tmp_path / "rsync"
    program.write_text("#!/bin/sh\necho 'rsync  version 3.1.3  protocol version 31'\n")
    program.chmod(0o755)
    server = make_sshd(forced_command=f'PATH={tmp_path}:$PATH /bin/sh -c "$SSH_ORIGINAL_COMMAND"')

    found = probe_server(server.target(), [], now=now)

    assert str(found.rsync.value) == "3.1.3"
    assert found.rsync_advice is not None
    assert "3.5.0" in found.rsync_advice


def test_a_server_without_rsync_says_so(make_sshd: MakeSshd, tmp_path: Path) -> None:
    for name in ("env", "echo"):
        (tmp_path / name).symlink_to(require_program(name, "coreutils"))
    server = make_sshd(forced_command=f'PATH={tmp_path} /bin/sh -c "$SSH_ORIGINAL_COMMAND"')

    found = probe_server(server.target(), ["/"], now=now)

    assert found.reachable
    assert found.rsync.value is None
    assert "No such file" in found.rsync.problem
    assert found.paths[0].size.problem


def test_a_key_restricted_to_rsync_is_recognised(make_sshd: MakeSshd) -> None:
    require_program("rrsync", "rsync")
    server = make_sshd(forced_command="rrsync -ro /", key_options="restrict")

    found = probe_server(server.target(), ["/srv"], now=now)

    assert found.reachable
    assert found.forced_command is not None
    assert "rrsync" in found.forced_command
    assert "forced command" in found.rsync.problem
    assert "forced command" in found.paths[0].size.problem


def test_a_server_that_is_not_there_is_an_answer_too(sshd: Sshd) -> None:
    target = dataclasses.replace(sshd.target(), port=1)

    found = probe_server(target, ["/srv"], now=now)

    assert not found.reachable
    assert type(found.problem) is HostUnreachable
    assert found.paths[0].path == "/srv"
    assert found.paths[0].kind.value is None


def test_a_changed_host_key_gets_no_questions(make_sshd: MakeSshd) -> None:
    server = make_sshd()
    before = server.target()
    server.rotate_host_key()

    found = probe_server(before, [], now=now)

    assert type(found.problem) is HostKeyChanged
    assert found.fingerprint == fingerprint(before.host_key)


def test_a_path_that_cannot_be_asked_for_is_refused(sshd: Sshd) -> None:
    with pytest.raises(SourcePathInvalid):
        probe_server(sshd.target(), ["relative"], now=now)
