"""Bounded background threads, and the gate that holds savers up."""

import threading

import pytest

from backends.repository.crew import Crew
from backends.repository.failure import Failure
from backends.repository.inflight import Gate


@pytest.fixture
def failure() -> Failure:
    return Failure()


def fail(number: int) -> None:
    raise ZeroDivisionError(number)


def test_work_is_done_and_its_result_given_back(failure):
    crew = Crew("crew", threads=2, places=4, failure=failure)

    results = [crew.submit(lambda number: number * 2, number) for number in range(20)]

    assert [result.result(30) for result in results] == list(range(0, 40, 2))
    crew.close()


def test_settling_waits_for_all_that_was_submitted(failure):
    crew, done = Crew("crew", threads=2, places=50, failure=failure), []
    for number in range(50):
        crew.submit(done.append, number)

    crew.settle()

    assert len(done) == 50
    crew.close()


def test_after_the_first_error_nothing_more_is_done(failure):
    crew, go_on, done = Crew("crew", threads=1, places=5, failure=failure), threading.Event(), []
    crew.submit(go_on.wait, 30)
    crew.submit(fail, 1)
    for number in range(3):
        crew.submit(done.append, number)

    go_on.set()
    with pytest.raises(ZeroDivisionError):
        crew.settle()

    crew.close()
    assert done == []


def test_who_submits_waits_for_a_place(failure):
    crew, go_on = Crew("crew", threads=1, places=2, failure=failure), threading.Event()
    for _ in range(2):
        crew.submit(go_on.wait, 30)
    third = threading.Thread(target=crew.submit, args=(go_on.wait, 30))
    third.start()
    third.join(0.2)
    waited = third.is_alive()

    go_on.set()
    third.join(30)

    assert waited
    assert not third.is_alive()
    crew.close()


def test_a_closed_crew_says_why_it_was_closed(failure):
    crew = Crew("crew", threads=1, places=1, failure=failure)
    failure.note(ZeroDivisionError("the reason"))
    crew.close()

    for _ in range(3):
        with pytest.raises(ZeroDivisionError, match="the reason"):
            crew.submit(fail, 1)


def test_only_the_first_error_is_remembered(failure):
    failure.note(ZeroDivisionError("first"))
    failure.note(ZeroDivisionError("second"))

    with pytest.raises(ZeroDivisionError, match="first"):
        failure.check()


def test_a_gate_is_shut_once_everybody_has_left():
    gate, inside, leave, order = Gate(), threading.Event(), threading.Event(), []

    def stay() -> None:
        with gate:
            inside.set()
            leave.wait(30)
            order.append("left")

    thread = threading.Thread(target=stay)
    thread.start()
    assert inside.wait(30)
    threading.Timer(0.1, leave.set).start()
    with gate.shut():
        order.append("shut")
    thread.join(30)

    assert order == ["left", "shut"]


def test_nobody_enters_a_gate_that_is_shut():
    gate, order = Gate(), []

    def enter() -> None:
        with gate:
            order.append("entered")

    with gate.shut():
        thread = threading.Thread(target=enter)
        thread.start()
        thread.join(0.2)
        order.append("opened")
    thread.join(30)

    assert order == ["opened", "entered"]


def test_a_gate_opens_again_after_a_failure():
    gate = Gate()
    with pytest.raises(ZeroDivisionError), gate.shut():
        raise ZeroDivisionError

    with gate:
        pass
    with gate.shut():
        pass
