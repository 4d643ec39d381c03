"""A few threads, a few things on the way."""

import threading
import time

import pytest

from backends.repository.parallel import Turns, map_in_threads


def test_results_come_in_the_order_of_what_goes_in():
    assert list(map_in_threads(lambda n: n * n, range(50), threads=3)) == [n * n for n in range(50)]


def test_no_more_is_drawn_than_the_threads_can_take_soon():
    drawn = []

    def numbers():
        for number in range(100):
            drawn.append(number)
            yield number

    results = map_in_threads(str, numbers(), threads=2)
    next(results)

    assert len(drawn) <= 5
    results.close()


def test_an_error_is_raised_in_its_place_and_ends_the_work():
    done = []

    def work(number: int) -> int:
        if number == 3:
            raise ValueError("three")
        done.append(number)
        return number

    results = map_in_threads(work, range(1000), threads=2)

    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="three"):
        next(results)
    assert len(done) < 20


def test_small_pieces_are_worked_on_by_one_thread_at_a_time():
    turns = Turns()
    inside = threading.Semaphore(1)

    def work(_: int) -> bool:
        with turns.take(pieces=1000, size=1000):
            alone = inside.acquire(blocking=False)
            time.sleep(0.001)  # lets the others run, were they not kept out
            if alone:
                inside.release()
            return alone

    assert all(map_in_threads(work, range(20), threads=4))
