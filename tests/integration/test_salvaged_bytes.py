"""What a server that vanishes leaves, by the byte: whole files, and how the largest began."""

from datetime import timedelta
from pathlib import Path

from backends.capture.cadence import CheckpointInterval
from backends.errors import ConnectionLost
from backends.repository.snapshot import list_snapshots
from daemon.domain.run import Run, RunState
from daemon.domain.verification import Depth, Outcome
from tests.parts.desk import MIB, Desk
from tests.parts.folder_pull import put
from tests.parts.waiting import noise, wait_until

INTERVAL = 4 * MIB
HUGE = ".lapseguard/unfinished/huge.img"


def restorable(desk: Desk) -> dict[str, bytes]:
    """The files of the newest checkpoint of the run under way."""
    found = list_snapshots(desk.repository)
    return desk.files_of(found[-1].tree) if found else {}


def incoming(desk: Desk) -> Path:
    """What rsync is writing."""
    return desk.image.with_name("image~pull") / "incoming" / "huge.img.Ab12Cd"


def begin_huge(desk: Desk, content: bytes, *, beside: int) -> None:
    """A large file is being written, and half of it has come to the store.

    The rest may wait: to be looked through in one go, and in packs that are not full.

    Args:
        desk: Where it comes to.
        content: What is written now.
        beside: Bytes of what came before it.
    """
    incoming(desk).parent.mkdir(parents=True, exist_ok=True)
    with incoming(desk).open("ab") as file:
        file.write(content)
    enough = beside + len(content) // 2
    wait_until(lambda: sum(info.size for info in desk.store.list("data/")) > enough)


def omissions(desk: Desk, number: int) -> list[bytes]:
    return [each.path for each in desk.manifest(number).manifest.omissions]


def test_at_any_moment_all_but_the_last_interval_is_restorable(desk: Desk) -> None:
    for number in range(4, 20):
        put(desk.source / f"srv/{number:02}", noise(number, MIB))
    delivered: list[int] = []
    bounds: list[int] = []

    def before(file: Path) -> None:
        if len(delivered) in {5, 10, 15}:
            bound = int(0.95 * (sum(delivered) - INTERVAL))
            wait_until(lambda: sum(map(len, restorable(desk).values())) >= bound)
            bounds.append(bound)
        delivered.append(file.stat().st_size)

    desk.checkpoints = CheckpointInterval(every=timedelta(hours=1), size=INTERVAL)
    assert desk.back_up(before=before).state is RunState.VERIFIED
    assert len(bounds) == 3


def lose_while_huge_comes(desk: Desk, content: bytes) -> Run:
    """The server vanishes when it has sent this much of a large file, and nothing after it."""

    def before(file: Path) -> None:
        if file.name == "2":
            begin_huge(desk, content, beside=2 * MIB)
            raise ConnectionLost("no route")

    return desk.back_up(before=before)


def test_the_beginning_of_a_file_that_never_came_whole_is_kept_and_told(desk: Desk) -> None:
    content = noise(1, 24 * MIB)
    run = lose_while_huge_comes(desk, content)
    assert run.state is RunState.PARTIAL
    saved = desk.saved(run)
    assert set(saved) == {"srv/0", "srv/1", HUGE}
    assert content.startswith(saved[HUGE])
    assert len(saved[HUGE]) > 12 * MIB
    told = [each for each in desk.manifest(1).manifest.omissions if each.path == HUGE.encode()]
    assert f"only the first {len(saved[HUGE])} bytes" in told[0].reason
    assert desk.is_sound()
    proof = desk.verify(Depth.RESTORED)
    assert (proof.outcome, proof.problems) == (Outcome.PASSED, ())


def test_the_next_run_has_the_file_and_not_its_beginning(desk: Desk) -> None:
    content = noise(2, 24 * MIB)
    lose_while_huge_comes(desk, content[: 16 * MIB])
    put(desk.source / "srv/huge.img", content)
    run = desk.back_up()
    assert run.state is RunState.VERIFIED
    saved = desk.saved(run)
    assert saved["srv/huge.img"] == content
    assert HUGE not in saved
    assert desk.manifest(2).manifest.omissions == ()
    assert desk.is_sound()


def test_a_server_that_had_sent_nothing_else_leaves_that_much(desk: Desk) -> None:
    def before(_: Path) -> None:
        begin_huge(desk, noise(3, 16 * MIB), beside=0)
        raise ConnectionLost("no route")

    run = desk.back_up(before=before)
    assert (run.state, set(desk.saved(run))) == (RunState.PARTIAL, {HUGE})


def test_each_checkpoint_has_more_of_it_and_a_whole_run_nothing(desk: Desk) -> None:
    """It grows from checkpoint to checkpoint, though no file is completed meanwhile."""
    content = noise(4, 40 * MIB)
    desk.checkpoints = CheckpointInterval(every=timedelta(0))

    def before(file: Path) -> None:
        if file.name != "3":
            return
        begin_huge(desk, content[: 16 * MIB], beside=3 * MIB)
        wait_until(lambda: len(restorable(desk).get(HUGE, b"")) > 8 * MIB)
        begin_huge(desk, content[16 * MIB :], beside=11 * MIB)
        wait_until(lambda: len(restorable(desk).get(HUGE, b"")) > 32 * MIB)
        assert content.startswith(restorable(desk)[HUGE])

    run = desk.back_up(before=before)
    assert run.state is RunState.VERIFIED
    assert HUGE not in desk.saved(run)
    assert omissions(desk, 1) == []
