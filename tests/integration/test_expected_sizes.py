"""Time left is told from what a server said of its size, wherever that says how much is to come."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from backends.capture.progress import CaptureProgress
from backends.errors import ConnectionLost
from daemon.domain.run import RunState
from tests.parts.desk import Desk, Watcher

SIZE = 10**8


class Onlooker(Watcher):
    """Remembers how much each capture expected when it ended."""

    def __init__(self) -> None:
        super().__init__()
        self.expected: list[int | None] = []

    @contextmanager
    def capturing(self, progress: CaptureProgress) -> Iterator[None]:  # type: ignore[override]
        yield
        self.expected.append(progress.read().expected_bytes)


@pytest.fixture
def onlooker(desk: Desk) -> Onlooker:
    with desk.units() as unit:
        unit.standings.measure("web-1", SIZE)
        unit.commit()
    desk.watcher = onlooker = Onlooker()
    return onlooker


def test_a_first_run_expects_all_and_a_later_one_cannot_know(
    desk: Desk, onlooker: Onlooker
) -> None:
    desk.back_up()
    desk.back_up()
    assert onlooker.expected == [SIZE, None]


def test_a_run_after_one_that_broke_off_expects_the_rest(desk: Desk, onlooker: Onlooker) -> None:
    def break_off(file: Path) -> None:
        if file.name == "2":
            raise ConnectionLost("no route")

    broken = desk.back_up(before=break_off)
    assert broken.state is RunState.PARTIAL
    desk.back_up()
    assert onlooker.expected == [SIZE, SIZE - desk.manifest(1).manifest.bytes]


def test_nobody_expects_anything_of_a_server_that_was_never_measured(desk: Desk) -> None:
    desk.watcher = onlooker = Onlooker()
    desk.back_up()
    assert onlooker.expected == [None]
