"""Short, harmless questions to a server; not answering in time is an answer like any other."""

import secrets
from typing import Final

from backends.errors import RemoteCommandFailed
from backends.process import Finished, readable
from backends.snapshot.commands import Shell

#: Seconds for a command that only looks something up.
QUICK: Final = 15.0
#: The exit code of `timeout` where it had to end the command.
TIMED_OUT: Final = 124


def ask(shell: Shell, *argv: str, timeout: float = QUICK) -> Finished:
    """Run a command in the C locale, so that its words can be understood.

    Args:
        shell: Runs it on the server.
        argv: The program and its arguments.
        timeout: Seconds.

    Raises:
        SshError: the connection broke.
    """
    try:
        return shell.run(("env", "LC_ALL=C", *argv), timeout)
    except RemoteCommandFailed as error:
        return Finished(exit_code=TIMED_OUT, stdout=b"", stderr=str(error).encode())


def refusal(shell: Shell) -> str | None:
    """What a forced command said instead of running ours; None where commands run.

    Raises:
        SshError: the connection broke, or there is no answer.
    """
    token = secrets.token_hex(8)
    finished = shell.run(("echo", token), QUICK)
    return None if token in readable(finished.stdout).split() else last_words(finished)


def last_words(finished: Finished) -> str:
    """The last line of what a command said."""
    lines = readable(finished.stderr or finished.stdout).strip().splitlines()
    return lines[-1] if lines else f"it ended with {finished.exit_code} and said nothing"


def printed(shell: Shell, *argv: str) -> str:
    """What the command prints on standard output. Raises SshError."""
    return readable(ask(shell, *argv).stdout)
