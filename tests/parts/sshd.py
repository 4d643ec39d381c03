"""A real sshd: one for the session, and a factory for servers with a peculiarity."""

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.parts.requirement import require_program
from tests.throwaway_sshd import Sshd

__all__ = ["Sshd", "make_sshd", "sshd", "unprivileged_sshd"]

#: As a forced command: run what was asked for, but as a user that owns nothing.
AS_NOBODY = (
    'exec setpriv --reuid=65534 --regid=65534 --clear-groups /bin/sh -c "$SSH_ORIGINAL_COMMAND"'
)


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


@pytest.fixture(scope="session")
def unprivileged_sshd(make_sshd: Callable[..., Sshd]) -> Sshd:
    """A server where the commands of the login may read only what everybody may."""
    if os.geteuid() != 0:
        return make_sshd()
    require_program("setpriv", "util-linux")
    return make_sshd(forced_command=AS_NOBODY)
