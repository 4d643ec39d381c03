"""What the runs of this process share of the line, by the time of the day."""

import threading
from collections.abc import Mapping
from typing import Final

from backends.pacing import Bucket, Rate
from daemon.clock import Clock
from daemon.domain.bandwidth import Bandwidth

#: Slower than this nothing ever ends (bytes a second).
_LEAST: Final = 16 * 1024


class Pacing:
    """Gives runs their rates; what they were given follows the clock and new settings.

    Args:
        clock: For the time of the day.
        everything: What all runs may use together, each way; None for no limit.
        stores: What those may use that write to a store, by its name.
    """

    def __init__(
        self, clock: Clock, everything: Bandwidth | None, stores: Mapping[str, Bandwidth]
    ) -> None:
        self._clock = clock
        self._everything, self._stores = everything, stores
        self._part = 1.0
        self._lock = threading.Lock()
        self._uploads = Bucket(lambda: self._now(self._everything), monotonic=clock.monotonic)
        self._of_stores: dict[str, Bucket] = {}

    def change(self, everything: Bandwidth | None, stores: Mapping[str, Bandwidth]) -> None:
        """From now on these hold, for runs under way as well."""
        self._everything, self._stores = everything, stores

    def share(self, part: float) -> None:
        """From now on other hosts have the rest of what goes to and from stores.

        Pulls have their shares from whoever assigns them; see `daemon.services.allotment`.

        Args:
            part: Of everything, over 0 and at most 1.
        """
        self._part = part

    def pull_rate(self, store: str, assigned: int | None = None) -> Rate:
        """How fast a run may pull that writes to this store.

        Args:
            store: Its name.
            assigned: Its share when bandwidth is at its least; it grows with that. None for a
                run that shares with nobody.
        """

        def rate() -> int | None:
            now = self._clock.now()
            limits = [(each.at(now), each.slowest) for each in self._limits(store)]
            known = [(limit, least) for limit, least in limits if limit and least]
            if assigned is None:
                return min((limit for limit, _ in known), default=None)
            shares = (max(_LEAST, assigned * limit // least) for limit, least in known)
            return min(shares, default=None)

        return rate

    def uploads(self, store: str) -> tuple[Bucket, ...]:
        """What bytes to and from a store count towards; the same for all runs."""
        with self._lock:
            if store not in self._of_stores:
                self._of_stores[store] = Bucket(
                    lambda: self._now(self._stores.get(store)), monotonic=self._clock.monotonic
                )
            return self._uploads, self._of_stores[store]

    def _limits(self, store: str) -> tuple[Bandwidth, ...]:
        limits = (self._everything, self._stores.get(store))
        return tuple(each for each in limits if each is not None)

    def _now(self, bandwidth: Bandwidth | None) -> int | None:
        rate = None if bandwidth is None else bandwidth.at(self._clock.now())
        return None if rate is None else max(_LEAST, int(rate * self._part))
