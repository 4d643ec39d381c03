"""Holding a lock on a repository, honoured by stock restic and honouring stock restic's.

To take one: look for conflicting locks, store ours, wait a moment, look again. Of two programs that
store at the same time at least one sees the other. While held, a thread stores it anew every five
minutes, so that it does not go stale.
"""

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from backends.errors import ObjectMissing, RepositoryDamaged, RepositoryLocked, StoreError
from backends.repository.gotime import utc_now
from backends.repository.keys import current_user
from backends.repository.lockfile import (
    STALE_AFTER,
    Lock,
    conflict,
    decode_lock,
    encode_lock,
    is_stale,
    process_exists,
)
from backends.repository.unpacked import (
    ObjectKind,
    OpenRepository,
    list_objects,
    load_unpacked,
    save_unpacked,
)

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class LockTiming:
    """How long things take; restic's figures.

    Attributes:
        refresh: Between two refreshes.
        settle: From storing a lock to looking again, for a slow listing to show the others.
        trusted: Age up to which a lock surely counts; the rest up to staleness is for clocks that
            differ.
    """

    refresh: timedelta = timedelta(minutes=5)
    settle: timedelta = timedelta(milliseconds=200)
    trusted: timedelta = STALE_AFTER - timedelta(minutes=7.5)


RESTIC_TIMING: Final = LockTiming()


class HeldLock:
    """A lock of ours in the store; `hold_lock` makes it. Safe to use from several threads."""

    def __init__(
        self, repository: OpenRepository, lock: Lock, clock: Clock, timing: LockTiming
    ) -> None:
        self._repository = repository
        self._clock = clock
        self._timing = timing
        self._changing = threading.Lock()
        self._lock = lock
        self._id = save_unpacked(repository, ObjectKind.LOCK, encode_lock(lock))

    @property
    def id(self) -> str:
        """The lock object as of the last refresh."""
        return self._id

    def ensure(self) -> None:
        """Prove that the lock still counts; to be called before what must not happen unlocked.

        Raises:
            RepositoryLocked: another program took it for stale and removed it.
            StoreError: it is old and could not be refreshed now.
        """
        if self._clock() - self._lock.time > self._timing.trusted:
            self.refresh()

    def refresh(self) -> None:
        """Store it anew with the present time, then remove the old object.

        Even an overdue lock may be refreshed as long as nobody removed it meanwhile.

        Raises:
            RepositoryLocked: somebody did.
            StoreError: the old object still stands.
        """
        with self._changing:
            self._check_presence()
            renewed = self._lock.renewed(self._clock())
            new = save_unpacked(self._repository, ObjectKind.LOCK, encode_lock(renewed))
            try:
                self._check_presence()
            except (RepositoryLocked, StoreError):
                # Without the old one nobody would ever refresh or remove it.
                with suppress(StoreError):
                    self._delete(new)
                raise
            old, self._id, self._lock = self._id, new, renewed
            self._delete(old)

    def release(self) -> None:
        """Remove it.

        Raises:
            StoreError: it may still stand; it goes stale by itself.
        """
        with self._changing:
            self._delete(self._id)

    def _check_presence(self) -> None:
        key = ObjectKind.LOCK.key(self._id)
        try:
            self._repository.store.stat(key)
        except ObjectMissing as error:
            raise RepositoryLocked(
                "Our lock on the repository was removed by another program.",
                hint="Was `restic unlock --remove-all` run? The next attempt takes a new lock.",
            ) from error

    def _delete(self, lock_id: str) -> None:
        self._repository.store.delete(ObjectKind.LOCK.key(lock_id))


@contextmanager
def hold_lock(
    repository: OpenRepository,
    *,
    exclusive: bool = False,
    clock: Clock = utc_now,
    timing: LockTiming = RESTIC_TIMING,
    meanwhile: Callable[[], object] = lambda: None,
) -> Iterator[HeldLock]:
    """Hold a lock for the duration of a `with` block; stale locks of others are removed.

    Stock restic sends SIGHUP to a lock's process on its own host to see whether it lives. Called in
    the main thread this survives it; a program that locks in other threads must do so itself.

    Args:
        repository: Opened.
        exclusive: Needed to delete packs or rewrite the index, and for nothing else.
        clock: Tells the present instant.
        timing: As restic's, except in tests.
        meanwhile: Called once ours is stored and does not count yet. It may read: what it finds
            holds if the lock comes to count. It must not change anything.

    Raises:
        RepositoryLocked: another program holds a lock that conflicts.
        StoreError: locks could not be listed or stored.
    """
    with _deaf_to_hangup():
        held = _take(repository, _own_lock(exclusive, clock()), clock, timing, meanwhile)
        stop = threading.Event()
        refresher = threading.Thread(
            target=_keep_fresh, args=(held, timing, stop), name="lock-refresh", daemon=True
        )
        refresher.start()
        try:
            yield held
        finally:
            stop.set()
            refresher.join()
            # Safe to pass over: a lock that stays behind is stale once this process has ended.
            with suppress(StoreError):
                held.release()


def list_locks(repository: OpenRepository) -> tuple[tuple[str, Lock], ...]:
    """Every lock object with its id, stale ones included.

    Raises:
        RepositoryLocked: one cannot be read; who knows what it claims.
    """
    found = ((lock_id, _read(repository, lock_id)) for lock_id in _lock_ids(repository))
    return tuple((lock_id, lock) for lock_id, lock in found if lock is not None)


def remove_stale_locks(repository: OpenRepository, now: datetime) -> int:
    """Delete locks that no longer count; returns how many."""
    host = socket.gethostname()
    stale = [
        lock_id
        for lock_id, lock in list_locks(repository)
        if is_stale(lock, now, host, process_exists)
    ]
    for lock_id in stale:
        repository.store.delete(ObjectKind.LOCK.key(lock_id))
    return len(stale)


def _take(
    repository: OpenRepository,
    lock: Lock,
    clock: Clock,
    timing: LockTiming,
    meanwhile: Callable[[], object],
) -> HeldLock:
    remove_stale_locks(repository, clock())
    _check_others(repository, lock, own="")
    held = HeldLock(repository, lock, clock, timing)
    settled = time.monotonic() + timing.settle.total_seconds()
    try:
        meanwhile()
        threading.Event().wait(settled - time.monotonic())
        _check_others(repository, lock, own=held.id)
    except BaseException:
        held.release()
        raise
    return held


def _check_others(repository: OpenRepository, wanted: Lock, own: str) -> None:
    for lock_id, found in list_locks(repository):
        if lock_id != own and conflict(wanted, found):
            raise RepositoryLocked(f"The repository is in use: {found}.")


def _keep_fresh(held: HeldLock, timing: LockTiming, stop: threading.Event) -> None:
    while not stop.wait(timing.refresh.total_seconds()):
        # Safe to pass over: the next round tries again, and `ensure` raises for whoever relies
        # on a lock that has become too old or is gone.
        with suppress(StoreError, RepositoryLocked):
            held.refresh()


def _lock_ids(repository: OpenRepository) -> list[str]:
    # Stores without atomic uploads leave empty objects behind; restic passes them over as well.
    found = list_objects(repository, ObjectKind.LOCK)
    return [lock_id for lock_id, info in found if info.size]


def _read(repository: OpenRepository, lock_id: str) -> Lock | None:
    try:
        return decode_lock(load_unpacked(repository, ObjectKind.LOCK, lock_id))
    except ObjectMissing:
        return None  # released between listing and reading
    except RepositoryDamaged as error:
        raise RepositoryLocked(
            f"The lock {lock_id[:8]} cannot be read.",
            hint="If no other program is at work, `restic unlock --remove-all` removes it.",
        ) from error


def _own_lock(exclusive: bool, now: datetime) -> Lock:  # noqa: FBT001 - named by its only caller
    return Lock(
        time=now,
        exclusive=exclusive,
        hostname=socket.gethostname(),
        username=current_user(),
        pid=os.getpid(),
        uid=os.getuid(),
        gid=os.getgid(),
    )


@contextmanager
def _deaf_to_hangup() -> Iterator[None]:
    """Ignore SIGHUP, even where the program has a handler of its own: here it asks, not orders."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, signal.SIG_DFL if before is None else before)
