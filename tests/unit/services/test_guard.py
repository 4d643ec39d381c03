"""A run that must be at rest neither reads nor writes any more; it gives back what it holds."""

from collections.abc import Callable

import pytest

from backends.objectstore.memory import MemoryStore
from daemon.errors import ClaimLost, Interrupted
from daemon.services.guard import GuardedStore
from daemon.services.lease import Lease
from daemon.services.stopping import Stopping

DATA, LOCK = "data/aa/aabb", "locks/1234"

#: Everything that a store can be asked for but deleting.
OPERATIONS: dict[str, Callable[[GuardedStore, str], object]] = {
    "put": lambda store, key: store.put(key, b"new"),
    "get": lambda store, key: store.get(key, offset=1, length=2),
    "stat": lambda store, key: store.stat(key),
    "list": lambda store, key: list(store.list(key)),
}
each_operation = pytest.mark.parametrize("operate", OPERATIONS.values(), ids=OPERATIONS)


@pytest.fixture
def inner() -> MemoryStore:
    store = MemoryStore(url="memory:vault")
    for key in (DATA, LOCK):
        store.put(key, b"old bytes")
    return store


@pytest.fixture
def stopping() -> Stopping:
    return Stopping()


@pytest.fixture
def store(inner: MemoryStore, stopping: Stopping) -> GuardedStore:
    return GuardedStore(inner, stopping.check)


@each_operation
def test_while_nobody_stops_the_run_it_does_what_it_is_asked(
    store: GuardedStore, inner: MemoryStore, operate: Callable[[GuardedStore, str], object]
) -> None:
    assert operate(store, DATA)
    assert (store.url, store.attests_sha256) == (inner.url, inner.attests_sha256)


@each_operation
def test_while_a_checkpoint_is_made_it_still_does(
    store: GuardedStore, stopping: Stopping, operate: Callable[[GuardedStore, str], object]
) -> None:
    stopping.ask(Interrupted("enough"))
    assert operate(store, DATA)
    stopping.close()


@each_operation
def test_a_run_that_is_to_end_at_once_gets_nothing_more(
    store: GuardedStore, stopping: Stopping, operate: Callable[[GuardedStore, str], object]
) -> None:
    stopping.force(Interrupted("at once"))
    with pytest.raises(Interrupted, match="at once"):
        operate(store, DATA)


@each_operation
def test_a_run_that_lost_its_claim_gets_nothing_more(
    store: GuardedStore, stopping: Stopping, operate: Callable[[GuardedStore, str], object]
) -> None:
    Lease(stopping).lose(ClaimLost("taken over"))
    with pytest.raises(ClaimLost, match="taken over"):
        operate(store, DATA)


def test_nothing_was_written_by_what_was_refused(
    store: GuardedStore, inner: MemoryStore, stopping: Stopping
) -> None:
    stopping.force()
    with pytest.raises(Interrupted):
        store.put(DATA, b"new")
    assert inner.get(DATA) == b"old bytes"


@each_operation
def test_its_lock_is_its_own_to_the_end(
    store: GuardedStore, stopping: Stopping, operate: Callable[[GuardedStore, str], object]
) -> None:
    stopping.force()
    assert operate(store, LOCK)


@pytest.mark.parametrize("key", [DATA, LOCK])
def test_what_is_in_the_way_of_others_is_deleted_all_the_same(
    store: GuardedStore, inner: MemoryStore, stopping: Stopping, key: str
) -> None:
    stopping.force()
    store.delete(key)
    assert key not in [info.key for info in inner.list("")]


def test_a_listing_ends_where_the_run_does(store: GuardedStore, stopping: Stopping) -> None:
    store.put("data/aa/aabc", b"second")
    listing = store.list("data/")
    assert next(listing).key == DATA
    stopping.force()
    with pytest.raises(Interrupted):
        next(listing)


def test_an_empty_listing_is_no_answer_either(store: GuardedStore, stopping: Stopping) -> None:
    """It would say that nothing is stored."""
    stopping.force()
    with pytest.raises(Interrupted):
        list(store.list("snapshots/"))
