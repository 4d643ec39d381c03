"""An installed lapseguard with a store and a server to save: what a person has after enrolment."""

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest

from backends.objectstore.directory import DirectoryStore
from backends.objectstore.s3 import S3Store
from backends.objectstore.s3_address import S3Address, S3Credentials
from backends.protocols import ObjectStore
from tests.parts.object_servers import S3Server
from tests.parts.program import Program
from tests.parts.restic import Restic
from tests.parts.sshd import Sshd
from tests.program_spawner import Spawner

SERVER = "web-1"


class Place(Protocol):
    """A place for repositories, as a person names it to us and to restic."""

    def options(self, folder: Path) -> tuple[str, ...]:
        """The words of `init`; secrets are written to files in `folder`."""

    def restic_url(self, server: str) -> str:
        """The repository of a server as stock restic names it."""

    def restic_environment(self) -> dict[str, str]:
        """What stock restic needs besides the password."""

    def open(self, server: str) -> ObjectStore:
        """The objects of a server's repository, behind the program's back."""


@dataclass(frozen=True, kw_only=True)
class FolderPlace:
    """A folder on this machine."""

    root: Path

    def options(self, _: Path) -> tuple[str, ...]:
        self.root.mkdir(exist_ok=True)
        return ("--store-url", f"file://{self.root}")

    def restic_url(self, server: str) -> str:
        return str(self.root / server)

    def restic_environment(self) -> dict[str, str]:
        return {}

    def open(self, server: str) -> ObjectStore:
        return DirectoryStore(self.root / server)


@dataclass(frozen=True, kw_only=True)
class BucketPlace:
    """A bucket of an S3 server, and a prefix in it."""

    server: S3Server
    bucket: str
    prefix: str = "saved"

    def options(self, folder: Path) -> tuple[str, ...]:
        key = secret_file(folder / "access-key", self.server.access_key)
        secret = secret_file(folder / "secret-key", self.server.secret_key)
        return (
            *("--store-url", f"s3://{self.bucket}/{self.prefix}"),
            *("--endpoint", self.server.endpoint),
            *("--access-key-id-file", str(key), "--secret-access-key-file", str(secret)),
        )

    def restic_url(self, server: str) -> str:
        return f"s3:{self.server.endpoint}/{self.bucket}/{self.prefix}/{server}"

    def restic_environment(self) -> dict[str, str]:
        return {
            "AWS_ACCESS_KEY_ID": self.server.access_key,
            "AWS_SECRET_ACCESS_KEY": self.server.secret_key,
        }

    def open(self, server: str) -> ObjectStore:
        address = S3Address(
            bucket=self.bucket, prefix=f"{self.prefix}/{server}", endpoint=self.server.endpoint
        )
        return S3Store(
            address,
            S3Credentials(
                access_key_id=self.server.access_key, secret_access_key=self.server.secret_key
            ),
        )


@dataclass(frozen=True, kw_only=True)
class Installation:
    """The program with its settings, a store, and one server on record.

    Attributes:
        program: Runs command lines.
        place: Where backups go.
        host: The sshd of the server.
        name: What the server is called.
    """

    program: Program
    place: Place
    host: Sshd
    name: str = SERVER

    @property
    def password(self) -> str:
        """The one that `init` made for the repository."""
        return (self.program.state / "secrets/repository_password").read_text().strip()

    @property
    def objects(self) -> ObjectStore:
        """The server's repository, object by object."""
        return self.place.open(self.name)

    def enrol(self, *paths: Path, options: tuple[str, ...] = ()) -> None:
        """Register the server, to be read with the key that its sshd knows."""
        target = self.host.target()
        self.program.do(
            *("server", "add", self.name, "--host", target.host, "--port", str(target.port)),
            *("--user", target.user, "--host-key", target.host_key),
            *("--identity", target.identity),
            *(word for path in paths for word in ("--path", str(path))),
            *options,
        )

    def back_up(self, *options: str) -> dict[str, Any]:
        """A backup that must end well; its row of the history."""
        self.program.do("backup-now", self.name, *options)
        return self.latest()

    def fail_to_back_up(self, code: str, *, exit_code: int = 1) -> dict[str, Any]:
        """A backup that must fail for that reason; its row of the history.

        It says so three times: on standard error, in the exit code and in the history.
        """
        ended = self.program.run("backup-now", self.name)
        row = self.latest()
        assert ended.exit_code == exit_code, ended.err
        assert row["error"]["code"] == code, row["error"]
        assert row["error"]["hint"]
        assert f"error: {self.name}: {row['error']['message']}" in ended.err
        assert f" next: {row['error']['hint']}" in ended.err
        assert "Traceback" not in ended.err
        return row

    def latest(self) -> dict[str, Any]:
        """The newest row of the server's history."""
        (row,) = self.program.ask("history", self.name, "--limit", "1")
        found: dict[str, Any] = row
        return found

    def restore(self, target: Path, *options: str) -> Path:
        """Restore the newest run; the folder that stands for `/`."""
        self.program.do("restore", self.name, "--target", str(target), *options)
        return target

    def restic(self, restic: Restic, *words: str) -> str:
        """What stock restic says of the repository; it must end well."""
        url, environment = self.place.restic_url(self.name), self.place.restic_environment()
        return restic(url, self.password, "--no-cache", *words, env=environment)

    def paste(self, lines: list[str]) -> "subprocess.CompletedProcess[str]":
        """Let bash run lines that were printed for a person to paste into it."""
        return subprocess.run(
            ["bash", "-eu"],
            input="\n".join(lines),
            env={"PATH": os.environ["PATH"], "HOME": str(self.program.folder)},
            cwd=self.program.folder,
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",
            timeout=120,
            check=False,
        )


Install = Callable[..., Installation]


@pytest.fixture(scope="session")
def install(
    tmp_path_factory: pytest.TempPathFactory, program_spawner: Spawner, sshd: Sshd
) -> Install:
    """Makes installations, each in a new folder, with a store and a state folder beside it.

    `place` and `state` put these elsewhere; `host` is where the server's sshd listens; passports
    take their time, so they are taken where they are asked for.
    """

    def make(
        place: Place | None = None,
        *,
        host: Sshd = sshd,
        state: Path | None = None,
        options: tuple[str, ...] = (),
        passport: bool = False,
    ) -> Installation:
        folder = tmp_path_factory.mktemp("installation")
        program = Program(folder=folder, spawner=program_spawner)
        if state is not None:
            program.state.symlink_to(state)
        chosen = place or FolderPlace(root=folder / "backups")
        where = str(state or program.state)
        program.do("init", "--state-dir", where, *chosen.options(folder), *options)
        if not passport:
            (folder / "conf.d").mkdir()
            (folder / "conf.d/passport.toml").write_text("[capture]\npassport = false\n")
        return Installation(program=program, place=chosen, host=host)

    return make


def new_bucket(server: S3Server) -> BucketPlace:
    """A place in a bucket that nobody else uses."""
    return BucketPlace(server=server, bucket=server.make_bucket())


def secret_file(path: Path, text: str) -> Path:
    """A file with a secret, as private as the program demands."""
    path.touch(mode=0o600)
    path.write_text(text)
    return path
