"""A passport in a run: taken beside the capture, and never a reason for anything."""

import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta

import pytest

from backends.capture.cadence import CheckpointInterval
from backends.capture.grafting import Grafting
from backends.errors import HostUnreachable
from backends.passport import QUESTIONS
from backends.process import Finished
from backends.repository.reader import BlobReader
from backends.repository.repository import Repository
from backends.repository.snapshot import list_snapshots
from backends.repository.writer import RepositoryWriter
from backends.types import BlobKind, SshTarget
from daemon.domain.beside import PassportFact
from daemon.domain.run import RunState
from daemon.domain.verification import Depth
from daemon.services.passport import PassportTaking
from tests.parts.desk import Desk
from tests.parts.folder_pull import put
from tests.parts.scripted_shell import ScriptedShell

PASSPORT = ".lapseguard/passport.txt"


class Answering(ScriptedShell):
    """A server that answers everything with the same words."""

    def __init__(self, words: str = "Debian") -> None:
        super().__init__(("echo", lambda: self.said[-1].removeprefix("echo ")), ("", words))


class Hanging(Answering):
    """A server on which a command hangs for good after so many others."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self.left = after
        self.released = threading.Event()

    def run(self, argv: Sequence[str], timeout: float) -> Finished:
        self.left -= 1
        if self.left < 0:
            self.released.wait()
        return super().run(argv, timeout)


@pytest.fixture
def asked(desk: Desk) -> Desk:
    """The desk's server answers questions."""
    desk.passport = True
    desk.open_shell = lambda _: Answering().connect()
    return desk


def passport_of(desk: Desk, number: int = 1) -> PassportFact | None:
    return desk.manifest(number).manifest.beside.passport


def test_a_passport_is_a_file_of_the_copy_and_no_reason_to_compare_less(asked: Desk) -> None:
    run = asked.back_up(depth=Depth.RESTORED)

    assert run.state is RunState.VERIFIED
    saved = asked.saved(run)
    assert b"Debian" in saved[PASSPORT]
    assert (run.files, run.bytes) == (5, sum(map(len, saved.values())))
    fact = passport_of(asked)
    assert fact == PassportFact(path=f"/{PASSPORT}", size=len(saved[PASSPORT]))
    assert asked.matches_source() is True
    assert asked.is_sound()


def test_trees_made_of_what_has_changed_have_the_new_passport_alone(asked: Desk) -> None:
    asked.back_up(itemises=True)
    asked.open_shell = lambda _: Answering("another answer").connect()
    put(asked.source / "srv/1", b"changed", 2 * 10**18)

    run = asked.back_up(itemises=True)

    saved = asked.saved(run)
    assert b"another answer" in saved[PASSPORT]
    assert b"Debian" not in saved[PASSPORT]
    assert (run.files, run.bytes) == (5, sum(map(len, saved.values())))
    assert asked.verify(Depth.RESTORED).problems == ()
    assert asked.matches_source() is True


def test_a_server_that_cannot_be_asked_is_saved_whole_with_a_passport_that_says_so(
    asked: Desk,
) -> None:
    def refuse(_: SshTarget) -> AbstractContextManager[ScriptedShell]:
        raise HostUnreachable("no second login")

    asked.open_shell = refuse

    run = asked.back_up()

    assert run.state is RunState.VERIFIED
    assert b"no second login" in asked.saved(run)[PASSPORT]
    fact = passport_of(asked)
    assert fact is not None
    assert len(fact.gaps) == len(QUESTIONS)


def test_a_checkpoint_has_the_passport_that_a_dead_server_is_built_again_by(asked: Desk) -> None:
    asked.checkpoints = CheckpointInterval(every=timedelta(0))
    seen = threading.Event()

    def look(key: str) -> None:
        if key.startswith("lapseguard/checkpoints/") and any(
            PASSPORT in asked.files_of(snapshot.tree)
            for snapshot in list_snapshots(asked.repository)
        ):
            seen.set()

    asked.store.obey = look
    asked.back_up(before=lambda file: None if file.name != "3" else ensure(seen))

    assert seen.is_set()


def ensure(event: threading.Event) -> None:
    assert event.wait(60)


def test_a_command_that_hangs_keeps_the_end_of_a_capture_waiting_only_so_long(
    repository: Repository,
) -> None:
    """What was answered before is kept."""
    shell, index = Hanging(after=3), repository.load_index()
    passport = PassportTaking(
        "web-1",
        shell.connect,
        now=lambda: datetime.now(UTC),
        stop=threading.Event(),
        patience=0.5,
    )
    with RepositoryWriter(repository, index) as writer:
        grafting = Grafting(writer)
        passport.ask()
        passport.begin(grafting)
        passport.settle()
        shell.released.set()
        graft = grafting.graft()

    assert graft is not None
    (file,) = graft.files
    (blob,) = file.stored.blobs
    text = BlobReader(repository, index).load(blob, BlobKind.DATA)
    assert text.count(b"Debian") == 2
    assert b"there was no time left" in text
    described = passport.describe(file)
    assert described is not None
    assert len(described.gaps) == len(QUESTIONS) - 2
