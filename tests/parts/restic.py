"""Stock restic, the independent witness that what we write is a restic repository."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.parts.requirement import require_program


@dataclass(frozen=True, kw_only=True)
class Restic:
    """Runs restic with a cache of its own.

    Attributes:
        program: Its path.
        cache: Folder for its cache; never the user's.
    """

    program: str
    cache: Path

    def __call__(
        self, url: str, password: str, *arguments: str, env: Mapping[str, str] | None = None
    ) -> str:
        """Its standard output; it must end well."""
        finished = self.attempt(url, password, *arguments, env=env)
        assert finished.returncode == 0, finished.stderr
        return finished.stdout

    def attempt(
        self, url: str, password: str, *arguments: str, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """The finished run, however it ended."""
        return subprocess.run(
            [self.program, "-r", url, *arguments],
            env=self.environment(password, env),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def start(
        self, url: str, password: str, *arguments: str, env: Mapping[str, str] | None = None
    ) -> "subprocess.Popen[bytes]":
        """A run under way, with pipes for its streams; the caller ends it."""
        return subprocess.Popen(
            [self.program, "-r", url, *arguments],
            env=self.environment(password, env),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def documents(self, url: str, password: str, *arguments: str) -> Any:
        """What it says in JSON."""
        return json.loads(self(url, password, *arguments, "--json"))

    def environment(self, password: str, env: Mapping[str, str] | None = None) -> dict[str, str]:
        """What it runs with."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.cache),
            "RESTIC_CACHE_DIR": str(self.cache),
            "RESTIC_PASSWORD": password,
            **(env or {}),
        }


@pytest.fixture(scope="session")
def restic(tmp_path_factory: pytest.TempPathFactory) -> Restic:
    """Run stock restic: `restic(url, password, *arguments, env=…)`."""
    program = require_program("restic", "restic")
    return Restic(program=program, cache=tmp_path_factory.mktemp("restic cache"))


@pytest.fixture
def start_restic(restic: Restic) -> Iterator[Callable[..., "subprocess.Popen[bytes]"]]:
    """Like `Restic.start`; what still runs at the end of the test is killed."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*arguments: str, **options: Any) -> "subprocess.Popen[bytes]":
        started.append(restic.start(*arguments, **options))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()
