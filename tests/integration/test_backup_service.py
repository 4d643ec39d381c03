"""A backup from claim to manifest: its order, its claim, and faults at the worst moment."""

import os
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from backends.errors import StoreUnreachable, TransferInterrupted
from daemon.domain.run import RunKind, RunState
from daemon.domain.verification import Depth
from daemon.errors import ClaimLost, DatabaseBusy, RunActive
from daemon.services.ownership import name_owner
from daemon.services.stopping import Stopping
from daemon.store.engine import open_engine
from tests.factories import a_server
from tests.parts.desk import MANIFESTS, MIB, Desk

ORDER = ["data", "index", "snapshots", "sums", "manifests"]


def owner_that_is_gone() -> str:
    """A process of this host that has just ended."""
    with subprocess.Popen(["true"]) as process:
        process.wait()
    host, _, rest = name_owner(os.urandom).split(":")
    return f"{host}:{process.pid}:{rest}"


def test_what_is_named_is_always_there_before_what_names_it(desk: Desk) -> None:
    run = desk.back_up()
    kinds = [key.removeprefix("lapseguard/").split("/")[0] for key in desk.store.given]
    order = [kind for kind in kinds if kind in ORDER]
    assert order == sorted(order, key=ORDER.index)
    assert set(order) == set(ORDER)
    assert desk.watcher.states == ["pulling", "storing", "verifying", "verified"]
    assert run.manifest_sha256 == desk.manifest(1).sha256
    assert desk.store.names("locks/") == []


def test_each_manifest_names_the_one_before_it(desk: Desk) -> None:
    desk.back_up()
    desk.back_up()
    assert desk.manifest(2).manifest.previous_sha256 == desk.manifest(1).sha256


def test_a_new_database_continues_the_chain_in_the_bucket(
    desk: Desk, migrated_file: Path, tmp_path: Path
) -> None:
    desk.back_up()
    desk.engine.dispose()
    desk.engine = open_engine(f"sqlite:///{shutil.copy(migrated_file, tmp_path / 'fresh.db')}")
    with desk.units() as unit:
        unit.servers.add(a_server(paths=("/srv",)))
        unit.commit()
    run = desk.back_up()
    assert desk.manifest(2).manifest.previous_sha256 == desk.manifest(1).sha256
    assert (run.new_bytes, desk.matches_source()) == (0, True)


@pytest.mark.parametrize(
    ("asked", "attested", "plain"),
    [
        (Depth.STORED, Depth.STORED, Depth.HASHED),
        (Depth.HASHED, Depth.HASHED, Depth.HASHED),
        (Depth.RESTORED, Depth.RESTORED, Depth.RESTORED),
    ],
)
@pytest.mark.parametrize("name", ["desk", "plain_desk"])
def test_the_proof_is_as_deep_as_asked_and_deeper_where_nothing_is_attested(
    request: pytest.FixtureRequest, name: str, asked: Depth, attested: Depth, plain: Depth
) -> None:
    desk: Desk = request.getfixturevalue(name)
    desk.back_up(depth=asked)
    expected = attested if name == "desk" else plain
    assert desk.manifest(1).manifest.verification.depth is expected


# What the source says


def test_bytes_that_are_not_the_sources_make_the_run_partial(desk: Desk) -> None:
    run = desk.back_up(spoilt="srv/1")
    assert (run.state, run.error and run.error.code) == (RunState.PARTIAL, "RunIncomplete")
    assert desk.matches_source() is False
    assert not desk.manifest(1).manifest.complete
    assert desk.back_up().state is RunState.VERIFIED
    assert desk.matches_source() is True


def test_a_source_without_checksums_is_never_said_to_match(desk: Desk) -> None:
    """Nor later, when its files are unchanged since they were not compared."""
    desk.back_up(checksums=False)
    assert desk.manifest(1).manifest.comparison.uncompared == 4
    assert desk.matches_source() is None
    desk.back_up()
    found = desk.manifest(2).manifest.comparison
    assert (found.unchanged, found.uncompared) == (0, 4)
    assert desk.matches_source() is None


# The claim


def test_a_second_run_is_refused_while_the_first_holds(desk: Desk) -> None:
    def again(file: Path) -> None:
        if file.name == "0":
            with pytest.raises(RunActive, match="ops-1:1:0-aa"):
                desk.back_up()

    assert desk.back_up(before=again).state is RunState.VERIFIED
    assert len(desk.runs()) == 1


def take_over(desk: Desk) -> None:
    """Another program claims the server, since it thinks that we are gone."""
    with desk.units() as unit:
        unit.runs.claim(
            run="20991231T000000Z-abcdef",
            server="web-1",
            kind=RunKind.MANUAL,
            store="main",
            owner="ops-2:1:0-bb",
            lease=timedelta(minutes=1),
            is_gone=lambda owner: owner == "ops-1:1:0-aa",
        )
        unit.commit()


def test_a_run_that_was_taken_over_writes_nothing_more(desk: Desk) -> None:
    with pytest.raises(ClaimLost):
        desk.back_up(before=lambda file: take_over(desk) if file.name == "0" else None)
    assert desk.store.names("snapshots/") + desk.store.names(MANIFESTS) == []
    assert [run.state for run in desk.runs()] == [RunState.CLAIMED, RunState.ABANDONED]


def test_a_claim_that_is_lost_at_the_last_moment_leaves_no_manifest(
    desk: Desk,
) -> None:
    stop = Stopping()

    def lose(key: str) -> None:
        if key.startswith("lapseguard/sums/"):
            take_over(desk)
            assert stop.asked.wait(10)

    desk.store.obey = lose
    with pytest.raises(ClaimLost):
        desk.back_up(stop=stop, lease=timedelta(seconds=0.2))
    assert desk.store.names(MANIFESTS) == []


# Faults


def test_a_store_that_fails_midway_keeps_what_it_took(desk: Desk) -> None:
    def fail(key: str) -> None:
        if len(desk.packs()) == 2:
            raise StoreUnreachable("gone")

    desk.store.obey = fail
    with pytest.raises(StoreUnreachable):
        desk.back_up()
    (run,) = desk.runs()
    assert (run.state, run.error and run.error.code) == (RunState.FAILED, "StoreUnreachable")
    assert desk.store.names(MANIFESTS) == []
    desk.store.obey = lambda _: None
    run = desk.back_up()
    assert (run.state, desk.matches_source()) == (RunState.VERIFIED, True)
    assert (run.new_bytes or 0) < 3 * MIB
    assert desk.is_sound()


def test_a_cut_pull_is_on_record_and_continued(desk: Desk) -> None:
    def cut(file: Path) -> None:
        if file.name == "3":
            raise TransferInterrupted("cut")

    run = desk.back_up(before=cut)
    assert (run.state, run.error and run.error.code) == (RunState.PARTIAL, "TransferInterrupted")
    run = desk.back_up()
    assert MIB <= (run.new_bytes or 0) < 2 * MIB
    assert desk.matches_source() is True


def test_the_first_reason_is_told_even_where_it_cannot_be_recorded(desk: Desk) -> None:
    """A full disk often holds the database too."""

    def fail(file: Path) -> None:
        desk.database_fault = DatabaseBusy("busy")
        raise TransferInterrupted("cut")

    with pytest.raises(TransferInterrupted):
        desk.back_up(before=fail)
    assert desk.watcher.warnings == ["The failure is not on record: busy"]
    desk.database_fault = None
    with pytest.raises(RunActive):
        desk.back_up()


def test_a_manifest_that_the_database_missed_is_followed_not_forked(desk: Desk) -> None:
    """The bucket is the truth: the run is on record as failed, and yet its number is taken."""

    def fail(key: str) -> None:
        if key.startswith(MANIFESTS):
            desk.database_fault = DatabaseBusy("busy")

    desk.back_up()
    desk.store.obey = fail
    with pytest.raises(DatabaseBusy):
        desk.back_up(owner=owner_that_is_gone())
    desk.store.obey, desk.database_fault = lambda _: None, None
    desk.back_up(owner=name_owner(os.urandom))
    states = [run.state for run in desk.runs()]
    assert states == [RunState.VERIFIED, RunState.ABANDONED, RunState.VERIFIED]
    assert desk.manifest(3).manifest.previous_sha256 == desk.manifest(2).sha256
