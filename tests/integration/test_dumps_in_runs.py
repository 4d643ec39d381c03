"""A run's dumps: in its tree, its listing, its manifest, its checkpoints; and what fails."""

import hashlib
import random
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from backends.capture.cadence import CheckpointInterval
from backends.errors import ConnectionLost, StoreUnreachable
from backends.repository.snapshot import list_snapshots
from daemon.domain.beside import DumpFact
from daemon.domain.dump import COMMAND, DatabaseDump
from daemon.domain.run import RunState
from daemon.domain.source import Consistency
from daemon.domain.verification import Depth
from daemon.errors import Interrupted
from daemon.services.stopping import Stopping
from tests.parts.desk import MIB, Desk
from tests.parts.folder_pull import put
from tests.parts.sshd import Sshd

FOLDER = ".lapseguard/dumps"
Serve = Callable[..., None]


def printing(name: str, file: Path) -> DatabaseDump:
    """A dump that prints a file."""
    return DatabaseDump(kind=COMMAND, name=name, argv=("cat", str(file)))


def shell(name: str, script: str, **more: Any) -> DatabaseDump:
    return DatabaseDump(kind=COMMAND, name=name, argv=("sh", "-c", script), **more)


@pytest.fixture
def serve(desk: Desk, sshd: Sshd) -> Serve:
    """Has the desk's server dump these."""
    target = sshd.target("web-1")

    def serve(*dumps: DatabaseDump, host: Sshd = sshd) -> None:
        desk.change_server(
            host=host.host,
            port=host.port,
            user=target.user,
            identity=str(host.identity),
            host_key=host.host_key,
            dumps=dumps,
        )

    return serve


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """What a database prints, large enough to be cut into pieces."""
    file = tmp_path / "shop.sql"
    file.write_bytes(random.Random(7).randbytes(6 * MIB))  # noqa: S311 - only has to be large
    return file


def dumps_of(desk: Desk, number: int = 1) -> dict[str, DumpFact]:
    return {dump.name: dump for dump in desk.manifest(number).manifest.beside.dumps}


def tree_of(desk: Desk, number: int) -> str:
    return desk.manifest(number).manifest.repository.tree


def test_a_dump_is_a_file_of_the_copy_proven_like_all_others(
    desk: Desk, serve: Serve, shop: Path
) -> None:
    serve(printing("shop.sql", shop))
    began = datetime.now(UTC)

    run = desk.back_up(depth=Depth.RESTORED)

    assert run.state is RunState.VERIFIED
    saved = desk.saved(run)
    assert saved[f"{FOLDER}/shop.sql"] == shop.read_bytes()
    assert run.files == len(saved) == 5
    assert run.bytes == sum(map(len, saved.values()))
    dump = dumps_of(desk)["shop.sql"]
    assert dump.size == 6 * MIB
    assert dump.sha256 == hashlib.sha256(shop.read_bytes()).hexdigest()
    assert dump.path == f"/{FOLDER}/shop.sql"
    assert (dump.consistency, dump.problem) == (Consistency.APPLICATION, "")
    assert dump.taken_at is not None
    assert began <= dump.taken_at <= datetime.now(UTC)
    assert desk.matches_source() is True
    assert desk.is_sound()


@pytest.mark.parametrize("itemises", [False, True])
def test_a_dump_has_its_place_among_names_before_and_after_it(
    desk: Desk, serve: Serve, *, itemises: bool
) -> None:
    desk.change_server(paths=("/+first", "/srv"))
    put(desk.source / "+first/file", b"first")
    serve(shell("x", "date +%N"))
    desk.back_up(itemises=itemises)

    run = desk.back_up(itemises=itemises, depth=Depth.RESTORED)

    assert run.state is RunState.VERIFIED
    names = [entry.path for entry in desk.listing(2)]
    assert names == [b"+first/file", b".lapseguard/dumps/x", *(b"srv/%d" % n for n in range(4))]
    assert list(desk.saved(run)) == [name.decode() for name in names]
    assert desk.is_sound()


def test_each_run_has_its_own_dump_and_stores_only_what_is_new_of_it(
    desk: Desk, serve: Serve, shop: Path
) -> None:
    """Also where the tree is made of the last one's, by what rsync names as changed."""
    serve(printing("shop.sql", shop))
    first = desk.back_up(itemises=True)
    put(desk.source / "srv/1", b"changed", 2 * 10**18)
    with shop.open("ab") as file:
        file.write(b"one more row")

    second = desk.back_up(itemises=True)

    assert first.new_bytes is not None
    assert first.new_bytes > 6 * MIB
    assert second.new_bytes is not None
    assert second.new_bytes < 3 * MIB
    saved = desk.saved(second)
    assert saved[f"{FOLDER}/shop.sql"].endswith(b"one more row")
    assert second.files == len(saved) == 5
    assert second.bytes == sum(map(len, saved.values()))
    assert desk.verify(Depth.RESTORED).problems == ()
    desk.walk_every = timedelta()
    walked = desk.back_up(itemises=True)
    assert (walked.files, walked.bytes) == (second.files, second.bytes)
    assert desk.is_sound()


@pytest.mark.parametrize("itemises", [False, True])
def test_without_dumps_the_tree_is_what_it_would_be_if_there_had_never_been_any(
    desk: Desk, serve: Serve, shop: Path, *, itemises: bool
) -> None:
    desk.back_up(itemises=itemises)
    serve(printing("shop.sql", shop))
    desk.back_up(itemises=itemises)
    serve()

    run = desk.back_up(itemises=itemises)

    assert tree_of(desk, 3) == tree_of(desk, 1) != tree_of(desk, 2)
    assert desk.listing(3) == desk.listing(1)
    assert (run.files, run.bytes) == (4, 4 * MIB)
    assert FOLDER not in str(desk.saved(run))
    assert desk.is_sound()


def test_a_dump_that_fails_costs_only_itself_and_is_told(
    desk: Desk, serve: Serve, shop: Path
) -> None:
    serve(shell("gone.sql", "echo half; echo no such database >&2; exit 1"), printing("b", shop))

    run = desk.back_up()

    assert run.state is RunState.PARTIAL
    assert run.error is not None
    assert "no such database" in run.error.message
    saved = desk.saved(run)
    assert saved[f"{FOLDER}/b"] == shop.read_bytes()
    assert {f"srv/{number}" for number in range(4)} <= saved.keys()
    assert f"{FOLDER}/gone.sql" not in saved
    gone = dumps_of(desk)["gone.sql"]
    assert (gone.size, gone.consistency) == (None, Consistency.NONE)
    assert "no such database" in gone.problem
    (omission,) = desk.manifest(1).manifest.omissions
    assert omission.path == f"{FOLDER}/gone.sql".encode()
    assert any("gone.sql" in warning for warning in desk.watcher.warnings)
    assert desk.is_sound()


def test_a_dump_that_worked_again_makes_the_next_run_whole(desk: Desk, serve: Serve) -> None:
    serve(shell("x", "exit 1"))
    desk.back_up(itemises=True)
    serve(shell("x", "echo fine"))

    run = desk.back_up(itemises=True)

    assert run.state is RunState.VERIFIED
    assert desk.saved(run)[f"{FOLDER}/x"] == b"fine\n"


def test_a_dump_that_hangs_leaves_time_for_the_files(desk: Desk, serve: Serve) -> None:
    serve(shell("hangs", "sleep 60"), shell("late", "echo never asked"))
    desk.finish_by = datetime.now(UTC) + timedelta(seconds=2)

    run = desk.back_up()

    assert run.state is RunState.PARTIAL
    assert len(desk.saved(run)) == 4
    dumps = dumps_of(desk)
    assert "longer than allowed" in dumps["hangs"].problem
    assert "no time left" in dumps["late"].problem


def test_a_server_that_dies_after_its_dumps_leaves_them(
    desk: Desk, serve: Serve, shop: Path
) -> None:
    """Nothing else has arrived, and they are worth a copy of their own."""
    serve(printing("shop.sql", shop))

    run = desk.back_up(before=failing(ConnectionLost("the server is gone")))

    assert run.state is RunState.PARTIAL
    assert desk.saved(run) == {f"{FOLDER}/shop.sql": shop.read_bytes()}
    again = desk.back_up()
    assert again.state is RunState.VERIFIED
    assert len(desk.saved(again)) == 5
    assert desk.is_sound()


def test_a_server_that_cannot_be_reached_is_not_asked_for_each_dump(
    desk: Desk, serve: Serve, make_sshd: Callable[..., Sshd], tmp_path: Path
) -> None:
    """That ends the run as it would without dumps, if the pull finds it so too."""
    gone = make_sshd()
    gone.stop()
    serve(printing("a", tmp_path), printing("b", tmp_path), host=gone)

    with pytest.raises(ConnectionLost):
        desk.back_up(before=failing(ConnectionLost("the server is gone")))

    told = [warning for warning in desk.watcher.warnings if "is not dumped" in warning]
    assert len(told) == 1
    assert desk.runs()[0].state is RunState.FAILED


def test_a_run_that_is_stopped_while_it_dumps_ends_at_once(
    desk: Desk, serve: Serve, tmp_path: Path
) -> None:
    begun = tmp_path / "begun"
    serve(shell("done", "echo done"), shell("slow", f"echo begun; touch {begun}; sleep 600"))
    stop = Stopping()

    def ask() -> None:
        while not begun.exists():
            time.sleep(0.05)
        stop.ask(Interrupted("asked to"))

    threading.Thread(target=ask).start()
    run = desk.back_up(stop=stop)

    assert run.state is RunState.PARTIAL
    assert run.error is not None
    assert run.error.message == "asked to"
    assert desk.saved(run) == {f"{FOLDER}/done": b"done\n"}


def test_a_checkpoint_has_the_dumps_that_are_done(
    desk: Desk, serve: Serve, shop: Path, tmp_path: Path
) -> None:
    """Killed in the second dump, the run leaves the first; and the next one goes on."""
    desk.checkpoints = CheckpointInterval(every=timedelta(0))
    go_on = tmp_path / "go-on"
    waits = shell("second", f"until test -e {go_on}; do sleep 0.1; done; echo second")
    serve(printing("first", shop), waits)

    def die(key: str) -> None:
        if key.startswith("lapseguard/checkpoints/"):
            # Called before the object is there: everything after it is refused.
            desk.store.obey = refuse
            go_on.touch()

    desk.store.obey = die
    with pytest.raises(StoreUnreachable):
        desk.back_up()
    desk.store.obey = lambda _: None
    (snapshot,) = list_snapshots(desk.repository)
    assert desk.files_of(snapshot.tree) == {f"{FOLDER}/first": shop.read_bytes()}

    run = desk.back_up()

    assert run.state is RunState.VERIFIED
    assert desk.saved(run)[f"{FOLDER}/second"] == b"second\n"
    (_, died) = desk.runs()
    assert died.state is RunState.PARTIAL
    dumps = dumps_of(desk, 1)
    assert dumps["first"].size == 6 * MIB
    assert dumps["second"].problem == "the run ended before it was done"
    assert desk.is_sound()


def failing(error: Exception) -> Callable[[Path], None]:
    def fail(_: Path) -> None:
        raise error

    return fail


def refuse(_: str) -> None:
    raise StoreUnreachable("gone")


def test_lost_packs_of_a_dump_are_made_good_by_a_new_dump(
    desk: Desk, serve: Serve, shop: Path
) -> None:
    serve(printing("shop.sql", shop))
    desk.back_up()
    for key in desk.packs()[:-1]:  # the smallest one has the folders
        desk.spoil(key)

    run = desk.back_up(depth=Depth.HASHED)

    assert run.state is RunState.VERIFIED
    assert desk.saved(run)[f"{FOLDER}/shop.sql"] == shop.read_bytes()
    assert desk.is_sound()
