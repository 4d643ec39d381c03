"""What goes wrong is named, recorded and survivable: the next run after the remedy is good.

Each test breaks one thing, sees the run fail for exactly that reason, finds nothing half-written
called done, mends it, and backs up.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backends.errors import StoreError
from tests.parts.installation import (
    BucketPlace,
    FolderPlace,
    Install,
    Installation,
    new_bucket,
)
from tests.parts.object_servers import SeaweedServer
from tests.parts.requirement import require, require_program
from tests.parts.sshd import Sshd

MIB = 2**20
#: As a forced command: a login that finds no program by name.
WITHOUT_PROGRAMS = 'PATH=/nonexistent; exec /bin/sh -c "$SSH_ORIGINAL_COMMAND"'


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the server has; nobody changes it."""
    folder = tmp_path_factory.mktemp("source")
    (folder / "page").write_text("welcome")
    return folder


@pytest.fixture
def enrolled(install: Install, source: Path) -> Installation:
    """A server in a folder store, not saved yet."""
    installation = install()
    installation.enrol(source)
    return installation


def fails(installation: Installation, code: str, *, exit_code: int = 1) -> dict[str, Any]:
    """The backup fails for that reason, and nothing of it passes for a backup."""
    row = installation.fail_to_back_up(code, exit_code=exit_code)
    assert row["state"] == "failed"
    assert (row["manifest_sha256"], row["verification"]) == (None, None)
    assert row["finished_at"] is not None
    try:
        keys = [info.key for info in installation.objects.list("")]
    except StoreError:
        return row
    assert not [key for key in keys if row["run"] in key]
    return row


def works(installation: Installation) -> None:
    """The next backup is good."""
    assert installation.back_up()["state"] == "verified"


def update(installation: Installation, *words: str) -> None:
    installation.program.do("server", "update", installation.name, *words)


# The store


def test_a_wrong_repository_password(enrolled: Installation) -> None:
    works(enrolled)
    file = enrolled.program.state / "secrets/repository_password"
    right = file.read_text()
    file.write_text("something else\n")
    fails(enrolled, "WrongPassword")
    file.write_text(right)
    works(enrolled)


def test_a_secret_that_others_can_read(enrolled: Installation) -> None:
    """Nothing is begun with it, so the exit code is that of a wrong setting."""
    file = enrolled.program.state / "secrets/repository_password"
    file.chmod(0o644)
    row = fails(enrolled, "SecretError", exit_code=2)
    assert str(file) in row["error"]["message"]
    file.chmod(0o600)
    works(enrolled)


def test_a_wrong_s3_key(install: Install, s3_server: SeaweedServer, source: Path) -> None:
    installation = install(new_bucket(s3_server))
    installation.enrol(source)
    file = installation.program.folder / "secret-key"
    file.write_text("wrong")
    fails(installation, "StoreRefused")
    file.write_text(s3_server.secret_key)
    works(installation)


def test_a_missing_bucket(install: Install, s3_server: SeaweedServer, source: Path) -> None:
    installation = install(BucketPlace(server=s3_server, bucket="bucket-not-there"))
    installation.enrol(source)
    fails(installation, "BucketMissing")
    s3_server.make_bucket("bucket-not-there")
    works(installation)


def test_a_missing_store_folder(enrolled: Installation) -> None:
    """A disk that is not mounted must not be taken for an empty store."""
    assert isinstance(enrolled.place, FolderPlace)
    enrolled.place.root.rmdir()
    fails(enrolled, "BucketMissing")
    enrolled.place.root.mkdir()
    works(enrolled)


def test_a_repository_that_vanished_is_made_anew_but_not_in_silence(enrolled: Installation) -> None:
    works(enrolled)
    shutil.rmtree(enrolled.place.restic_url(enrolled.name))
    ended = enrolled.program.run("backup-now", enrolled.name)
    assert ended.exit_code == 0
    assert "of earlier runs is gone; making a new one" in ended.err
    assert enrolled.latest()["verification"]["matches_source"] is True


# The server


def test_an_unreachable_host(enrolled: Installation) -> None:
    update(enrolled, "--port", "1")
    fails(enrolled, "HostUnreachable")
    update(enrolled, "--port", str(enrolled.host.port))
    works(enrolled)


def test_a_refused_key(enrolled: Installation) -> None:
    """The key that `init` made is not in the server's authorized_keys yet."""
    own = enrolled.program.state / "ssh/id_ed25519"
    update(enrolled, "--identity", str(own))
    row = fails(enrolled, "LoginRefused")
    assert "authorized_keys" in row["error"]["hint"]
    enrolled.host.authorize(own.with_suffix(".pub").read_text())
    works(enrolled)


def test_a_changed_host_key_is_never_talked_to(
    install: Install, make_sshd: Callable[..., Sshd], source: Path
) -> None:
    host = make_sshd()
    installation = install(host=host)
    installation.enrol(source)
    host.rotate_host_key()
    row = fails(installation, "HostKeyChanged")
    assert "console" in row["error"]["hint"]
    staging = installation.program.state / "staging" / installation.name
    written = {path.name for path in staging.rglob("*") if path.is_file() and path.stat().st_size}
    assert written <= {"salt-main.json"}  # which the store told, not the server
    update(installation, "--host-key", host.host_key, "--yes")
    works(installation)


def test_the_rest_is_saved_without_a_missing_path(enrolled: Installation, source: Path) -> None:
    nowhere = source.with_name("nowhere")
    update(enrolled, "--path", str(source), "--path", str(nowhere))
    ended = enrolled.program.run("backup-now", enrolled.name)
    assert ended.exit_code == 3
    (row, *_) = enrolled.program.ask("history", enrolled.name)
    assert (row["state"], row["error"]["code"]) == ("partial", "SourcePathMissing")
    assert str(nowhere) in row["error"]["message"]
    update(enrolled, "--path", str(source))
    works(enrolled)


def test_a_server_without_rsync(
    install: Install, make_sshd: Callable[..., Sshd], sshd: Sshd, source: Path
) -> None:
    poor = make_sshd(forced_command=WITHOUT_PROGRAMS)
    installation = install(host=poor)
    installation.enrol(source)
    row = fails(installation, "RsyncMissing")
    assert installation.name in row["error"]["message"]
    target = sshd.target()
    update(installation, "--port", str(target.port), "--identity", target.identity)
    update(installation, "--host-key", target.host_key, "--yes")
    works(installation)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A place that any user can reach, unlike pytest's own."""
    path = Path(tempfile.mkdtemp(prefix="lapseguard-"))
    path.chmod(0o755)
    yield path
    (path / "closed").chmod(0o755)
    shutil.rmtree(path)


def test_what_the_login_may_not_read_is_listed_and_the_rest_is_saved(
    install: Install, unprivileged_sshd: Sshd, open_folder: Path, tmp_path: Path
) -> None:
    (open_folder / "open").write_text("for all")
    (open_folder / "closed").mkdir()
    (open_folder / "closed" / "secret").write_text("for the owner")
    (open_folder / "closed").chmod(0o0 if os.geteuid() else 0o700)
    installation = install(host=unprivileged_sshd)
    installation.enrol(open_folder)
    ended = installation.program.run("backup-now", installation.name)
    row = installation.latest()
    assert (ended.exit_code, row["state"]) == (3, "partial")
    assert row["error"]["code"] == "RunIncomplete"
    assert row["verification"]["outcome"] == "passed"
    shown = installation.program.ask("show", row["run"])["manifest"]
    assert not shown["complete"]
    (omission,) = shown["omissions"]
    assert omission["path"] == str(open_folder / "closed").lstrip("/")
    assert "Permission denied" in omission["reason"]
    root = installation.restore(tmp_path / "restored")
    assert (root / str(open_folder / "open")[1:]).read_text() == "for all"
    (status,) = installation.program.ask("status")
    assert (status["newest_verified"], status["verdict"]) == (None, "at risk")
    (open_folder / "closed").chmod(0o755)
    works(installation)


# This machine


def test_a_staging_folder_that_cannot_be_written(enrolled: Installation) -> None:
    staging = enrolled.program.state / "staging"
    staging.rmdir()
    staging.write_text("in the way")
    fails(enrolled, "LocalPathUnusable")
    staging.unlink()
    works(enrolled)


def test_a_state_folder_that_cannot_be_used_is_said_before_anything_begins(
    enrolled: Installation,
) -> None:
    elsewhere = enrolled.program.state.with_name("moved")
    enrolled.program.state.rename(elsewhere)
    error = enrolled.program.fail("backup-now", enrolled.name, exit_code=1)
    assert error["code"] == "StateFolderUnusable"
    assert str(enrolled.program.state) in error["message"]
    elsewhere.rename(enrolled.program.state)
    works(enrolled)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 MiB with extended attributes."""
    place = tmp_path / "small disk"
    place.mkdir()
    mount = require_program("mount", "mount")
    done = subprocess.run([mount, "-t", "tmpfs", "-o", "size=24m", "tmpfs", place], check=False)
    require(done.returncode == 0, "a mount of a tmpfs", "run as root")
    try:
        os.setxattr(place, "user.trial", b"1")
    except OSError:
        subprocess.run(["umount", place], check=True)
        require(None, "a tmpfs with extended attributes", "Linux 6.6")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


def test_a_full_disk_even_where_the_database_is_on_it(
    install: Install, small_disk: Path, tmp_path: Path
) -> None:
    """What arrived is restorable; with more room the next run continues from it."""
    (tmp_path / "source").mkdir()
    for number in range(4):
        (tmp_path / "source" / f"large-{number}").write_bytes(os.urandom(8 * MIB))
    installation = install(state=small_disk / "state")
    installation.enrol(tmp_path / "source")
    ended = installation.program.run("backup-now", installation.name)
    assert ended.exit_code == 3
    assert "No space left on device (Free space" in ended.err
    subprocess.run(["mount", "-o", "remount,size=80m", small_disk], check=True)
    row = installation.back_up()
    assert (row["state"], row["verification"]["matches_source"]) == ("verified", True)
    assert row["new_bytes"] < 32 * MIB


# Several


def test_one_server_that_fails_does_not_keep_the_next_from_its_turn(
    enrolled: Installation, source: Path
) -> None:
    good = replace(enrolled, name="web-2")
    good.enrol(source)
    update(enrolled, "--port", "1")
    ended = enrolled.program.run("backup-now", "--all", "--json")
    assert ended.exit_code == 1
    first, second = ended.document
    assert (first["server"], first["state"]) == ("web-1", "failed")
    assert first["error"]["code"] == "HostUnreachable"
    assert (second["server"], second["state"], second["error"]) == ("web-2", "verified", None)
