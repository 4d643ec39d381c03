"""What the metered store counts."""

import pytest

from backends.errors import ObjectMissing
from backends.objectstore.memory import MemoryStore
from backends.objectstore.metered import MeteredStore, Operation, StoreCall


def test_calls_and_bytes_are_counted_by_operation() -> None:
    """Each operation has its own figures, in both directions."""
    store = MeteredStore(MemoryStore())
    store.put("a", b"12345")
    store.put("b", b"123")
    store.get("a", offset=1, length=2)
    store.stat("a")
    list(store.list(""))
    store.delete("b")

    calls = {usage.operation: usage.calls for usage in store.usage}
    assert calls == {
        Operation.PUT: 2,
        Operation.GET: 1,
        Operation.STAT: 1,
        Operation.LIST: 1,
        Operation.DELETE: 1,
    }
    assert store.usage_of(Operation.PUT).sent == 8
    assert store.usage_of(Operation.GET).received == 2


def test_a_failure_is_counted_and_passed_on() -> None:
    """A failed call counts, with no bytes, and its error still reaches the caller."""
    told: list[StoreCall] = []
    store = MeteredStore(MemoryStore(), told.append)

    with pytest.raises(ObjectMissing):
        store.get("absent")

    usage = store.usage_of(Operation.GET)
    assert (usage.calls, usage.failures, usage.received) == (1, 1, 0)
    assert [type(call.error) for call in told] == [ObjectMissing]


def test_time_is_counted() -> None:
    """Seconds are those between call and return."""
    ticks = iter([10.0, 12.5, 20.0, 21.0])
    store = MeteredStore(MemoryStore(), monotonic=lambda: next(ticks))
    store.put("a", b"")
    store.put("a", b"")

    assert store.usage_of(Operation.PUT).seconds == 3.5
