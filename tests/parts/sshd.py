"""A real sshd: one for the session, and a factory for servers with a peculiarity."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.parts.requirement import require_program
from tests.throwaway_sshd import Sshd

__all__ = ["Sshd", "make_sshd", "sshd"]


@pytest.fixture(scope="session")
def make_sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Sshd]]:
    """Start servers with the given arguments of `Sshd`; all end with the session."""
    require_program("sshd", "openssh-server")
    base: Path = tmp_path_factory.mktemp("sshd")
    started: list[Sshd] = []
    numbers = itertools.count()

    def make(**arguments: str) -> Sshd:
        server = Sshd(base / f"server {next(numbers)}", **arguments)
        started.append(server)
        server.start()
        return server

    yield make
    for server in started:
        server.stop()


@pytest.fixture(scope="session")
def sshd(make_sshd: Callable[..., Sshd]) -> Sshd:
    """A server that accepts its key for the user who runs the tests; do not rotate its host key."""
    return make_sshd()
