"""What a server could freeze and dump is said when it is registered and whenever it is asked."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.parts.btrfs import btrfs, subvolume
from tests.parts.program import Program
from tests.parts.requirement import require_program
from tests.parts.sshd import Sshd

__all__ = ["btrfs"]

MakeSshd = Callable[..., Sshd]
FREEZE = "lapseguard server freeze web-1 --snapshot auto"


def adding(host: Sshd, path: Path, *options: str) -> tuple[str, ...]:
    """The command line that registers it."""
    target = host.target()
    return (
        *("server", "add", "web-1", "--host", target.host, "--port", str(target.port)),
        *("--user", target.user, "--host-key", target.host_key, "--identity", target.identity),
        *("--path", str(path), *options),
    )


def test_registering_a_server_says_how_it_is_frozen(
    installed: Program, sshd: Sshd, btrfs: Path
) -> None:
    said: Any = installed.ask(*adding(sshd, subvolume(btrfs / "srv"), "--probe"))

    (volume,) = said["source"]["file_systems"]
    assert (volume["path"], volume["snapshot"]) == (str(btrfs), "btrfs")
    assert FREEZE in said["source"]["recommended"]
    assert FREEZE in installed.do("server", "probe", "web-1")

    installed.do(*FREEZE.split()[1:])
    found = installed.ask("server", "probe", "web-1")["source"]
    assert FREEZE not in found["recommended"]


def test_a_server_may_be_frozen_from_the_first_backup_on(installed: Program) -> None:
    installed.add_server("web-1", "--snapshot", "auto")

    assert installed.ask("server", "show", "web-1")["snapshot"] == "auto"


def test_a_login_that_may_only_read_is_told_so_and_is_no_fault(
    installed: Program, make_sshd: MakeSshd, tmp_path: Path
) -> None:
    require_program("rrsync", "rsync")
    bound = make_sshd(forced_command="rrsync -ro /", key_options="restrict")

    said = installed.do(*adding(bound, tmp_path, "--probe"))

    assert "is not known: the key runs only a forced command" in said
    assert "source-setup.md" in said
    probed = installed.ask("server", "probe", "web-1")
    assert probed["faults"] == []
    assert "forced command" in probed["source"]["problem"]


def test_a_server_that_does_not_answer_yet_is_registered_all_the_same(
    installed: Program, sshd: Sshd, tmp_path: Path
) -> None:
    words = adding(sshd, tmp_path, "--probe")
    away = [word if word != str(sshd.target().port) else "1" for word in words]

    assert "lapseguard server probe web-1" in installed.do(*away)
    assert installed.ask("server", "show", "web-1")["port"] == 1
