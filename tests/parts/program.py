"""The program itself, started as a person starts it, with settings and state of its own."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.program_spawner import ROOT, Spawner

#: `daemon`, but for what a new repository's key costs.
PROGRAM = "tests.program_with_cheap_keys"
HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0hqWfTAoQfkLmY5NkQ6Fn8l5pS1Q8mXn4vH2cT7bRw"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How one command line ended."""

    exit_code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """Standard output, which is one JSON document and nothing else."""
        return json.loads(self.out)

    @property
    def error(self) -> dict[str, str]:
        """What `--json` says of a failure."""
        error: dict[str, str] = self.document["error"]
        return error


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """The program in a folder: settings in `lapseguard.toml`, state in `state`."""

    folder: Path
    spawner: Spawner
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def surroundings(self) -> dict[str, str]:
        """All of its environment variables."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder / "home"),
            "PYTHONPATH": str(ROOT),
            "LAPSEGUARD_CONFIG": str(self.settings),
            "AWS_EC2_METADATA_DISABLED": "true",
            "LC_ALL": "C.UTF-8",
            **self.environment,
        }

    @property
    def settings(self) -> Path:
        return self.folder / "lapseguard.toml"

    @property
    def state(self) -> Path:
        return self.folder / "state"

    def run(self, *words: str, answer: str = "") -> Ended:
        """Run one command line to its end, in a scrubbed environment and without a terminal."""
        with tempfile.TemporaryDirectory() as folder:
            streams = [Path(folder) / name for name in ("input", "output", "error")]
            streams[0].write_text(answer)
            exit_code = self.spawner.run(
                words=words,
                environment=self.surroundings,
                folder=str(self.folder),
                streams=[str(stream) for stream in streams],
            )
            out, err = (stream.read_text(errors="surrogateescape") for stream in streams[1:])
        return Ended(exit_code=exit_code, out=out, err=err)

    def start(self, *words: str, stdin: int = subprocess.DEVNULL) -> "subprocess.Popen[bytes]":
        """Start a new interpreter with one command line, for tests of the process itself."""
        return subprocess.Popen(
            [sys.executable, "-W", "error", "-m", PROGRAM, *words],
            env=self.surroundings,
            cwd=self.folder,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def do(self, *words: str) -> str:
        """Run a command that must succeed, and give what it printed."""
        ended = self.run(*words)
        assert ended.exit_code == 0, f"{words}: {ended.err}{ended.out}"
        return ended.out

    def ask(self, *words: str) -> Any:
        """The JSON document of a reading command that must succeed."""
        return json.loads(self.do(*words, "--json"))

    def fail(self, *words: str, exit_code: int = 2) -> dict[str, str]:
        """What a command that must fail says of it."""
        ended = self.run(*words, "--json")
        assert ended.exit_code == exit_code, f"{words}: {ended.err}{ended.out}"
        assert "Traceback" not in ended.err
        return ended.error

    def install(self, *words: str) -> None:
        """`init` with a store in a folder of its own."""
        store = self.folder / "store"
        store.mkdir(exist_ok=True)
        self.do("init", "--state-dir", str(self.state), "--store-url", f"file://{store}", *words)

    def add_server(self, name: str = "web-1", *words: str) -> None:
        """Register a server that nobody will ever reach."""
        login = ("--host", "192.0.2.7", "--user", "backup", "--host-key", HOST_KEY)
        self.do("server", "add", name, *login, "--path", "/srv/www", *words)

    def add_contract(self, name: str = "c-1", expires: str = "2099-12-31", *words: str) -> None:
        """Record a contract of the server web-1."""
        facts = ("--server", "web-1", "--provider", "aliyun", "--expires", expires)
        self.do("contract", "add", name, *facts, *words)


@pytest.fixture(scope="session")
def program_spawner() -> Iterator[Spawner]:
    with Spawner() as spawner:
        yield spawner


@pytest.fixture
def program(tmp_path: Path, program_spawner: Spawner) -> Program:
    """The program with nothing made yet."""
    return Program(folder=tmp_path, spawner=program_spawner)


@pytest.fixture(scope="session")
def first_installation(
    tmp_path_factory: pytest.TempPathFactory, program_spawner: Spawner
) -> Program:
    """The program after `init`, to be copied and not to be used."""
    program = Program(folder=tmp_path_factory.mktemp("first"), spawner=program_spawner)
    program.install()
    return program


@pytest.fixture
def installed(program: Program, first_installation: Program) -> Program:
    """The program after `init`, with a store in a folder."""
    shutil.copytree(first_installation.folder, program.folder, dirs_exist_ok=True)
    # Nothing else knows where it is.
    text = program.settings.read_text()
    program.settings.write_text(text.replace(str(first_installation.folder), str(program.folder)))
    return program
