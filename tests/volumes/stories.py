"""What must hold for a file system that is frozen for real."""

import os
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path

from backends.repository.repository import Repository
from backends.source_errors import SnapshotLost
from tests.parts.frozen_captures import FrozenCaptures
from tests.parts.pair_writer import is_of_one_moment, writing_pairs
from tests.parts.repository import make_repository
from tests.throwaway_sshd import Sshd
from tests.volumes.ground import MIB, Ground, run

_CAPTURES = 5
_BANDWIDTH = 2 * MIB
#: Files that have arrived by the time the snapshot overflows.
_ARRIVED = 4

Story = Callable[[Ground, FrozenCaptures], None]


def stories_of(ground: Ground) -> tuple[Story, ...]:
    """Those that it can tell."""
    if ground.tight:
        return (a_snapshot_that_overflows_ends_the_pull,)
    return (a_pair_that_changes_together_is_restored_so, what_a_killed_run_left_is_removed)


def tell(story: Story, ground: Ground, sshd: Sshd, folder: Path) -> None:
    """Let one story happen; AssertionError says what did not hold."""
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        captures = stack.enter_context(_captures(ground, sshd, folder, make_repository()))
        story(ground, captures)


def a_pair_that_changes_together_is_restored_so(ground: Ground, captures: FrozenCaptures) -> None:
    """Two files that a program changes one after the other, several captures; then all is gone."""
    seen = []
    with writing_pairs(ground.place) as wait:
        for _ in range(_CAPTURES):
            wait()
            restored = captures.capture_and_restore(during=wait)
            assert is_of_one_moment(restored)
            seen.append(int((restored / "table").read_text()))
    assert seen == sorted(set(seen)), "the writer did not go on"
    assert captures.left() == []
    assert captures.warnings == []


def what_a_killed_run_left_is_removed(ground: Ground, captures: FrozenCaptures) -> None:
    """A view whose holder was killed is found by its name, and goes without harm to the rest."""
    (ground.place / "file").write_text("precious")
    captures.abandon()
    assert {each.kind for each in captures.left()} == {"view", ground.kind}
    captures.remove_left()
    assert captures.left() == []
    assert (ground.place / "file").read_text() == "precious"


def a_snapshot_that_overflows_ends_the_pull(ground: Ground, captures: FrozenCaptures) -> None:
    """More changes than fits while a slow pull reads; what came before is kept, and is right."""
    before = {f"{number:02}": os.urandom(MIB) for number in range(24)}
    for name, content in before.items():
        (ground.place / name).write_bytes(content)
    run("sync")
    flood = threading.Thread(target=_flood, args=(ground, captures, before))
    report = captures.capture(during=flood.start, bandwidth=_BANDWIDTH)
    flood.join()
    assert isinstance(report.cut, SnapshotLost), report.cut
    restored = captures.restore(report.tree)
    kept = {file.name: file.read_bytes() for file in restored.iterdir() if file.is_file()}
    assert 0 < len(kept) < len(before), sorted(kept)
    assert kept == {name: before[name] for name in kept}, "what was kept is not as it was"
    assert captures.left() == []


def _flood(ground: Ground, captures: FrozenCaptures, files: Iterable[str]) -> None:
    """Write all files anew as soon as some have arrived."""
    while len(captures.arrived()) < _ARRIVED:
        time.sleep(0.05)
    for name in files:
        (ground.place / name).write_bytes(os.urandom(MIB))
    run("sync")


def _captures(ground: Ground, sshd: Sshd, folder: Path, repository: Repository) -> FrozenCaptures:
    folder.mkdir()
    return FrozenCaptures(
        target=sshd.target(),
        source=ground.place,
        folder=folder,
        repository=repository,
        kind=ground.kind,
        run=f"20261123T060101Z-{secrets.token_hex(3)}",
    )
