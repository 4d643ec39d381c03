"""A run that ends before its time leaves a checkpoint: restorable, honest, and continued."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from backends.errors import ConnectionLost, StoreUnreachable, TransferInterrupted
from backends.types import PullSpec
from daemon.domain.run import Run, RunState
from daemon.domain.verification import Depth
from daemon.errors import DatabaseBusy, Interrupted, RunPaused
from daemon.services.ownership import name_owner
from daemon.services.stopping import Stopping
from tests.integration.test_backup_service import owner_that_is_gone
from tests.parts.desk import MANIFESTS, Desk, Watcher
from tests.parts.folder_pull import put


def breaking_at(name: str, error: Exception) -> Callable[[Path], None]:
    """The pull breaks off when it comes to this file."""

    def before(file: Path) -> None:
        if file.name == name:
            raise error

    return before


def stopping_at(name: str, tell: Callable[[], None]) -> Callable[[Path], None]:
    """Somebody stops the run at this file, of which the pull hears as rsync does."""

    def before(file: Path) -> None:
        if file.name == name:
            tell()
            raise TransferInterrupted("The pull was stopped on request")

    return before


def outcome(run: Run) -> tuple[RunState, str | None]:
    return run.state, run.error.code if run.error else None


def contents(desk: Desk) -> dict[str, bytes]:
    """What the server has."""
    files = (path for path in desk.source.rglob("*") if path.is_file())
    return {str(path.relative_to(desk.source)): path.read_bytes() for path in files}


def continues(desk: Desk, *sent: str) -> None:
    """The next run sends only these, and has everything."""
    arrived: list[str] = []
    run = desk.back_up(sent=arrived)
    assert (run.state, arrived) == (RunState.VERIFIED, list(sent))
    assert desk.saved(run) == contents(desk)
    assert desk.matches_source() is True
    assert desk.is_sound()


def test_a_server_that_is_lost_leaves_what_it_had_sent(desk: Desk) -> None:
    run = desk.back_up(before=breaking_at("2", ConnectionLost("no route")))
    assert outcome(run) == (RunState.PARTIAL, "ConnectionLost")
    before = contents(desk)
    assert desk.saved(run) == {name: before[name] for name in ("srv/0", "srv/1")}
    continues(desk, "srv/2", "srv/3")


def test_a_run_that_gives_way_says_so_and_is_continued(desk: Desk) -> None:
    stop = Stopping()
    reason = RunPaused("A more urgent run needed its slot.")
    run = desk.back_up(stop=stop, before=stopping_at("3", lambda: stop.ask(reason)))
    assert outcome(run) == (RunState.PARTIAL, "RunPaused")
    assert run.error
    assert run.error.message == str(reason)
    continues(desk, "srv/3")


def test_a_checkpoint_says_what_is_missing_and_what_is_older(desk: Desk) -> None:
    """Not yet sent again are two files; one of them was not even looked at."""
    desk.back_up()
    old = contents(desk)
    for name in ("srv/1", "srv/3"):
        put(desk.source / name, b"newer", 2 * 10**18)
    run = desk.back_up(before=breaking_at("3", TransferInterrupted("the line was cut")))
    manifest = desk.manifest(2).manifest
    assert not manifest.complete
    (omission,) = manifest.omissions
    assert omission.reason == (
        "the transfer was stopped: the line was cut. What had not arrived is missing; "
        "3 files are as an earlier run found them"
    )
    assert desk.saved(run) == old | {"srv/1": b"newer"}
    continues(desk, "srv/3")


def test_nothing_of_which_the_source_has_not_spoken_is_kept(desk: Desk) -> None:
    """A killed rsync can leave a file behind that nobody heard of."""

    def cut(file: Path) -> None:
        if file.name == "2":
            put(desk.image / "srv/stray", b"who knows")
            raise TransferInterrupted("cut")

    run = desk.back_up(before=cut)
    assert set(desk.saved(run)) == {"srv/0", "srv/1"}
    (omission,) = desk.manifest(1).manifest.omissions
    assert "1 staged files are left out, since they are not known to be whole" in omission.reason
    continues(desk, "srv/2", "srv/3")


def test_a_run_that_is_stopped_before_anything_came_makes_no_copy(desk: Desk) -> None:
    stop = Stopping()
    tell = stopping_at("0", lambda: stop.ask(Interrupted("enough")))
    with pytest.raises(Interrupted, match="enough"):
        desk.back_up(stop=stop, before=tell)
    assert [outcome(run) for run in desk.runs()] == [(RunState.FAILED, "Interrupted")]
    assert desk.store.names("snapshots/") + desk.store.names("locks/") == []
    continues(desk, "srv/0", "srv/1", "srv/2", "srv/3")


def test_a_run_that_is_stopped_before_it_began_asks_the_server_nothing(desk: Desk) -> None:
    stop = Stopping()
    asked: list[PullSpec] = []
    stop.ask(Interrupted("enough"))
    with pytest.raises(Interrupted, match="enough"):
        desk.back_up(stop=stop, asked=asked)
    assert (asked, desk.store.names("locks/")) == ([], [])


def test_who_asks_twice_gets_no_checkpoint(desk: Desk) -> None:
    stop = Stopping()

    def twice() -> None:
        stop.ask(Interrupted("It was stopped by SIGTERM."))
        stop.force()

    with pytest.raises(Interrupted, match="SIGTERM"):
        desk.back_up(stop=stop, before=stopping_at("2", twice))
    assert [outcome(run) for run in desk.runs()] == [(RunState.FAILED, "Interrupted")]
    assert desk.store.names("snapshots/") + desk.store.names(MANIFESTS) == []
    assert desk.store.names("locks/") == []
    continues(desk, "srv/2", "srv/3")


def test_a_store_that_fails_a_checkpoint_is_told_beside_the_reason(desk: Desk) -> None:
    stop = Stopping()

    def fail(key: str) -> None:
        if key.startswith("snapshots/"):
            raise StoreUnreachable("gone")

    desk.store.obey = fail
    tell = stopping_at("2", lambda: stop.ask(Interrupted("enough")))
    with pytest.raises(Interrupted, match="enough"):
        desk.back_up(stop=stop, before=tell)
    assert desk.watcher.warnings == ["No checkpoint could be made: gone"]
    assert [outcome(run) for run in desk.runs()] == [(RunState.FAILED, "Interrupted")]
    desk.store.obey = lambda _: None
    continues(desk, "srv/2", "srv/3")


# The proof


class Impatient(Watcher):
    """Stops the run as soon as it is proven to a certain depth."""

    def __init__(self, at: Depth, stop: Stopping) -> None:
        super().__init__()
        self.at, self.stop = at, stop

    @contextmanager
    def proving(self, depth: Depth, *_: object) -> Iterator[Callable[[int], None]]:  # type: ignore[override]
        if depth is self.at:
            self.stop.ask(Interrupted("enough"))
        yield lambda _: None


@pytest.mark.parametrize(
    ("asked_during", "reached"),
    [(Depth.HASHED, Depth.STORED), (Depth.RESTORED, Depth.HASHED)],
)
def test_a_proof_that_is_cut_short_counts_as_far_as_it_came(
    desk: Desk, asked_during: Depth, reached: Depth
) -> None:
    stop = Stopping()
    desk.watcher = Impatient(asked_during, stop)
    run = desk.back_up(depth=Depth.RESTORED, stop=stop)
    assert outcome(run) == (RunState.PARTIAL, "Interrupted")
    manifest = desk.manifest(1).manifest
    assert manifest.verification.depth is reached
    assert manifest.omissions == ()
    assert desk.saved(run) == contents(desk)
    continues(desk)


def test_a_run_that_was_proven_already_is_whole_whoever_stops_it(desk: Desk) -> None:
    stop = Stopping()
    desk.watcher = Impatient(Depth.STORED, stop)
    assert desk.back_up(depth=Depth.STORED, stop=stop).state is RunState.VERIFIED


# The end of the program


@pytest.mark.parametrize("at", ["index/", "snapshots/", "lapseguard/sums/", MANIFESTS])
def test_a_program_killed_while_it_makes_a_checkpoint_is_continued(desk: Desk, at: str) -> None:
    """From then on neither the store nor the database hears of it any more."""

    def die(key: str) -> None:
        if key.startswith(at) or desk.database_fault:
            desk.database_fault = DatabaseBusy("never heard of")
            raise SystemExit("killed")

    desk.store.obey = die
    with pytest.raises(SystemExit):
        desk.back_up(
            before=breaking_at("2", TransferInterrupted("cut")), owner=owner_that_is_gone()
        )
    desk.store.obey, desk.database_fault = lambda _: None, None
    arrived: list[str] = []
    run = desk.back_up(owner=name_owner(bytes), sent=arrived)
    assert (run.state, arrived) == (RunState.VERIFIED, ["srv/2", "srv/3"])
    assert [run.state for run in desk.runs()] == [RunState.VERIFIED, RunState.ABANDONED]
    assert desk.saved(run) == contents(desk)
    assert desk.matches_source() is True
