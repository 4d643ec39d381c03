"""Secrets: where each comes from, read only when needed, never shown.

A secret called NAME is given in the settings as `NAME`, as `NAME_file`, as `NAME_command` (an
argument list whose standard output is the secret), or as a systemd credential. Nothing is read
until somebody calls `read`, so commands that need no secret never touch one.
"""

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from backends.errors import BackendError
from backends.process import run
from daemon.errors import SecretError

#: Longer than any key or pass phrase; a larger file is a mistake in the settings.
_MAX_BYTES: Final = 64 * 1024
_COMMAND_TIMEOUT_SECONDS: Final = 30.0


class Secret:
    """A text that no repr, str, format, log line or traceback shows."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The text itself, for the one place that needs it."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    def __str__(self) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))


class SecretSource(Protocol):
    """Somewhere a secret can be read from."""

    @property
    def origin(self) -> str:
        """Where it comes from, for people; never the secret."""

    def read(self) -> Secret:
        """Fetch the secret. Raises SecretError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InlineSecret:
    """A secret written in the settings file itself."""

    value: Secret

    @property
    def origin(self) -> str:
        """See `SecretSource`."""
        return "in the settings file"

    def read(self) -> Secret:
        """See `SecretSource`."""
        return self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretFile:
    """A secret in a file of its own.

    Attributes:
        key: The settings key that names it, for messages.
        path: The file.
        credential: It is a systemd credential: systemd guards it, by ACLs that make the
            mode bits meaningless.
    """

    key: str
    path: Path
    credential: bool = False

    @property
    def origin(self) -> str:
        """See `SecretSource`."""
        return f"{'systemd credential' if self.credential else 'file'} {self.path}"

    def read(self) -> Secret:
        """See `SecretSource`; one trailing line end is not part of the secret."""
        try:
            with self.path.open("rb") as file:
                if not self.credential:
                    _refuse_open_file(os.fstat(file.fileno()), self)
                content = file.read(_MAX_BYTES + 1)
        except OSError as error:
            raise SecretError(
                f"The file of `{self.key}` cannot be read: {self.path}: {error.strerror}.",
                hint="Correct the path, or create the file with mode 0600.",
            ) from error
        return _decode(content, key=self.key, place=str(self.path))


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretCommand:
    """A secret printed by a program, e.g. a password store.

    Attributes:
        key: The settings key that names it, for messages.
        argv: The program and its arguments; no shell is involved.
    """

    key: str
    argv: tuple[str, ...]

    @property
    def origin(self) -> str:
        """See `SecretSource`; the arguments may be confidential, the program's name is not."""
        return f"command {self.argv[0]}"

    def read(self) -> Secret:
        """See `SecretSource`; the program has 30 seconds."""
        hint = f"Run it by hand as this user: {self.argv[0]} …"
        try:
            finished = run(self.argv, timeout=_COMMAND_TIMEOUT_SECONDS)
        except BackendError as error:
            raise SecretError(f"The command of `{self.key}` failed: {error}", hint=hint) from error
        if finished.exit_code != 0:
            raise SecretError(
                f"The command of `{self.key}` ended with exit code {finished.exit_code}.",
                hint=hint,
            )
        return _decode(finished.stdout, key=self.key, place=self.origin)


def _refuse_open_file(status: os.stat_result, secret: SecretFile) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise SecretError(f"`{secret.key}` is not a regular file: {secret.path}.")
    if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        mode = stat.S_IMODE(status.st_mode)
        raise SecretError(
            f"The file of `{secret.key}` is open to others: {secret.path} has mode {mode:04o}.",
            hint=f"Run: chmod 600 {secret.path}",
        )


def _decode(content: bytes, *, key: str, place: str) -> Secret:
    if len(content) > _MAX_BYTES:
        raise SecretError(f"`{key}` is over {_MAX_BYTES} bytes long ({place}).")
    try:
        text = content.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as error:
        raise SecretError(f"`{key}` is not UTF-8 text ({place}).") from error
    if not text:
        raise SecretError(f"`{key}` is empty ({place}).")
    return Secret(text)
