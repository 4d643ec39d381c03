"""What happens next: events in the order of true time, and of entry where that is the same."""

import heapq
from collections.abc import Callable
from datetime import datetime
from itertools import count


class Agenda:
    """A queue of things that will happen."""

    def __init__(self, begin: datetime) -> None:
        self.now = begin
        self._entries: list[tuple[datetime, int, Callable[[], None]]] = []
        self._numbers = count()

    def enter(self, at: datetime, event: Callable[[], None]) -> None:
        """Let `event` happen at `at`; at once if that is past."""
        heapq.heappush(self._entries, (max(at, self.now), next(self._numbers), event))

    def play(self, until: datetime) -> None:
        """Let everything happen that comes before `until`."""
        while self._entries and self._entries[0][0] < until:
            self.now, _, event = heapq.heappop(self._entries)
            event()
        self.now = until
