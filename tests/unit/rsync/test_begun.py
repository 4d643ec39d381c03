"""A pull that has begun: whoever asks for it gets all of it, and nobody has to."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from backends.errors import ConnectionLost, TransferInterrupted
from backends.rsync.begun import BegunPull, RoomToCome
from backends.types import Arrival, PullReport, PullSpec, SshTarget
from tests.parts.folder_pull import FolderPull, put

TARGET = SshTarget(
    alias="web-1",
    host="192.0.2.7",
    port=22,
    user="backup",
    identity="/key",
    host_key="ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0hqWfTAoQfkLmY5NkQ6Fn8l5pS1Q8mXn4vH2cT7bRw",
)


@dataclass(kw_only=True)
class Early:
    """A pull of three files that has begun, and what came of it."""

    begun: BegunPull
    spec: PullSpec
    asked: list[PullSpec]
    heard: list[bytes] = field(default_factory=list)

    def take(self, arrival: Arrival) -> None:
        self.heard.append(arrival.path)

    def pull(self, **changes: object) -> PullReport:
        return self.begun.pull(replace(self.spec, **changes), self.take)  # type: ignore[arg-type]


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Callable[..., Early]]:
    """Begins one; what is given goes to the `FolderPull`."""
    pulls: list[BegunPull] = []

    def make(**options: object) -> Early:
        for number in range(3):
            put(tmp_path / f"source/srv/{number}", b"x" * (number + 1))
        over, asked = threading.Event(), list[PullSpec]()
        inner = FolderPull(
            source=tmp_path / "source",
            image=tmp_path / "image",
            journal=lambda _: None,
            stop=over,
            asked=asked,
            **options,  # type: ignore[arg-type]  # as given by the test
        )
        spec = PullSpec(target=TARGET, paths=("/srv",), staging=str(tmp_path / "image"))
        pulls.append(BegunPull(inner, spec, over).__enter__())
        return Early(begun=pulls[-1], spec=spec, asked=asked)

    yield make
    for pull in pulls:
        pull.__exit__(None, None, None)


def test_whoever_asks_for_it_hears_of_all_that_came_before(begin: Callable[..., Early]) -> None:
    early = begin()
    report = early.pull()
    assert early.heard == [b"srv/0", b"srv/1", b"srv/2"]
    assert (report.arrivals, len(early.asked)) == (3, 1)


def test_a_second_pull_is_one_of_its_own(begin: Callable[..., Early]) -> None:
    early = begin()
    early.pull()
    early.pull()
    assert (early.heard, len(early.asked)) == ([b"srv/0", b"srv/1", b"srv/2"], 2)


def test_a_pull_of_something_else_ends_it_first(begin: Callable[..., Early]) -> None:
    early = begin()
    early.pull(only=("/srv/1",))
    assert early.heard == [b"srv/1"]
    assert [spec.only for spec in early.asked] == [(), ("/srv/1",)]


def test_what_nobody_has_asked_for_ends_when_it_is_given_up(begin: Callable[..., Early]) -> None:
    early = begin()
    early.begun.give_up()
    assert early.heard == []
    assert not [thread for thread in threading.enumerate() if "begun" in thread.name]


def test_its_end_before_its_time_is_told_to_whoever_asks(begin: Callable[..., Early]) -> None:
    def fail(_: Path) -> None:
        raise ConnectionLost("gone")

    with pytest.raises(ConnectionLost, match="gone"):
        begin(before=fail).pull()


def test_a_taker_that_fails_ends_it(begin: Callable[..., Early]) -> None:
    early = begin()

    def fail(_: Arrival) -> None:
        raise TransferInterrupted("the store is full")

    with pytest.raises(TransferInterrupted, match="the store is full"):
        early.begun.pull(early.spec, fail)
    assert len(early.asked) == 1


class Shelf:
    """Room that remembers what it was told."""

    def __init__(self) -> None:
        self.landed = 0

    def arrive(self, size: int) -> None:
        self.landed += size

    def is_full(self) -> bool:
        return self.landed >= 30


def test_room_is_told_of_what_landed_before_anybody_took_care_of_it(tmp_path: Path) -> None:
    room, shelf = RoomToCome(str(tmp_path), 0), Shelf()
    room.arrive(10)
    room.arrive(10)
    assert not room.is_full()
    room.settle(shelf)
    assert (shelf.landed, room.is_full()) == (20, False)
    room.arrive(10)
    assert room.is_full()


def test_a_disk_is_not_filled_up_before_anybody_takes_care_of_it(tmp_path: Path) -> None:
    assert RoomToCome(str(tmp_path), 1 << 60).is_full()
