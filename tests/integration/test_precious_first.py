"""What is most precious is safe before anything else is asked for; limits reach every pull."""

from pathlib import Path

import pytest

from backends.errors import HostUnreachable, TransferInterrupted
from backends.rsync.pull import RsyncPull
from backends.types import PullSpec
from daemon.domain.run import RunState
from daemon.errors import InvalidValue, NotFound
from daemon.services.measurement import measure_server, record_size
from tests.parts.desk import Desk
from tests.parts.requirement import require_program
from tests.parts.sshd import Sshd


def test_the_precious_paths_come_first_in_their_order(desk: Desk) -> None:
    desk.change_server(priority=("/srv/3", "/srv/2"))
    sent: list[str] = []
    asked: list[PullSpec] = []
    assert desk.back_up(sent=sent, asked=asked).state is RunState.VERIFIED
    assert sent == ["srv/3", "srv/2", "srv/0", "srv/1"]
    assert [spec.only for spec in asked] == [("/srv/3",), ("/srv/2",), ()]
    assert desk.matches_source() is True


def test_they_are_in_the_index_before_the_rest_is_asked_for(desk: Desk) -> None:
    desk.change_server(priority=("/srv/3",))
    stored: list[int] = []

    def look(file: Path) -> None:
        if file.name == "0":
            stored.append(len(desk.store.names("index/")))

    desk.back_up(before=look)
    assert stored == [1]


def test_a_server_that_is_lost_after_them_leaves_them(desk: Desk) -> None:
    desk.change_server(priority=("/srv/3",))

    def cut(file: Path) -> None:
        if file.name == "0":
            raise TransferInterrupted("cut")

    run = desk.back_up(before=cut)
    assert run.state is RunState.PARTIAL
    assert set(desk.saved(run)) == {"srv/3"}


def test_a_run_can_be_told_to_make_no_difference(desk: Desk) -> None:
    desk.change_server(priority=("/srv/3",))
    asked: list[PullSpec] = []
    desk.back_up(asked=asked, precious_first=False)
    assert [spec.only for spec in asked] == [()]


def test_the_smaller_limit_reaches_every_pull(desk: Desk) -> None:
    desk.change_server(priority=("/srv/3",), bandwidth=5_000_000)
    asked: list[PullSpec] = []
    desk.back_up(asked=asked, bandwidth=3_000_000)
    desk.back_up(asked=asked, bandwidth=8_000_000)
    limits = [spec.bandwidth for spec in asked]
    assert limits == [3_000_000, 3_000_000, 5_000_000, 5_000_000]


def test_a_pull_of_some_paths_leaves_the_rest_of_staging_alone(sshd: Sshd, tmp_path: Path) -> None:
    """What has gone at the source since is the business of the pull of everything."""
    require_program("rsync", "rsync")
    source, image = tmp_path / "source", tmp_path / "image"
    for name in ("db/data", "www/page"):
        (source / name).parent.mkdir(parents=True)
        (source / name).write_text(name)
    paths = (str(source),)
    everything = PullSpec(target=sshd.target(), paths=paths, staging=str(image))
    RsyncPull().pull(everything, lambda _: None)
    (source / "www/page").unlink()
    (source / "db/data").write_text("changed")
    some = PullSpec(
        target=sshd.target(), paths=paths, staging=str(image), only=(str(source / "db"),)
    )
    RsyncPull().pull(some, lambda _: None)
    landed = image / source.relative_to("/")
    assert (landed / "db/data").read_text() == "changed"
    assert (landed / "www/page").read_text() == "www/page"


# Measuring


def measured(desk: Desk) -> int | None:
    """What is on record of the server's size."""
    with desk.units(read_only=True) as unit:
        return unit.standings.measured("web-1")


def test_what_a_server_says_of_its_size_is_on_record(desk: Desk) -> None:
    asked: list[PullSpec] = []

    def measure(spec: PullSpec) -> int:
        asked.append(spec)
        return 4711

    desk.measure = measure
    assert measure_server(desk.tools(), "web-1") == 4711
    assert measured(desk) == 4711
    assert [spec.paths for spec in asked] == [("/srv",)]


def test_a_server_that_does_not_say_leaves_what_it_said_before(desk: Desk) -> None:
    record_size(desk.units, "web-1", 4711)
    assert measure_server(desk.tools(), "web-1") is None
    assert measured(desk) == 4711


def test_a_server_that_cannot_be_asked_is_told_apart(desk: Desk) -> None:
    def fail(_: PullSpec) -> int:
        raise HostUnreachable("no route")

    desk.measure = fail
    with pytest.raises(HostUnreachable, match="no route"):
        measure_server(desk.tools(), "web-1")
    assert measured(desk) is None


def test_a_server_that_nobody_knows_is_not_asked(desk: Desk) -> None:
    with pytest.raises(NotFound):
        measure_server(desk.tools(), "web-9")


def test_nobody_holds_less_than_nothing(desk: Desk) -> None:
    with pytest.raises(InvalidValue):
        record_size(desk.units, "web-1", -1)
    assert measured(desk) is None
