"""A server that cannot be frozen is read live, on record, or not at all: policy decides."""

import json
from contextlib import AbstractContextManager
from datetime import UTC, datetime

import pytest

from backends.snapshot.commands import Commands
from backends.snapshot.hold import hold
from backends.snapshot.view import Consistency, FrozenView, SnapshotRequest
from backends.source_errors import (
    SnapshotBusy,
    SnapshotDenied,
    SnapshotError,
    SnapshotNoSpace,
    SnapshotUnsupported,
    SourcePathLeaves,
)
from tests.parts.scripted_shell import Answer, ScriptedShell, failing

RUN = "20261123T060101Z-3fa9c2"
MOUNTS = [
    {"target": "/", "source": "/dev/vda1", "fstype": "ext4", "fsroot": "/", "options": "rw"},
    {"target": "/srv", "source": "/dev/vdb1", "fstype": "btrfs", "fsroot": "/", "options": "rw"},
]
#: What btrfs(8), sudo(8) and the shell say, and what it means.
UNWILLING = pytest.mark.parametrize(
    ("words", "answer", "meaning"),
    [
        (
            "subvolume snapshot",
            failing("ERROR: cannot snapshot '/srv': No space left on device", 1),
            SnapshotNoSpace,
        ),
        (
            "subvolume snapshot",
            failing("ERROR: cannot snapshot '/srv': Operation not permitted", 1),
            SnapshotDenied,
        ),
        (
            "subvolume list",
            failing("ERROR: can't perform the search: Device or resource busy", 1),
            SnapshotBusy,
        ),
        ("subvolume list", failing("sudo: a password is required", 1), SnapshotDenied),
        ("subvolume list", failing("sh: btrfs: command not found", 127), SnapshotUnsupported),
        ("realpath", "/elsewhere\0", SourcePathLeaves),
    ],
)


@UNWILLING
def test_what_cannot_be_frozen_and_must_be_is_an_error_of_its_own_kind_and_leaves_nothing(
    words: str, answer: Answer, meaning: type[SnapshotError]
) -> None:
    shell = server(words, answer)

    with pytest.raises(meaning), held(shell, [], fallback=False):
        pytest.fail("nothing is to be read")

    assert remaining(shell) == []


@UNWILLING
def test_what_cannot_be_frozen_and_need_not_be_is_read_live_and_the_record_says_why(
    words: str, answer: Answer, meaning: type[SnapshotError]
) -> None:
    shell, warnings = server(words, answer), list[str]()

    with held(shell, warnings, fallback=True) as view:
        assert view.root == ""
        assert view.consistency_of("/srv/db") is Consistency.NONE
        (part,) = view.parts
        assert part.kind == "none"
        assert part.reason
        assert remaining(shell) == []

    assert len(warnings) == 1
    assert "read live" in warnings[0]
    assert part.reason in warnings[0]


def server(words: str, answer: Answer) -> ScriptedShell:
    """One whose `/srv` is a btrfs, and which answers in this way to commands with these words."""
    return ScriptedShell(
        (words, answer),
        ("findmnt", json.dumps({"filesystems": MOUNTS})),
        ("realpath", "/srv\0"),
        ("subvolume list", ""),
        ("property get", "ro=false\n"),
    )


def held(
    shell: ScriptedShell, warnings: list[str], *, fallback: bool
) -> AbstractContextManager[FrozenView]:
    request = SnapshotRequest(name=RUN, paths=("/srv/db",), kind="btrfs", fallback=fallback)
    at = datetime(2026, 11, 23, tzinfo=UTC)
    return hold(request, Commands(shell.connect), now=lambda: at, warn=warnings.append)


def remaining(shell: ScriptedShell) -> list[str]:
    """Folders that were made on the server and not taken away."""
    made = [line.split()[-1] for line in shell.said if line.startswith("mkdir")]
    gone = {line.split()[-1] for line in shell.said if line.startswith("rmdir")}
    return [folder for folder in made if folder not in gone]
