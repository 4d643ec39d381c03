"""The operator's own commands on a server, and what the end of any command means."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime

import pytest

from backends.errors import (
    ConnectionLost,
    RemoteCommandFailed,
)
from backends.snapshot.commands import Commands, command_failure
from backends.snapshot.freezer import Undo
from backends.snapshot.hold import undoing
from backends.snapshot.hook import Quiescence, SnapshotHook, hold_by_hook, quiesced
from backends.snapshot.view import FrozenView, SnapshotRequest
from backends.source_errors import (
    HookFailed,
    SnapshotBusy,
    SnapshotDenied,
    SnapshotFailed,
    SnapshotNoSpace,
    SnapshotUnsupported,
)
from tests.parts.scripted_shell import Answer, ScriptedShell, failing

RUN = "20261123T060101Z-3fa9c2"
TOLD, ENDED = f"LAPSEGUARD_RUN={RUN} LAPSEGUARD_PATHS=/srv/db", "timeout -k 10 300"
REQUEST = SnapshotRequest(name=RUN, paths=("/srv/db",))


def test_a_hook_learns_what_it_is_about_and_names_the_view() -> None:
    shell = ScriptedShell(("/opt/freeze", "mounting…\n/mnt/frozen\n"))

    with _by_hook(shell) as view:
        assert view.root == "/mnt/frozen"

    assert shell.said == [
        f"env {TOLD} {ENDED} /opt/freeze --all",
        f"env {TOLD} LAPSEGUARD_VIEW=/mnt/frozen {ENDED} /opt/thaw",
    ]


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (failing("no such pool", 3), "ended with 3: no such pool"),
        (failing("", 124), "longer than 300 seconds and was ended on the server"),
        (RemoteCommandFailed("`env` took longer than 325 seconds"), "may go on on the server"),
        ("done\n", "did not print where its view is"),
        ("/mnt/../etc\n", "did not print where its view is"),
    ],
)
def test_a_hook_that_fails_hangs_or_names_no_view_is_the_reason_and_is_undone(
    answer: Answer, told: str
) -> None:
    shell = ScriptedShell(("/opt/freeze", answer))

    with pytest.raises(HookFailed, match=told), _by_hook(shell):
        pass

    assert "/opt/thaw" in shell.said[-1]


def test_the_application_goes_on_after_a_capture_that_failed() -> None:
    shell = ScriptedShell()

    with pytest.raises(RuntimeError), _quiesced(shell, []):
        raise RuntimeError("the capture failed")

    assert [line.split()[-1] for line in shell.said] == ["/opt/stop-db", "/opt/start-db"]


def test_the_application_goes_on_even_where_it_did_not_come_to_rest() -> None:
    shell = ScriptedShell(("/opt/stop-db", failing("busy", 1)))

    with pytest.raises(HookFailed, match="busy"), _quiesced(shell, []):
        pass

    assert shell.said[-1].endswith("/opt/start-db")


def test_an_application_that_does_not_go_on_is_told_and_does_not_spoil_the_capture() -> None:
    warnings: list[str] = []

    with _quiesced(ScriptedShell(("/opt/start-db", failing("refused", 1))), warnings):
        pass

    assert "refused" in warnings[0]


@pytest.mark.parametrize(
    ("said", "code", "kind"),
    [
        ("ERROR: Not a Btrfs subvolume: Invalid argument", 1, SnapshotUnsupported),
        ("bash: line 1: zfs: command not found", 127, SnapshotUnsupported),
        ("sudo: a password is required", 1, SnapshotDenied),
        ("ERROR: cannot snapshot '/srv': Operation not permitted", 1, SnapshotDenied),
        ("cannot create snapshot 'tank@x': out of space", 1, SnapshotNoSpace),
        ("umount: /run/lapseguard/x: target is busy.", 32, SnapshotBusy),
        ("something else", 1, SnapshotFailed),
    ],
)
def test_what_a_command_says_decides_what_its_failure_is_called(
    said: str, code: int, kind: type[Exception]
) -> None:
    failure = command_failure(("btrfs", "subvolume", "snapshot", "-r"), failing(said, code))

    assert type(failure) is kind
    assert said in str(failure)


def test_what_is_busy_is_let_go_a_little_later() -> None:
    answers: Iterator[Answer] = iter(
        [failing("target is busy", 32), failing("target is busy", 32), ""]
    )
    undo, warnings, shell = _undoing(lambda: next(answers))

    undo("umount", "--", "/run/lapseguard/x")

    assert len(shell.said) == 3
    assert warnings == []


def test_a_connection_that_broke_is_made_again_to_let_go() -> None:
    answers: Iterator[Answer] = iter([ConnectionLost("gone"), ""])
    undo, warnings, _ = _undoing(lambda: next(answers))

    undo("umount", "--", "/run/lapseguard/x")

    assert warnings == []


def test_what_cannot_be_let_go_is_told_and_ends_nothing() -> None:
    undo, warnings, _ = _undoing(lambda: failing("target is busy", 32))

    undo("umount", "--", "/run/lapseguard/x")

    assert "umount -- /run/lapseguard/x" in warnings[0]


def _by_hook(shell: ScriptedShell) -> AbstractContextManager[FrozenView]:
    hook = SnapshotHook(freeze=("/opt/freeze", "--all"), thaw=("/opt/thaw",))
    at = datetime(2026, 11, 23, tzinfo=UTC)
    warnings: list[str] = []
    return hold_by_hook(
        hook, REQUEST, Commands(shell.connect), now=lambda: at, warn=warnings.append
    )


def _quiesced(shell: ScriptedShell, warnings: list[str]) -> AbstractContextManager[None]:
    rest = Quiescence(before=("/opt/stop-db",), after=("/opt/start-db",))
    return quiesced(rest, REQUEST, Commands(shell.connect), warnings.append)


def _undoing(answer: Callable[[], Answer]) -> tuple[Undo, list[str], ScriptedShell]:
    warnings: list[str] = []
    shell = ScriptedShell(("umount", answer))
    return undoing(Commands(shell.connect), warnings.append, lambda _: None), warnings, shell
