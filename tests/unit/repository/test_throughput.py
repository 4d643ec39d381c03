"""How long it will take until the store has so many bytes."""

import pytest

from backends.errors import StoreFull
from backends.repository.throughput import Throughput


@pytest.fixture
def seconds(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The clock, which the test sets."""
    now = [0.0]
    monkeypatch.setattr("backends.repository.throughput.time.monotonic", lambda: now[0])
    return now


def pass_over(line: Throughput, size: int, took: float, seconds: list[float]) -> None:
    with line.send(size):
        seconds[0] += took


def refuse(line: Throughput, seconds: list[float]) -> None:
    with line.send(1000):
        seconds[0] += 3
        raise StoreFull("no room")


def test_nobody_knows_before_anything_was_taken(seconds: list[float]) -> None:
    line = Throughput()
    with line.send(1000):
        seconds[0] += 5
        assert line.seconds_for(1000) is None
        assert line.line_seconds(1000) == 0


def test_time_without_anything_to_send_does_not_count(seconds: list[float]) -> None:
    line = Throughput()
    pass_over(line, 1000, 2, seconds)
    seconds[0] += 100
    pass_over(line, 3000, 6, seconds)
    assert line.seconds_for(500) == pytest.approx(1)


def test_streams_beside_each_other_share_the_line(seconds: list[float]) -> None:
    line = Throughput()
    with line.send(1000):
        pass_over(line, 1000, 4, seconds)
    assert line.line_seconds(1000) == pytest.approx(2)


def test_what_is_on_its_way_goes_first(seconds: list[float]) -> None:
    line = Throughput()
    pass_over(line, 1000, 1, seconds)
    with line.send(3000):
        assert line.seconds_for(1000) == pytest.approx(4)
        assert line.line_seconds(1000) == pytest.approx(1)
    assert line.seconds_for(1000) == pytest.approx(0.25)


def test_what_the_store_refused_has_taken_time_all_the_same(seconds: list[float]) -> None:
    line = Throughput()
    pass_over(line, 1000, 1, seconds)
    with pytest.raises(StoreFull):
        refuse(line, seconds)
    assert line.seconds_for(1000) == pytest.approx(4)


def test_a_line_that_has_become_slow_is_soon_known_as_slow(seconds: list[float]) -> None:
    line = Throughput()
    for _ in range(1000):
        pass_over(line, 100, 1, seconds)
    for _ in range(200):
        pass_over(line, 1, 1, seconds)
    # Of a thousand seconds at a hundred times the pace only some sixty still count.
    assert line.line_seconds(1) > 0.02
