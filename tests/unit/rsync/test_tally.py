"""The budget ends a pull, whatever the server sends."""

import dataclasses
import threading

import pytest

from backends.errors import BudgetExceeded, TransferInterrupted
from backends.process import Running
from backends.rsync.output import Change, ChangeKind
from backends.rsync.tally import Tally, received_by_ssh
from backends.types import Arrival, PullBudget
from tests.unit.rsync.test_command import SPEC


def tally(stop: threading.Event | None = None, **limits: float) -> Tally:
    budget = PullBudget(**limits)  # type: ignore[arg-type] - whole numbers where it wants them
    return Tally(dataclasses.replace(SPEC, budget=budget), stop)


def arrival(size: int, received: int = 0) -> Arrival:
    return Arrival(path=b"a", size=size, received=received)


def test_without_limits_everything_is_counted_and_nothing_refused() -> None:
    found = tally()
    found.count(arrival(10**15, 7))
    found.count(Arrival(path=b"b", size=5, linked_to=True))
    found.count(Change(kind=ChangeKind.DELETED, path=b"c"))

    assert (found.lines, found.arrivals, found.received) == (3, 1, 7)


def test_the_bytes_of_all_files_together_are_limited() -> None:
    found = tally(max_bytes=100)
    found.count(arrival(60))
    found.count(arrival(40))

    with pytest.raises(BudgetExceeded, match="More than 100 bytes"):
        found.count(arrival(1))


def test_a_large_file_made_of_few_bytes_on_the_line_counts_in_full() -> None:
    with pytest.raises(BudgetExceeded):
        tally(max_bytes=100).count(arrival(101, received=1))


def test_a_file_listed_as_small_counts_what_it_sent() -> None:
    with pytest.raises(BudgetExceeded):
        tally(max_bytes=100).count(arrival(1, received=101))


def test_further_names_of_one_file_take_no_room() -> None:
    found = tally(max_bytes=100)
    for _ in range(5):
        found.count(Arrival(path=b"b", size=90, linked_to=True))


@pytest.mark.parametrize("kind", [ChangeKind.FOLDER, ChangeKind.SYMLINK, ChangeKind.SPECIAL])
def test_folders_and_links_count_as_files_do(kind: ChangeKind) -> None:
    found = tally(max_files=2)
    found.count(arrival(1))
    found.count(Change(kind=kind, path=b"x"))

    with pytest.raises(BudgetExceeded, match="More than 2 files"):
        found.count(Change(kind=kind, path=b"y"))


def test_a_file_above_the_limit_for_one_is_an_omission() -> None:
    found = tally(max_file_bytes=50, max_bytes=1000)
    found.count(Change(kind=ChangeKind.OVERSIZE, path=b"big"))

    (omission,) = found.oversize
    assert omission.path == b"big"
    assert "larger than 50 bytes" in omission.reason


def test_a_file_that_alone_breaks_the_budget_ends_the_pull() -> None:
    with pytest.raises(BudgetExceeded, match="big alone is larger than 1000 bytes"):
        tally(max_bytes=1000).count(Change(kind=ChangeKind.OVERSIZE, path=b"big"))


def test_a_server_cannot_fill_our_memory_with_omissions() -> None:
    found = tally(max_file_bytes=1)
    for number in range(20_000):
        found.count(Change(kind=ChangeKind.OVERSIZE, path=b"%d" % number))

    assert len(found.oversize) == 10_000


def test_a_request_to_stop_is_seen_while_nothing_comes() -> None:
    stop = threading.Event()
    found = tally(stop)
    found.watch(1)
    stop.set()

    with pytest.raises(TransferInterrupted, match="stopped on request"):
        found.watch(1)


def test_no_time_limit_is_no_deadline() -> None:
    assert tally().seconds_left is None
    assert tally(max_seconds=0).seconds_left == 0


def test_only_the_ssh_of_the_same_group_is_measured() -> None:
    with Running(("sleep", "30")) as running:
        assert received_by_ssh(running.pid) == 0
