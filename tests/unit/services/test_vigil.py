"""When a daemon plans anew: at each change, at each instant that counts, and hardly else."""

from datetime import timedelta

import pytest

from daemon.services.vigil import Glance, Vigil

MOST = timedelta(minutes=5)
HOUR = timedelta(hours=1)


def glance(monotonic: float, *, head: int = 7, lapsed: tuple[str, ...] = ()) -> Glance:
    return Glance(head=head, lapsed=lapsed, monotonic=monotonic)


@pytest.fixture
def vigil() -> Vigil:
    """After a sweep from second 100 to second 101 that named a moment an hour later."""
    vigil = Vigil()
    vigil.begin()
    vigil.swept(glance(100), HOUR, 101)
    return vigil


def test_the_first_look_calls_for_a_sweep() -> None:
    assert Vigil().is_due(glance(0), MOST)


def test_while_nothing_changes_nothing_is_planned(vigil: Vigil) -> None:
    assert not vigil.is_due(glance(400), MOST)


def test_even_if_nothing_changes_a_sweep_comes_now_and_then(vigil: Vigil) -> None:
    assert vigil.is_due(glance(401), MOST)


def test_a_change_in_the_database_calls_for_a_sweep(vigil: Vigil) -> None:
    assert vigil.is_due(glance(106, head=8), MOST)


def test_a_lease_that_lapses_calls_for_a_sweep_though_nobody_wrote_of_it(vigil: Vigil) -> None:
    assert vigil.is_due(glance(106, lapsed=("a run",)), MOST)


def test_the_moment_that_the_plan_named_calls_for_a_sweep() -> None:
    vigil = Vigil()
    vigil.swept(glance(100), timedelta(seconds=40), 101)

    assert not vigil.is_due(glance(139), MOST)
    assert vigil.is_due(glance(140), MOST)


def test_a_slot_given_back_calls_for_a_sweep_once(vigil: Vigil) -> None:
    vigil.call()
    assert vigil.is_due(glance(106), MOST)
    vigil.begin()
    vigil.swept(glance(106), HOUR, 107)
    assert not vigil.is_due(glance(120), MOST)


def test_what_happens_during_a_sweep_calls_for_another_one(vigil: Vigil) -> None:
    vigil.begin()
    vigil.call()
    vigil.swept(glance(106), HOUR, 107)

    assert vigil.is_due(glance(120), MOST)


def test_after_a_long_sweep_changes_have_to_wait_but_deadlines_hardly() -> None:
    vigil = Vigil()
    vigil.swept(glance(100), HOUR, 112)
    assert not vigil.is_due(glance(150, head=8), MOST)
    assert vigil.is_due(glance(160, head=8), MOST)

    vigil.swept(glance(100), timedelta(seconds=20), 112)
    assert not vigil.is_due(glance(126), MOST)
    assert vigil.is_due(glance(127), MOST)


def test_a_sweep_that_failed_is_done_again_soon_but_not_at_every_look(vigil: Vigil) -> None:
    vigil.failed(200)

    assert not vigil.is_due(glance(202), MOST)
    assert vigil.is_due(glance(215), MOST)
