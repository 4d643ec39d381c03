"""Commands of the operator's own on the server: a view made by them, and a quiesced application.

Each is an argument list, never a line for a shell, and learns what it is about from its
environment: `LAPSEGUARD_RUN`, `LAPSEGUARD_PATHS` (one a line) and, where there is one,
`LAPSEGUARD_VIEW`. They run as the login, without sudo unless they name it themselves.

The server itself ends one that takes too long, by timeout(1), with all that it has started in its
process group; so it ends even where the connection has broken meanwhile.
"""

import math
import posixpath
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from backends.errors import (
    BackendError,
    RemoteCommandFailed,
)
from backends.process import readable
from backends.snapshot.commands import Commands
from backends.snapshot.view import Consistency, FrozenPart, FrozenView, SnapshotRequest
from backends.source_errors import (
    HookFailed,
)

KIND: Final = "hook"
#: Seconds that a command has to put things in order once it is told to end.
_LAST_WORDS: Final = 10
#: Seconds after which it is no longer listened to: something that it started escaped the end.
_PATIENCE: Final = 15
#: Exit codes of timeout(1) for what took too long: told to end, and killed because it did not.
_TOO_LONG: Final = frozenset({124, 137})


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotHook:
    """Commands that make a view and take it down.

    Attributes:
        freeze: Prints the view's root, below which each path is found, as its last line.
        thaw: Takes it down; also called after a `freeze` that failed.
        consistency: What the operator promises of it.
        timeout: Seconds for each.
    """

    freeze: tuple[str, ...]
    thaw: tuple[str, ...]
    consistency: Consistency = Consistency.CRASH
    timeout: float = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Quiescence:
    """Commands that bring an application to rest and let it go on.

    Attributes:
        before: Before anything is frozen or read; empty for nothing.
        after: Always, once `before` was begun; empty for nothing.
        timeout: Seconds for each.
    """

    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    timeout: float = 300.0


@contextmanager
def hold_by_hook(
    hook: SnapshotHook,
    request: SnapshotRequest,
    commands: Commands,
    *,
    now: Callable[[], datetime],
    warn: Callable[[str], None],
) -> Iterator[FrozenView]:
    """The view that the operator's own commands make, for as long as the block lasts.

    Raises:
        HookFailed: `freeze` failed, took too long or named no root.
        SshError: the server cannot be asked.
    """
    environment = _environment(request)
    root = ""
    try:
        printed = _run(hook.freeze, environment, hook.timeout, commands)
        root = _root_in(printed, hook.freeze)
        yield _view(hook, request, root, now())
    finally:
        view = (f"LAPSEGUARD_VIEW={root}",) if root else ()
        _run_or_warn(hook.thaw, (*environment, *view), hook.timeout, commands, warn)


@contextmanager
def quiesced(
    quiescence: Quiescence,
    request: SnapshotRequest,
    commands: Commands,
    warn: Callable[[str], None],
) -> Iterator[None]:
    """The application at rest for as long as the block lasts.

    Raises:
        HookFailed: `before` failed or took too long; `after` has run all the same.
        SshError: the server cannot be asked.
    """
    environment = _environment(request)
    try:
        if quiescence.before:
            _run(quiescence.before, environment, quiescence.timeout, commands)
        yield
    finally:
        if quiescence.after:
            _run_or_warn(quiescence.after, environment, quiescence.timeout, commands, warn)


def _environment(request: SnapshotRequest) -> tuple[str, ...]:
    paths = "\n".join(request.paths)
    return (f"LAPSEGUARD_RUN={request.name}", f"LAPSEGUARD_PATHS={paths}")


def _run(
    argv: Sequence[str], environment: Sequence[str], timeout: float, commands: Commands
) -> str:
    try:
        # sshd lets no variables of ours through, so env(1) sets them.
        finished = commands.try_run(
            *("env", *environment, *_ending_after(timeout), *argv),
            timeout=timeout + _LAST_WORDS + _PATIENCE,
            sudo=False,
        )
    except RemoteCommandFailed as error:
        raise HookFailed(
            f"`{argv[0]}` did not end, and what it began may go on on the server: {error}"
        ) from error
    if finished.exit_code in _TOO_LONG:
        raise HookFailed(
            f"`{argv[0]}` took longer than {timeout:g} seconds and was ended on the server"
        )
    if finished.exit_code != 0:
        said = readable(finished.stderr).strip().splitlines()[-1:] or ["it said nothing"]
        raise HookFailed(f"`{argv[0]}` ended with {finished.exit_code}: {said[0]}")
    return readable(finished.stdout)


def _ending_after(timeout: float) -> tuple[str, ...]:
    # Short options and whole seconds are what busybox knows as well.
    return ("timeout", "-k", str(_LAST_WORDS), str(math.ceil(timeout)))


def _run_or_warn(
    argv: Sequence[str],
    environment: Sequence[str],
    timeout: float,
    commands: Commands,
    warn: Callable[[str], None],
) -> None:
    try:
        _run(argv, environment, timeout, commands)
    except BackendError as error:
        # Safe to go on: what was captured is captured; a person must look after the server.
        warn(f"What was begun on the server was not undone: {error}")


def _root_in(printed: str, argv: Sequence[str]) -> str:
    lines = printed.strip().splitlines()
    root = lines[-1].strip() if lines else ""
    if not posixpath.isabs(root) or ".." in root.split("/"):
        raise HookFailed(
            f"`{argv[0]}` did not print where its view is",
            hint="Its last line must be an absolute path.",
        )
    return root


def _view(
    hook: SnapshotHook, request: SnapshotRequest, root: str, taken_at: datetime
) -> FrozenView:
    parts = (
        FrozenPart(target=path, kind=KIND, id=root, taken_at=taken_at, consistency=hook.consistency)
        for path in request.paths
    )
    return FrozenView(root=root, parts=tuple(parts))
