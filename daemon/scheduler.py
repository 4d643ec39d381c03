"""Calls the few things that happen again and again; knows nothing of what they do.

APScheduler keeps them in memory only. A tick that comes too late is made up for once, and one that
still runs is not started a second time: whoever is called looks at the database anew each time, so
a missed tick costs delay and nothing else.
"""

import logging
from collections.abc import Callable
from datetime import UTC, timedelta
from typing import Final

from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MISSED, JobExecutionEvent
from apscheduler.schedulers.background import BackgroundScheduler

from daemon.clock import Clock
from daemon.log import LOG

#: Wall and monotonic time may drift apart by this much between two looks, by slewing alone.
_DRIFT: Final = 1.0


class Ticks:
    """Actions, each called every so often in a thread of a small pool."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offset = self._measure()
        self._scheduler = BackgroundScheduler(
            timezone=UTC,
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
        )
        self._scheduler.add_listener(_report, EVENT_JOB_ERROR | EVENT_JOB_MISSED)
        # A tick that is skipped since the one before still runs is nothing to report, and what
        # fails is reported below.
        logging.getLogger("apscheduler").setLevel(logging.CRITICAL)

    def every(self, period: timedelta, name: str, action: Callable[[], None]) -> None:
        """Call `action` at once when ticking starts, and then once in each `period`."""
        self._scheduler.add_job(
            action,
            "interval",
            seconds=period.total_seconds(),
            id=name,
            next_run_time=self._clock.now(),
        )

    def start(self) -> None:
        """Begin to tick."""
        self._scheduler.start()

    def stop(self) -> None:
        """Begin no tick any more, and return when those under way have ended."""
        self._scheduler.shutdown(wait=True)

    def keep_up(self) -> bool:
        """See that a step of the wall clock delays no tick; says whether there was one.

        APScheduler waits for wall times: after a step back of two days, the next tick would be two
        days away. To be called every few seconds by a thread that waits by monotonic time.
        """
        offset = self._measure()
        stepped = abs(offset - self._offset) > _DRIFT
        self._offset = offset
        if stepped:
            for tick in self._scheduler.get_jobs():
                tick.modify(next_run_time=self._clock.now())
        return stepped

    def _measure(self) -> float:
        return self._clock.now().timestamp() - self._clock.monotonic()


def _report(event: JobExecutionEvent) -> None:
    if event.code == EVENT_JOB_MISSED:
        LOG.warning("tick.missed", tick=event.job_id, due=event.scheduled_run_time.isoformat())
        return
    LOG.error(
        "tick.failed", tick=event.job_id, error=repr(event.exception), exc_info=event.exception
    )
