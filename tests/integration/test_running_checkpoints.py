"""Checkpoints while a run goes on: whatever ends it, what had arrived by then is restorable."""

import shutil
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from backends.capture.cadence import CheckpointInterval
from backends.errors import StoreUnreachable
from backends.repository.snapshot import list_snapshots
from backends.signing import SigningKey
from daemon.domain.manifest import ChainedManifest, verify_chain
from daemon.domain.run import RunState
from daemon.domain.verification import Depth, Outcome
from tests.parts.desk import MANIFESTS, Desk
from tests.parts.folder_pull import put

CHECKPOINTS = "lapseguard/checkpoints/"
AT_ONCE = CheckpointInterval(every=timedelta(0))


@pytest.fixture(autouse=True)
def _eager(desk: Desk) -> None:
    desk.checkpoints = AT_ONCE


def snapshots(desk: Desk) -> list[tuple[str, ...]]:
    return [snapshot.tags for snapshot in list_snapshots(desk.repository)]


def wait_for_checkpoint(
    desk: Desk, *names: str, has: Callable[[dict[str, bytes]], bool] = lambda _: True
) -> None:
    """Until a checkpoint has these files, and what else is asked of its files."""
    seen = 0
    for _ in range(600):
        given = desk.store.given[seen:]
        seen += len(given)
        if any(key.startswith(CHECKPOINTS) for key in given):
            newest = list_snapshots(desk.repository)[-1]
            files = desk.files_of(newest.tree)
            if set(names) <= set(files) and has(files):
                return
        time.sleep(0.05)
    raise AssertionError(f"no checkpoint with {names}")


def only_one_is_left(desk: Desk) -> None:
    """What a checkpoint replaces is removed as soon as it is there, in the store and in staging."""
    for _ in range(200):
        texts = [*desk.image.parent.glob("listing-*.zst")]
        if len(snapshots(desk)) == len(texts) == 1:
            return
        time.sleep(0.05)
    raise AssertionError((snapshots(desk), texts))


def when_at(name: str, act: Callable[[], None]) -> Callable[[Path], None]:
    def before(file: Path) -> None:
        if file.name == name:
            act()

    return before


def dying(desk: Desk, *names: str) -> Callable[[], None]:
    """The store is gone once a checkpoint has these, so that the run can write nothing more."""

    def die() -> None:
        wait_for_checkpoint(desk, *names)

        def refuse(_: str) -> None:
            raise StoreUnreachable("gone")

        desk.store.obey = refuse

    return die


def test_a_run_under_way_has_a_checkpoint_and_in_the_end_none(desk: Desk) -> None:
    seen: list[list[tuple[str, ...]]] = []

    def look() -> None:
        wait_for_checkpoint(desk, "srv/0", "srv/1")
        only_one_is_left(desk)
        seen.append(snapshots(desk))
        assert desk.is_sound()

    run = desk.back_up(before=when_at("3", look))
    (during,) = seen
    assert during == [("lapseguard", run.run, "incomplete", "checkpoint")]
    assert run.state is RunState.VERIFIED
    assert snapshots(desk) == [("lapseguard", run.run)]
    assert desk.store.names(CHECKPOINTS) == []
    assert [name for name in desk.store.names("lapseguard/sums/") if "-1." in name] == []


def test_a_newer_checkpoint_takes_the_place_of_the_older(desk: Desk) -> None:
    def before(file: Path) -> None:
        if file.name in {"2", "3"}:
            wait_for_checkpoint(desk, *(f"srv/{number}" for number in range(int(file.name))))
            only_one_is_left(desk)

    desk.back_up(before=before)
    assert len({name for name in desk.store.taken if name.startswith("snapshots/")}) >= 2


def test_a_run_that_dies_leaves_its_last_checkpoint_to_the_history(desk: Desk) -> None:
    with pytest.raises(StoreUnreachable):
        desk.back_up(before=when_at("3", dying(desk, "srv/0", "srv/1")))
    desk.store.obey = lambda _: None
    (died,) = desk.runs()
    assert died.state is RunState.FAILED
    arrived: list[str] = []
    run = desk.back_up(sent=arrived)
    assert (run.state, {"srv/0", "srv/1"} & set(arrived)) == (RunState.VERIFIED, set())
    (_, salvaged) = desk.runs()
    assert (salvaged.run, salvaged.state) == (died.run, RunState.PARTIAL)
    kept = desk.saved(salvaged)
    assert set(kept) >= {"srv/0", "srv/1"}
    assert kept.items() <= desk.saved(run).items()
    assert desk.store.names(CHECKPOINTS) == []
    assert len(desk.store.names(MANIFESTS)) == 2
    links = [desk.manifest(number) for number in (1, 2)]
    assert not verify_chain(
        ChainedManifest(manifest=link.manifest, sha256=link.sha256) for link in links
    )
    assert not desk.manifest(1).manifest.complete
    assert desk.is_sound()


def test_what_a_checkpoint_says_can_be_proven(desk: Desk) -> None:
    with pytest.raises(StoreUnreachable):
        desk.back_up(before=when_at("3", dying(desk, "srv/0", "srv/1")))
    desk.store.obey = lambda _: None
    with pytest.raises(StoreUnreachable):
        desk.back_up(before=when_at("0", dying(desk)))
    desk.store.obey = lambda _: None
    proven = desk.verify(Depth.RESTORED)
    assert (proven.outcome, proven.problems) == (Outcome.PASSED, ())
    assert desk.manifest(1).manifest.matches_source is True


def test_a_checkpoint_has_older_versions_of_what_has_not_come(desk: Desk) -> None:
    desk.back_up()
    before = {name: (desk.source / name).read_bytes() for name in ("srv/2", "srv/3")}
    for name in ("srv/0", "srv/3"):
        put(desk.source / name, b"newer", 2 * 10**18)

    def look() -> None:
        # One that was made before it came has what the run before had there.
        wait_for_checkpoint(desk, has=lambda files: files["srv/0"] == b"newer")
        newest = list_snapshots(desk.repository)[-1]
        files = desk.files_of(newest.tree)
        assert {name: files[name] for name in before} == before

    assert desk.back_up(before=when_at("3", look)).state is RunState.VERIFIED


def keep_checkpoint(desk: Desk) -> dict[str, bytes]:
    """Finish a run, and put back what it removed: its last checkpoint, as a crash leaves it."""
    kept: dict[str, bytes] = {}

    def look() -> None:
        wait_for_checkpoint(desk, "srv/0", "srv/1")
        for prefix in (CHECKPOINTS, "snapshots/", "lapseguard/sums/"):
            kept.update((name, desk.store.get(name)) for name in desk.store.names(prefix))

    desk.back_up(before=when_at("3", look))
    for name, content in kept.items():
        desk.store.put(name, content)
    return kept


def test_a_checkpoint_that_its_run_has_outlived_is_removed(desk: Desk) -> None:
    kept = keep_checkpoint(desk)
    desk.back_up()
    assert not set(kept) & set(desk.store.names(""))
    assert [run.state for run in desk.runs()] == [RunState.VERIFIED] * 2
    assert len(desk.store.names(MANIFESTS)) == 2


def test_nobody_else_can_have_us_remove_snapshots(desk: Desk) -> None:
    """A checkpoint signed with another key names a snapshot that is not ours to remove."""
    kept = keep_checkpoint(desk)
    desk.key = SigningKey.generate()
    desk.back_up()
    assert set(kept) <= set(desk.store.names(""))
    assert any("signed with another key" in warning for warning in desk.watcher.warnings)


def test_a_checkpoint_has_nothing_of_which_the_source_has_not_spoken(desk: Desk) -> None:
    def look() -> None:
        put(desk.image / "srv/stray", b"who knows")
        put(desk.image / "srv/new/stray", b"who knows")
        wait_for_checkpoint(desk, "srv/0", "srv/1", "srv/2")
        newest = list_snapshots(desk.repository)[-1]
        assert set(desk.files_of(newest.tree)) == {"srv/0", "srv/1", "srv/2"}
        shutil.rmtree(desk.image / "srv/new")
        (desk.image / "srv/stray").unlink()

    def before(file: Path) -> None:
        if file.name == "2":
            put(desk.image / "srv/stray", b"who knows")
        if file.name == "3":
            look()

    assert desk.back_up(before=before).state is RunState.VERIFIED


def test_a_store_that_fails_for_a_while_costs_one_checkpoint(desk: Desk) -> None:
    refused: list[str] = []

    def refuse_once(key: str) -> None:
        if key.startswith(CHECKPOINTS) and not refused:
            refused.append(key)
            raise StoreUnreachable("for a moment")

    desk.store.obey = refuse_once
    run = desk.back_up(before=when_at("3", lambda: wait_for_checkpoint(desk, "srv/0", "srv/1")))
    assert run.state is RunState.VERIFIED
    assert refused
    assert any("checkpoint could not be made" in warning for warning in desk.watcher.warnings)
