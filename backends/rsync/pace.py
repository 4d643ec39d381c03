"""The rate of one call of rsync, which cannot be told of another one."""

import contextlib
import os
import signal
import time
from dataclasses import replace

from backends.pacing import Rate
from backends.types import PullSpec

#: Seconds between two looks at whether the rate has changed.
_INTERVAL = 1.0


class Pace:
    """The rate of one call.

    Attributes:
        changed: Whether it is over because the rate has become another one.
    """

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._now = rate()
        self.changed = False
        self._looked = time.monotonic()

    def slow(self, spec: PullSpec) -> PullSpec:
        """The spec with the lower of its limit and this one."""
        limits = [limit for limit in (spec.bandwidth, self._now) if limit is not None]
        return replace(spec, bandwidth=min(limits, default=None))

    def check(self, group: int) -> None:
        """Look now and then whether it is still right; if not, have rsync end.

        Its lines are read to the end as ever: what has arrived is told, and unfinished files are
        kept. Only rsync is signalled, since it would take the death of its ssh for an error.
        """
        now = time.monotonic()
        if self.changed or now - self._looked < _INTERVAL:
            return
        self._looked = now
        if self._rate() != self._now:
            self.changed = True
            with contextlib.suppress(ProcessLookupError):
                os.kill(group, signal.SIGTERM)
