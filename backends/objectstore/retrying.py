"""Trying again, apart from the stores: which errors, how long, and when to give up."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from backends.errors import ObjectCorrupt, ObjectMissing, StoreError
from backends.objectstore.forwarding import ForwardingStore
from backends.protocols import ObjectStore
from backends.types import Content, ObjectInfo

_T = TypeVar("_T")
# Delays double until here; beyond, `max_delay` has long been reached and floats would overflow.
_MOST_DOUBLINGS = 32
# Not for secrets: many clients must only not come back at the same moment.
_draw = random.SystemRandom().random


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often and how long one operation is tried.

    Attributes:
        first_delay: Longest wait after the first failure, in seconds; it doubles each time.
        max_delay: Longest wait ever, in seconds.
        budget: Seconds from the start of an operation after which no attempt begins.
        attempts: Tries in all, at least 1.
        damaged_attempts: Tries in all of a transfer whose bytes arrived damaged (ObjectCorrupt):
            a bad line deserves another one, a bad object does not get better.

    Raises:
        ValueError: a negative number, or no attempt.
    """

    first_delay: float = 1
    max_delay: float = 60
    budget: float = 900
    attempts: int = 100
    damaged_attempts: int = 2

    def __post_init__(self) -> None:
        """Refuse what would never try or wait backwards."""
        if min(self.first_delay, self.max_delay, self.budget) < 0 or self.attempts < 1:
            message = f"{self} has a negative time or no attempt"
            raise ValueError(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryDecision:
    """Whether to try again.

    Attributes:
        delay: Seconds to wait before the next attempt, or None to give up.
        reason: Why, for a log.
    """

    delay: float | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryNotice:
    """One failed attempt that another one follows.

    Attributes:
        operation: Method of the store, e.g. `put`.
        key: Key or prefix.
        failures: How many attempts have failed so far.
        delay: Seconds until the next.
        error: The last failure.
    """

    operation: str
    key: str
    failures: int
    delay: float
    error: StoreError


def next_delay(
    policy: RetryPolicy,
    *,
    failures: int,
    elapsed: float,
    error: StoreError,
    jitter: float,
    time_left: float | None = None,
) -> RetryDecision:
    """Decide what follows a failed attempt; the next one never begins past the budget.

    Args:
        policy: See `RetryPolicy`.
        failures: Attempts that have failed, this one included.
        elapsed: Seconds since the first attempt began.
        error: What the last attempt ended with.
        jitter: Between 0 and 1; the whole wait is drawn by it, so that clients spread out.
        time_left: Seconds until the caller must be done, or None for no such limit.
    """
    allowed = _allowed_attempts(policy, error)
    remaining = policy.budget - elapsed
    if time_left is not None:
        remaining = min(remaining, time_left)
    if allowed <= 1:
        return RetryDecision(delay=None, reason=f"{error.code} does not go away by itself")
    if failures >= allowed:
        return RetryDecision(delay=None, reason=f"given up after {failures} attempts")
    if remaining <= 0:
        return RetryDecision(delay=None, reason=f"no time is left after {elapsed:.0f} s")
    doublings = min(failures - 1, _MOST_DOUBLINGS)
    longest = min(policy.max_delay, policy.first_delay * 2**doublings)
    return RetryDecision(delay=min(jitter * longest, remaining), reason=error.code)


def _allowed_attempts(policy: RetryPolicy, error: StoreError) -> int:
    if error.retryable:
        return policy.attempts
    if isinstance(error, ObjectCorrupt):
        return min(policy.damaged_attempts, policy.attempts)
    return 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryTiming:
    """The world as far as waiting is concerned; tests put in their own.

    Attributes:
        monotonic: Seconds from anywhere.
        wait: Waits so many seconds; true if it was woken because the program is to stop.
        draw: A new number between 0 and 1.
        time_left: See `next_delay`.
    """

    monotonic: Callable[[], float] = time.monotonic
    wait: Callable[[float], bool]
    draw: Callable[[], float] = _draw
    time_left: Callable[[], float | None] = lambda: None

    @classmethod
    def until(
        cls, stop: threading.Event, time_left: Callable[[], float | None] = lambda: None
    ) -> "RetryTiming":
        """Real time, until `stop` is set: then no further attempt is made."""
        return cls(wait=stop.wait, time_left=time_left)


class RetryingStore(ForwardingStore):
    """A store that tries again what may succeed later. Implements `ObjectStore`.

    Args:
        inner: The store that does the work; closed with this one.
        policy: Each operation has the whole budget to itself.
        timing: See `RetryTiming`; by default nothing but the policy ends the attempts.
        on_retry: Told before each wait, in the thread of the operation.
    """

    def __init__(
        self,
        inner: ObjectStore,
        policy: RetryPolicy | None = None,
        *,
        timing: RetryTiming | None = None,
        on_retry: Callable[[RetryNotice], None] | None = None,
    ) -> None:
        super().__init__(inner)
        self._policy = policy or RetryPolicy()
        self._timing = timing or RetryTiming.until(threading.Event())
        self._on_retry = on_retry

    def put(self, key: str, data: Content) -> ObjectInfo:
        """See `ObjectStore.put`; a put that did arrive unnoticed is simply made again."""
        return self._retried("put", key, lambda: self._inner.put(key, data))

    def get(self, key: str, *, offset: int = 0, length: int | None = None) -> bytes:
        """See `ObjectStore.get`."""
        return self._retried("get", key, lambda: self._inner.get(key, offset=offset, length=length))

    def stat(self, key: str) -> ObjectInfo:
        """See `ObjectStore.stat`."""
        return self._retried("stat", key, lambda: self._inner.stat(key))

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """See `ObjectStore.list`; after a failure it goes on behind the last key given.

        Objects that came are progress: the budget begins anew, since their reader took time.
        """
        effort = self._begin("list", prefix)
        last = failed_at = ""
        while True:
            try:
                for info in self._inner.list(prefix):
                    if info.key > last:
                        last = info.key
                        yield info
            except StoreError as error:
                if last > failed_at:
                    effort, failed_at = self._begin("list", prefix), last
                effort.absorb(error)
            else:
                return

    def delete(self, key: str) -> None:
        """See `ObjectStore.delete`; what a first attempt has deleted may be missing later."""
        effort = self._begin("delete", key)
        while True:
            try:
                return self._inner.delete(key)
            except ObjectMissing:
                return None
            except StoreError as error:
                effort.absorb(error)

    def _retried(self, operation: str, key: str, attempt: Callable[[], _T]) -> _T:
        effort = self._begin(operation, key)
        while True:
            try:
                return attempt()
            except StoreError as error:
                effort.absorb(error)

    def _begin(self, operation: str, key: str) -> "_Effort":
        return _Effort(self._policy, self._timing, self._on_retry, operation, key)


class _Effort:
    """One operation with all its attempts."""

    def __init__(
        self,
        policy: RetryPolicy,
        timing: RetryTiming,
        on_retry: Callable[[RetryNotice], None] | None,
        operation: str,
        key: str,
    ) -> None:
        self._policy = policy
        self._timing = timing
        self._on_retry = on_retry
        self._operation = operation
        self._key = key
        self._began = timing.monotonic()
        self._failures = 0

    def absorb(self, error: StoreError) -> None:
        """Return when it is time for the next attempt; otherwise raise `error`."""
        self._failures += 1
        decision = next_delay(
            self._policy,
            failures=self._failures,
            elapsed=self._timing.monotonic() - self._began,
            error=error,
            jitter=self._timing.draw(),
            time_left=self._timing.time_left(),
        )
        if decision.delay is None:
            error.add_note(decision.reason)
            raise error
        self._tell(decision.delay, error)
        if self._timing.wait(decision.delay):
            error.add_note("the program is to stop")
            raise error

    def _tell(self, delay: float, error: StoreError) -> None:
        if self._on_retry is not None:
            notice = RetryNotice(
                operation=self._operation,
                key=self._key,
                failures=self._failures,
                delay=delay,
                error=error,
            )
            self._on_retry(notice)
