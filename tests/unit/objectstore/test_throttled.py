"""A throttled store waits before it moves more, and for no longer than it must."""

import threading
from dataclasses import dataclass, field

import pytest

from backends.objectstore.memory import MemoryStore
from backends.objectstore.throttled import ThrottledStore
from backends.pacing import Bucket


@dataclass
class Moment:
    """A clock that waiting moves on."""

    seconds: float = 0.0
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.seconds


class Patience(threading.Event):
    """Waits without waiting."""

    def __init__(self, clock: Moment) -> None:
        super().__init__()
        self.clock = clock

    def wait(self, timeout: float | None = None) -> bool:
        self.clock.seconds += timeout or 0.0
        self.clock.slept.append(timeout or 0.0)
        return self.is_set()


@pytest.fixture
def clock() -> Moment:
    return Moment()


def throttled(clock: Moment, *rates: int | None) -> ThrottledStore:
    buckets = [Bucket(lambda rate=rate: rate, monotonic=clock) for rate in rates]
    return ThrottledStore(MemoryStore(), buckets, stop=Patience(clock))


def test_each_object_waits_until_the_ones_before_would_be_through(clock: Moment) -> None:
    store = throttled(clock, 100)

    for number in range(4):
        store.put(f"data/{number}", bytes(200))

    assert clock.seconds == pytest.approx(6)


def test_reading_counts_like_writing(clock: Moment) -> None:
    store = throttled(clock, 100)
    store.put("data/a", bytes(100))

    assert store.get("data/a") == bytes(100)
    store.get("data/a", offset=0, length=50)

    assert clock.seconds == pytest.approx(2)


def test_the_tightest_limit_holds(clock: Moment) -> None:
    store = throttled(clock, 1000, 50, None)

    store.put("data/a", bytes(100))
    store.put("data/b", bytes(100))

    assert clock.seconds == pytest.approx(2)


def test_the_rate_is_looked_at_again_while_waiting(clock: Moment) -> None:
    rates = {False: 1, True: None}
    bucket = Bucket(lambda: rates[clock.seconds >= 5], monotonic=clock)
    store = ThrottledStore(MemoryStore(), [bucket], stop=Patience(clock))
    store.put("data/a", bytes(10_000))

    store.put("data/b", b"")

    assert clock.seconds < 7


def test_a_run_that_must_end_waits_no_longer(clock: Moment) -> None:
    stop = Patience(clock)
    store = ThrottledStore(MemoryStore(), [Bucket(lambda: 1, monotonic=clock)], stop=stop)
    store.put("data/a", bytes(10_000))
    stop.set()

    store.put("data/b", b"")

    assert len(clock.slept) == 1


def test_names_and_listings_cost_nothing(clock: Moment) -> None:
    store = throttled(clock, 1)
    store.put("data/a", bytes(10_000))

    assert store.stat("data/a").size == 10_000
    assert [info.key for info in store.list("data/")] == ["data/a"]
    store.delete("data/a")

    assert clock.seconds == 0
