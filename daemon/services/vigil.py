"""When it is worth planning anew: rarely, yet never too late. Pure: it is told how time passes."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

#: After a sweep that took long, the next one waits for so many times as long: changes alone must
#: not keep a processor busy.
_REST: Final = 4.0
#: Seconds of that rest at most, where an instant that the plan itself named has come.
_MOST_REST: Final = 15.0
#: Seconds after a sweep that failed.
_AFTER_FAILURE: Final = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """What one cheap look at the database says.

    Attributes:
        head: Number of the newest audit event: whatever changes what is planned moves it.
        lapsed: Runs whose owner let the lease lapse, by id: no event tells of that.
        monotonic: Seconds.
    """

    head: int
    lapsed: tuple[str, ...]
    monotonic: float


class Vigil:
    """Remembers the last sweep, and says whether the next one is due."""

    def __init__(self) -> None:
        self._last: Glance | None = None
        self._wake_at = 0.0
        self._ended = 0.0
        self._took = 0.0
        self._called = False

    def call(self) -> None:
        """Something happened here that no look at the database shows, such as a slot given back.

        Any thread may call.
        """
        self._called = True

    def is_due(self, seen: Glance, most: timedelta) -> bool:
        """Whether to sweep now; `most` is the longest time between two sweeps."""
        since = seen.monotonic - self._ended
        if self._last is None:
            return since >= _AFTER_FAILURE or not self._ended
        if since >= most.total_seconds():
            return True
        rest = _REST * self._took
        if seen.monotonic >= self._wake_at:
            return since >= min(rest, _MOST_REST)
        changed = seen.head != self._last.head or seen.lapsed != self._last.lapsed
        return (changed or self._called) and since >= rest

    def begin(self) -> None:
        """A sweep begins: calls from now on are about what it may not have seen."""
        self._called = False

    def swept(self, seen: Glance, wake_after: timedelta, ended: float) -> None:
        """A sweep that began with `seen` has ended.

        Args:
            seen: The look that called for it.
            wake_after: When its plan can change by itself, counted from then; not an instant,
                since a clock that is put back must not put that off.
            ended: The monotonic clock now.
        """
        self._last, self._wake_at = seen, seen.monotonic + wake_after.total_seconds()
        self._ended, self._took = ended, ended - seen.monotonic

    def failed(self, ended: float) -> None:
        """A sweep broke off; the next one is not long in coming."""
        self._last, self._ended = None, ended
