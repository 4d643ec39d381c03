"""A MariaDB of our own that listens on a socket only, and a server whose login finds it."""

import getpass
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.parts.requirement import require_program
from tests.parts.sshd import Sshd

#: Small, and nothing in it has to survive a power cut.
_SETTINGS = (
    *("--skip-networking", "--skip-log-bin", "--innodb-flush-log-at-trx-commit=0"),
    *("--innodb-buffer-pool-size=16M", "--innodb-log-file-size=8M", "--performance-schema=OFF"),
    *("--innodb-doublewrite=OFF", "--innodb-fast-shutdown=3"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MariaDb:
    """A running server.

    Attributes:
        socket: Where it listens.
        server: A server over ssh whose login finds it there, by its `~/.my.cnf`.
    """

    socket: Path
    server: Sshd

    def load(self, statements: str) -> str:
        """What an administrator's statements print."""
        return subprocess.run(
            self.client, input=statements, check=True, capture_output=True, text=True
        ).stdout

    @property
    def client(self) -> tuple[str, ...]:
        """Its own client, as an administrator."""
        return ("mariadb", "--no-defaults", f"--socket={self.socket}", "--batch", "-N")


@pytest.fixture(scope="session")
def mariadb(make_sshd: Callable[..., Sshd]) -> Iterator[MariaDb]:
    daemon = require_program("mariadbd", "mariadb-server-core")
    install = require_program("mariadb-install-db", "mariadb-server-core")
    require_program("mariadb-dump", "mariadb-client")
    # The name of a socket may not be long.
    with tempfile.TemporaryDirectory(prefix="mariadb-") as folder:
        data, socket = Path(folder) / "data", Path(folder) / "socket"
        base = ("--no-defaults", f"--datadir={data}", f"--user={getpass.getuser()}")
        subprocess.run(
            [install, *base, "--auth-root-authentication-method=normal", "--skip-test-db"],
            check=True,
            capture_output=True,
        )
        with (
            (Path(folder) / "log").open("wb") as log,
            subprocess.Popen([daemon, *base, f"--socket={socket}", *_SETTINGS], stderr=log) as run,
        ):
            while not socket.exists():
                assert run.poll() is None, (Path(folder) / "log").read_text()
                time.sleep(0.05)
            (Path(folder) / ".my.cnf").write_text(f"[client]\nsocket={socket}\n")
            login = f'export HOME={folder}; exec /bin/sh -c "$SSH_ORIGINAL_COMMAND"'
            yield MariaDb(socket=socket, server=make_sshd(forced_command=login))
            run.kill()
