"""Locks on a repository."""

import json
import os
import signal
import threading
from datetime import UTC, datetime, timedelta

import pytest

from backends.errors import (
    BackendError,
    RepositoryDamaged,
    RepositoryLocked,
    StoreRefused,
    StoreUnreachable,
)
from backends.objectstore.memory import MemoryStore
from backends.repository.lock import LockTiming, hold_lock, list_locks, remove_stale_locks
from backends.repository.lockfile import (
    Lock,
    decode_lock,
    encode_lock,
    is_stale,
    process_exists,
)
from backends.repository.unpacked import ObjectKind, list_unpacked, save_unpacked
from tests.parts.repository import make_repository

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
#: A host that no machine running these tests has.
ELSEWHERE = "elsewhere.invalid"
QUICK = LockTiming(settle=timedelta(0))
GONE_PID = 2**22 + 1


def lock(**changes: object) -> Lock:
    fields = {"time": NOON, "exclusive": False, "hostname": ELSEWHERE, "username": "u", "pid": 7}
    return Lock(**(fields | changes))


def plant(repository, **changes: object) -> str:
    return save_unpacked(repository, ObjectKind.LOCK, encode_lock(lock(**changes)))


class Clock:
    """Tells the time that the test sets."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_lock_has_restic_s_fields():
    document = encode_lock(lock(exclusive=True, uid=1000))

    assert json.loads(document) == {
        "time": "2026-05-01T12:00:00Z",
        "exclusive": True,
        "hostname": ELSEWHERE,
        "username": "u",
        "pid": 7,
        "uid": 1000,
    }
    assert decode_lock(document) == lock(exclusive=True, uid=1000)


@pytest.mark.parametrize("junk", [b"", b"[]", b"{}", b'{"time":"never"}', b"\xff"])
def test_junk_is_no_lock(junk):
    with pytest.raises(RepositoryDamaged):
        decode_lock(junk)


@pytest.mark.parametrize(
    ("age", "hostname", "alive", "stale"),
    [
        (30 * MINUTE, ELSEWHERE, False, False),
        (30 * MINUTE + timedelta(seconds=1), ELSEWHERE, True, True),
        (timedelta(0), "here", True, False),
        (timedelta(0), "here", False, True),
        (-60 * MINUTE, ELSEWHERE, False, False),
    ],
)
def test_a_lock_counts_for_half_an_hour_or_as_long_as_its_process_here(age, hostname, alive, stale):
    held = lock(hostname=hostname)

    assert is_stale(held, NOON + age, "here", lambda _: alive) is stale


def test_processes_are_told_from_mere_numbers():
    assert process_exists(os.getpid())
    assert process_exists(1)
    assert not process_exists(GONE_PID)
    assert not process_exists(0)
    assert not process_exists(-1)
    assert not process_exists(1 << 70)


def test_a_lock_stands_while_it_is_held_and_is_gone_afterwards(repository):
    with hold_lock(repository, timing=QUICK) as held:
        ((lock_id, found),) = list_locks(repository)
        assert lock_id == held.id
        assert (found.pid, found.exclusive) == (os.getpid(), False)

    assert list_locks(repository) == ()


def test_a_lock_is_gone_after_a_failure_too(repository):
    with pytest.raises(ZeroDivisionError), hold_lock(repository, timing=QUICK):
        raise ZeroDivisionError

    assert list_locks(repository) == ()


def test_shared_locks_stand_side_by_side(repository, clock):
    plant(repository)

    with hold_lock(repository, clock=clock, timing=QUICK):
        assert len(list_locks(repository)) == 2


@pytest.mark.parametrize(("ours", "theirs"), [(True, False), (False, True), (True, True)])
def test_an_exclusive_lock_stands_alone(repository, clock, ours, theirs):
    planted = plant(repository, exclusive=theirs)

    with (
        pytest.raises(RepositoryLocked, match=f"u@{ELSEWHERE}, process 7"),
        hold_lock(repository, exclusive=ours, clock=clock, timing=QUICK),
    ):
        pytest.fail("locked all the same")

    assert list_unpacked(repository, ObjectKind.LOCK) == (planted,)


@pytest.mark.parametrize(
    "stale", [{"time": NOON - 31 * MINUTE}, {"hostname": os.uname().nodename, "pid": GONE_PID}]
)
def test_a_stale_lock_is_removed(repository, clock, stale):
    plant(repository, exclusive=True, **stale)

    with hold_lock(repository, exclusive=True, clock=clock, timing=QUICK) as held:
        assert list_unpacked(repository, ObjectKind.LOCK) == (held.id,)


def test_removing_stale_locks_leaves_the_others(repository):
    kept = plant(repository)
    plant(repository, time=NOON - 40 * MINUTE)

    assert remove_stale_locks(repository, NOON) == 1
    assert list_unpacked(repository, ObjectKind.LOCK) == (kept,)


def test_a_lock_that_cannot_be_read_counts_as_one(repository):
    repository.store.put(ObjectKind.LOCK.key("ab" * 32), b"not a lock of this repository" * 3)

    with pytest.raises(RepositoryLocked, match="cannot be read"), hold_lock(repository):
        pytest.fail("locked all the same")


def test_an_empty_object_is_no_lock(repository):
    """Stores without atomic uploads leave such behind."""
    repository.store.put(ObjectKind.LOCK.key("ab" * 32), b"")

    with hold_lock(repository, exclusive=True, timing=QUICK):
        assert len(list_locks(repository)) == 1


class Recording(MemoryStore):
    """A store that counts how often a lock was stored."""

    def __init__(self) -> None:
        super().__init__()
        self.locks = 0

    def put(self, key, data):
        self.locks += key.startswith("locks/")
        return super().put(key, data)


def test_a_conflict_that_shows_at_once_disturbs_nobody(clock):
    """The other program may be looking for a second time just then."""
    repository = make_repository(Recording())
    plant(repository, exclusive=True)

    with pytest.raises(RepositoryLocked), hold_lock(repository, clock=clock, timing=QUICK):
        pytest.fail("locked all the same")

    assert repository.store.locks == 1


class Racing(MemoryStore):
    """Another program's exclusive lock appears just after ours was stored."""

    rival = None

    def put(self, key, data):
        info = super().put(key, data)
        if self.rival and key.startswith("locks/"):
            super().put(*self.rival)
        return info


def test_of_two_that_lock_at_the_same_time_neither_goes_on_unseen(clock):
    store = Racing()
    repository = make_repository(store)
    planted = ObjectKind.LOCK.key(plant(repository, exclusive=True))
    rival = (planted, store.get(planted))
    store.delete(planted)
    store.rival = rival

    with pytest.raises(RepositoryLocked), hold_lock(repository, clock=clock, timing=QUICK):
        pytest.fail("locked all the same")

    assert [info.key for info in store.list("locks/")] == [planted]


def test_a_refresh_replaces_the_lock_by_a_younger_one(repository, clock):
    with hold_lock(repository, clock=clock, timing=QUICK) as held:
        first = held.id
        clock.now += 5 * MINUTE
        held.refresh()

        ((lock_id, found),) = list_locks(repository)
        assert lock_id == held.id != first
        assert found.time == clock.now


def test_a_lock_is_refreshed_by_itself(repository):
    often = LockTiming(refresh=timedelta(milliseconds=5), settle=timedelta(0))
    changed = threading.Event()

    with hold_lock(repository, timing=often) as held:
        first = held.id
        for _ in range(2000):
            if held.id != first:
                break
            changed.wait(0.005)
        assert held.id != first

    assert list_locks(repository) == ()


def test_a_young_lock_is_trusted_without_asking(repository, clock):
    with hold_lock(repository, clock=clock, timing=QUICK) as held:
        repository.store.delete(ObjectKind.LOCK.key(held.id))
        clock.now += 22 * MINUTE
        held.ensure()


def test_an_overdue_lock_that_still_stands_is_refreshed(repository, clock):
    """The machine slept, or the store was away, for a day; nobody minded."""
    with hold_lock(repository, clock=clock, timing=QUICK) as held:
        clock.now += timedelta(days=1)
        held.ensure()

        ((_, found),) = list_locks(repository)
        assert found.time == clock.now


def test_an_overdue_lock_that_somebody_removed_is_lost(clock):
    repository = make_repository(Recording())
    with hold_lock(repository, clock=clock, timing=QUICK) as held:
        repository.store.delete(ObjectKind.LOCK.key(held.id))
        clock.now += timedelta(days=1)

        with pytest.raises(RepositoryLocked, match="removed by another program"):
            held.ensure()

    assert repository.store.locks == 1


class Failing(MemoryStore):
    """A store that fails where it is told to."""

    failing = ""
    error: BackendError = StoreUnreachable("gone")

    def delete(self, key):
        if self.failing == "delete":
            raise self.error
        super().delete(key)

    def stat(self, key):
        if self.failing == "stat" and key.startswith("locks/"):
            raise self.error
        return super().stat(key)


def test_a_store_that_is_away_at_the_end_does_not_fail_the_work():
    store = Failing()
    repository = make_repository(store)

    with hold_lock(repository, timing=QUICK):
        store.failing = "delete"


def test_a_refresh_that_fails_is_told_and_leaves_the_old_lock(clock):
    store = Failing()
    repository = make_repository(store)

    with hold_lock(repository, clock=clock, timing=QUICK) as held:
        clock.now += timedelta(days=1)
        store.failing = "stat"
        store.error = StoreRefused("not allowed")
        with pytest.raises(StoreRefused):
            held.ensure()
        store.failing = ""
        assert list_unpacked(repository, ObjectKind.LOCK) == (held.id,)


@pytest.mark.parametrize("handler", [signal.SIG_DFL, signal.default_int_handler])
def test_a_hangup_signal_is_survived_while_a_lock_is_held(repository, handler):
    """Stock restic sends one to see whether the lock's process lives; ours has a handler."""
    before = signal.signal(signal.SIGHUP, handler)
    try:
        with hold_lock(repository, timing=QUICK):
            os.kill(os.getpid(), signal.SIGHUP)

        assert signal.getsignal(signal.SIGHUP) is handler
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_lock_can_be_held_outside_the_main_thread(repository):
    seen: list[int] = []

    def hold() -> None:
        with hold_lock(repository, timing=QUICK):
            seen.append(len(list_locks(repository)))

    thread = threading.Thread(target=hold)
    thread.start()
    thread.join()

    assert seen == [1]
