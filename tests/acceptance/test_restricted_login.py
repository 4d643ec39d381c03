"""A person prepares a server by what the program says, and saves it with few rights, frozen."""

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.parts.btrfs import btrfs, subvolume
from tests.parts.databases import PostgresCluster
from tests.parts.installation import Install, Installation
from tests.parts.requirement import require_program
from tests.parts.source_wrapper import copy_with_lists
from tests.parts.sshd import Sshd
from tests.parts.sudo_rules import LOGIN, WITH_RULES, install_rules, require_sudo

__all__ = ["btrfs"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Guarded:
    """A server whose login may read and freeze; root there has allowed no dump yet.

    Attributes:
        sshd: It.
        dumps: Root's list for the wrapper.
        rules: Root's rules for sudo.
    """

    sshd: Sshd
    dumps: Path
    rules: Path


@pytest.fixture
def guarded(btrfs: Path, tmp_path: Path) -> Iterator[Guarded]:
    require_sudo()
    for program, package in (("setpriv", "util-linux"), ("rrsync", "rsync")):
        require_program(program, package)
    # pytest's own folder is closed to the login.
    place = Path(tempfile.mkdtemp(prefix="lapseguard-"))
    place.chmod(0o755)
    rules = install_rules(tmp_path)
    login = f"exec setpriv --reuid={LOGIN} --clear-groups {copy_with_lists(place)}"
    sshd = Sshd(tmp_path / "sshd", forced_command=login, within=(*WITH_RULES, str(rules)))
    with sshd:
        yield Guarded(sshd=sshd, dumps=place / "dumps", rules=rules)
    shutil.rmtree(place)


@pytest.fixture
def installation(install: Install, guarded: Guarded, btrfs: Path) -> Installation:
    """A server with a file that only root may read."""
    data = subvolume(btrfs / "srv")
    (data / "secret").write_text("known to root alone")
    (data / "secret").chmod(0o600)
    installation = install(host=guarded.sshd, passport=True)
    installation.enrol(data)
    return installation


def test_what_a_probe_recommends_and_root_allows_makes_a_whole_and_frozen_backup(
    installation: Installation, guarded: Guarded, postgres_cluster: PostgresCluster
) -> None:
    """At first it is at fault, since the login itself may not even see the file."""
    program = installation.program
    first_look = program.run("server", "probe", "web-1", "--json").document
    for command in first_look["source"]["recommended"]:
        if "dump" not in command:
            program.do(*command.split()[1:])
    login = ("--user", str(postgres_cluster.user), "--role", "lapseguard")
    socket = ("--host", str(postgres_cluster.folder))
    program.do("server", "dump", "add", "web-1", "postgres-globals", *login, *socket)

    guarded.dumps.write_text(program.do("server", "dump", "commands", "web-1"))
    lines = program.do("server", "dump", "commands", "web-1", "--sudoers")
    with guarded.rules.open("a") as rules:
        # The tests log in as themselves, and become the login only then.
        rules.write(lines.replace(guarded.sshd.target().user, LOGIN, 1))

    assert program.ask("server", "probe", "web-1")["faults"] == []
    run = installation.back_up()
    shown = program.ask("show", run["run"])["manifest"]
    assert run["state"] == "verified"
    assert (shown["source"], shown["consistency"]) == ("btrfs", "crash")
    assert [dump["problem"] for dump in shown["dumps"]] == [None]
    assert "users" not in shown["passport"]["gaps"]
