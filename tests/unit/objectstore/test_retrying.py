"""When the retrying store tries again, and when it stops."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.errors import (
    ObjectCorrupt,
    ObjectMissing,
    StoreError,
    StoreRefused,
    StoreThrottled,
    StoreUnreachable,
)
from backends.objectstore.memory import MemoryStore
from backends.objectstore.retrying import (
    RetryingStore,
    RetryNotice,
    RetryPolicy,
    RetryTiming,
    next_delay,
)
from backends.types import ObjectInfo

SECONDS = st.floats(0, 1e6, allow_nan=False)
POLICIES = st.builds(
    RetryPolicy,
    first_delay=SECONDS,
    max_delay=SECONDS,
    budget=SECONDS,
    attempts=st.integers(1, 10_000),
    damaged_attempts=st.integers(0, 10),
)
ERRORS = st.sampled_from(
    [StoreUnreachable("away"), StoreThrottled("busy"), ObjectCorrupt("bad"), StoreRefused("no")]
)
PATIENT = RetryPolicy(first_delay=1, max_delay=8, budget=1_000, attempts=50)


@dataclass
class FakeTime:
    """A clock that only waiting moves."""

    now: float = 0
    waits: list[float] = field(default_factory=list)
    stop_at: float = float("inf")
    deadline: float | None = None
    per_attempt: float = 0

    def wait(self, seconds: float) -> bool:
        self.now += seconds
        self.waits.append(seconds)
        return self.now >= self.stop_at

    def timing(self) -> RetryTiming:
        return RetryTiming(
            monotonic=lambda: self.now, wait=self.wait, draw=lambda: 1, time_left=self.time_left
        )

    def time_left(self) -> float | None:
        return None if self.deadline is None else self.deadline - self.now


class FlakyStore(MemoryStore):
    """Fails as scripted before it works; `done_first` makes it work and fail all the same."""

    def __init__(self, *failures: StoreError, done_first: bool = False) -> None:
        super().__init__()
        self.failures = list(failures)
        self.done_first = done_first
        self.attempts = 0

    def _fail(self, deed: Callable[[], object]) -> None:
        self.attempts += 1
        if self.failures:
            if self.done_first:
                deed()
            raise self.failures.pop(0)

    def put(self, key: str, data: bytes) -> ObjectInfo:
        self._fail(lambda: MemoryStore.put(self, key, data))
        return super().put(key, data)

    def get(self, key: str, *, offset: int = 0, length: int | None = None) -> bytes:
        self._fail(lambda: None)
        return super().get(key, offset=offset, length=length)

    def delete(self, key: str) -> None:
        self._fail(lambda: MemoryStore.delete(self, key))
        super().delete(key)


class StrictStore(FlakyStore):
    """Like some stores, finds fault with deleting what is not there."""

    def delete(self, key: str) -> None:
        self._fail(lambda: MemoryStore.delete(self, key))
        self.stat(key)
        MemoryStore.delete(self, key)


class TornListing(MemoryStore):
    """Breaks off each listing after two objects, as often as told."""

    def __init__(self, breaks: int) -> None:
        super().__init__()
        self.breaks = breaks
        self.skip = 0

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        for number, info in enumerate(super().list(prefix)):
            if self.breaks and number == self.skip + 2:
                self.breaks -= 1
                self.skip = number
                raise StoreUnreachable("the line broke")
            yield info


@given(
    policy=POLICIES,
    failures=st.integers(1, 100_000),
    elapsed=SECONDS,
    error=ERRORS,
    jitter=st.floats(0, 1),
    time_left=st.none() | st.floats(-1e6, 1e6),
)
def test_no_attempt_begins_past_the_budget_or_the_deadline(
    *,
    policy: RetryPolicy,
    failures: int,
    elapsed: float,
    error: StoreError,
    jitter: float,
    time_left: float | None,
) -> None:
    """Whatever happens, a wait is short enough, and giving up has a reason."""
    decision = next_delay(
        policy,
        failures=failures,
        elapsed=elapsed,
        error=error,
        jitter=jitter,
        time_left=time_left,
    )

    assert decision.reason
    if decision.delay is not None:
        assert 0 <= decision.delay <= policy.max_delay
        assert decision.delay <= policy.budget - elapsed
        assert time_left is None or decision.delay <= time_left
        assert failures < policy.attempts
        assert not isinstance(error, StoreRefused)


@given(policy=POLICIES, failures=st.integers(1, 60), error=ERRORS)
def test_the_longest_wait_never_shrinks(
    policy: RetryPolicy, failures: int, error: StoreError
) -> None:
    """More failures mean more patience, until giving up."""

    def wait_after(count: int) -> float | None:
        return next_delay(policy, failures=count, elapsed=0, error=error, jitter=1).delay

    earlier, later = wait_after(failures), wait_after(failures + 1)

    assert later is None or (earlier is not None and earlier <= later)


def test_waits_double_up_to_the_longest() -> None:
    """1, 2, 4, 8 and then 8 for as long as it takes."""
    clock = FakeTime()
    store = FlakyStore(*(StoreThrottled("busy") for _ in range(6)))

    RetryingStore(store, PATIENT, timing=clock.timing()).put("key", b"data")

    assert clock.waits == [1, 2, 4, 8, 8, 8]
    assert store.get("key") == b"data"


def test_what_does_not_go_away_is_raised_at_once() -> None:
    """A refused key is not asked for again and again."""
    clock = FakeTime()
    store = FlakyStore(StoreRefused("wrong secret"))

    with pytest.raises(StoreRefused, match="wrong secret"):
        RetryingStore(store, PATIENT, timing=clock.timing()).put("key", b"data")

    assert (store.attempts, clock.waits) == (1, [])


def test_a_missing_object_is_an_answer() -> None:
    """No time is spent on waiting for an object that is not there."""
    clock = FakeTime()

    with pytest.raises(ObjectMissing):
        RetryingStore(MemoryStore(), PATIENT, timing=clock.timing()).get("absent")

    assert clock.waits == []


def test_a_damaged_transfer_gets_one_more_try() -> None:
    """One flipped bit on the line does not end a backup, a bad object does."""
    clock = FakeTime()
    once = FlakyStore(ObjectCorrupt("digest"))
    always = FlakyStore(*(ObjectCorrupt("digest") for _ in range(9)))

    RetryingStore(once, PATIENT, timing=clock.timing()).put("key", b"data")
    with pytest.raises(ObjectCorrupt):
        RetryingStore(always, PATIENT, timing=clock.timing()).get("key")

    assert (once.attempts, always.attempts) == (2, 2)


def test_it_gives_up_when_the_budget_is_used() -> None:
    """The last attempt begins at the end of the budget, and its error is raised with a note."""
    clock = FakeTime()
    store = FlakyStore(*(StoreUnreachable("away") for _ in range(99)))
    policy = RetryPolicy(first_delay=4, max_delay=4, budget=10)

    with pytest.raises(StoreUnreachable) as caught:
        RetryingStore(store, policy, timing=clock.timing()).put("key", b"data")

    assert clock.waits == [4, 4, 2]
    assert caught.value.__notes__ == ["no time is left after 10 s"]


def test_it_gives_up_when_the_deadline_comes_first() -> None:
    """Who must be done by noon does not wait beyond noon."""
    clock = FakeTime(deadline=5)
    store = FlakyStore(*(StoreUnreachable("away") for _ in range(99)))

    with pytest.raises(StoreUnreachable):
        RetryingStore(store, PATIENT, timing=clock.timing()).put("key", b"data")

    assert clock.now == 5


def test_it_stops_when_the_program_is_to_stop() -> None:
    """A wait that is interrupted is the last one."""
    clock = FakeTime(stop_at=3)
    store = FlakyStore(*(StoreUnreachable("away") for _ in range(99)))

    with pytest.raises(StoreUnreachable) as caught:
        RetryingStore(store, PATIENT, timing=clock.timing()).put("key", b"data")

    assert store.attempts == 2
    assert caught.value.__notes__ == ["the program is to stop"]


def test_a_delete_that_did_happen_has_succeeded() -> None:
    """The answer to a delete is lost, the object is gone: that is what was wanted."""
    store = StrictStore(StoreUnreachable("answer lost"), done_first=True)
    MemoryStore.put(store, "locks/a", b"")

    RetryingStore(store, PATIENT, timing=FakeTime().timing()).delete("locks/a")

    assert list(store.list("")) == []


def test_a_torn_listing_goes_on_where_it_was() -> None:
    """Each object is listed once, however often the line breaks."""
    clock = FakeTime()
    store = TornListing(breaks=3)
    for number in range(10):
        store.put(f"data/{number}", b"")

    found = RetryingStore(store, PATIENT, timing=clock.timing()).list("data/")

    assert [info.key for info in found] == [f"data/{number}" for number in range(10)]
    assert clock.waits == [1, 1, 1]


def test_each_wait_is_told() -> None:
    """Who watches learns what failed, how often, and how long the wait is."""
    told: list[RetryNotice] = []
    store = FlakyStore(StoreThrottled("slow down"), StoreUnreachable("reset"))

    retrying = RetryingStore(store, PATIENT, timing=FakeTime().timing(), on_retry=told.append)
    retrying.put("data/x", b"")

    assert [(each.operation, each.key, each.failures, each.delay) for each in told] == [
        ("put", "data/x", 1, 1),
        ("put", "data/x", 2, 2),
    ]
    assert [each.error.code for each in told] == ["StoreThrottled", "StoreUnreachable"]


@pytest.mark.parametrize("wrong", [{"budget": -1}, {"first_delay": -1}, {"attempts": 0}])
def test_a_senseless_policy_is_refused(wrong: dict[str, int]) -> None:
    """A policy that never tries, or waits backwards, is a mistake at its construction."""
    with pytest.raises(ValueError, match="RetryPolicy"):
        RetryPolicy(**wrong)
