"""Every command that probing a server and its passport ask for, taken from the code that asks."""

from collections.abc import Sequence
from datetime import UTC, datetime

from backends.passport import BOOTED, QUESTIONS
from backends.probe import Questions
from backends.process import Finished
from backends.source_probe import probe_source
from tests.parts.freezing_commands import list_mounts
from tests.parts.scripted_shell import ScriptedShell

#: One of the paths is what no shell would leave as it is.
PATHS = ["/srv/db/it's $HOME *", "/var/plain"]
_SERVERS = """\
tcp LISTEN 0 244 127.0.0.1:5432 0.0.0.0:*
tcp LISTEN 0 80 127.0.0.1:3306 0.0.0.0:*
tcp LISTEN 0 511 127.0.0.1:6379 0.0.0.0:*
"""


class _Asked(ScriptedShell):
    """Keeps the words of each command apart."""

    commands: list[list[str]]

    def run(self, argv: Sequence[str], timeout: float) -> Finished:
        self.commands.append(list(argv))
        if argv[0] == "echo":
            return Finished(exit_code=0, stdout=argv[1].encode(), stderr=b"")
        return super().run(argv, timeout)


def probe_commands() -> list[list[str]]:
    """Those of a probe, with sudo and without, on a server with everything there is to ask for."""
    shell = _Asked(
        ("findmnt", list_mounts()),
        ("stat -c %F", "symbolic link"),
        ("pg_dump --version", "pg_dump (PostgreSQL) 15.8"),
        ("ss -H", _SERVERS),
    )
    shell.commands = []
    for sudo in (False, True):
        asking = Questions(shell, lambda: datetime.now(UTC))
        asking.ask(PATHS, "", sudo=sudo, seconds=20.0)
        probe_source(shell, PATHS)
    return shell.commands


def passport_commands() -> list[list[str]]:
    """Those of a passport."""
    ways = [command for question in QUESTIONS for command in question.commands]
    return [command.split() for command in (BOOTED, *ways)]
