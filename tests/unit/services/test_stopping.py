"""A run hears that it is to end, first with time for a checkpoint, then at once."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from daemon.errors import ClaimLost, Interrupted, RunPaused
from daemon.services.stopping import Stopping
from tests.factories import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def stopping(clock: FakeClock) -> Iterator[Stopping]:
    """With a minute for its checkpoint."""
    stopping = Stopping(budget=timedelta(minutes=1), clock=clock)
    yield stopping
    stopping.close()


def test_a_run_that_nobody_stops_goes_on(stopping: Stopping) -> None:
    stopping.check()
    stopping.check_asked()
    assert not stopping.is_over()
    assert stopping.patience() is None


def test_one_that_is_asked_ends_its_pull_and_may_still_write(stopping: Stopping) -> None:
    stopping.ask(RunPaused("a more urgent run"))
    with pytest.raises(RunPaused, match="a more urgent run"):
        stopping.check_asked()
    stopping.check()
    assert not stopping.is_over()


def test_half_of_the_time_is_left_for_writing_down(stopping: Stopping, clock: FakeClock) -> None:
    stopping.ask(Interrupted("enough"))
    clock.pass_(30)
    assert not stopping.is_over()
    clock.pass_(1)
    assert stopping.is_over()
    stopping.check()


def test_a_store_that_does_not_answer_is_waited_for_a_quarter_of_it(
    stopping: Stopping, clock: FakeClock
) -> None:
    stopping.ask(Interrupted("enough"))
    assert stopping.patience() == 15
    clock.pass_(10)
    assert stopping.patience() == 5
    clock.pass_(10)
    assert stopping.patience() == 0


def test_asking_again_gives_no_more_time_and_no_other_reason(
    stopping: Stopping, clock: FakeClock
) -> None:
    stopping.ask(Interrupted("first"))
    clock.pass_(10)
    stopping.ask(RunPaused("second"))
    assert stopping.patience() == 5
    assert str(stopping.reason) == "first"


def test_when_the_time_is_over_it_ends_at_once() -> None:
    stopping = Stopping(budget=timedelta(0))
    stopping.ask(Interrupted("enough"))
    assert stopping.at_once.wait(10)
    assert stopping.is_over()
    with pytest.raises(Interrupted, match="enough"):
        stopping.check()


def test_a_run_that_has_ended_waits_for_nothing(clock: FakeClock) -> None:
    stopping = Stopping(budget=timedelta(seconds=0.2), clock=clock)
    stopping.ask(Interrupted("enough"))
    stopping.close()
    assert not stopping.at_once.wait(0.4)


def test_who_insists_ends_it_at_once_for_the_first_reason(stopping: Stopping) -> None:
    stopping.ask(Interrupted("first"))
    stopping.force(Interrupted("second"))
    assert stopping.is_over()
    with pytest.raises(Interrupted, match="first"):
        stopping.check()


def test_a_lost_claim_is_its_own_reason(stopping: Stopping) -> None:
    stopping.force(ClaimLost("taken over"))
    assert stopping.asked.is_set()
    with pytest.raises(ClaimLost, match="taken over"):
        stopping.check()


def test_force_needs_no_reason(stopping: Stopping) -> None:
    stopping.force()
    with pytest.raises(Interrupted, match="The run was stopped"):
        stopping.check()
