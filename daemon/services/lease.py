"""Keeps a run's lease alive while the run works, and stops the run when it is lost."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

from daemon.clock import Clock
from daemon.domain.run import Run
from daemon.errors import ClaimLost, DatabaseError
from daemon.services.stopping import Stopping
from daemon.services.units import Units

#: Others may take a run over this long after its owner was last heard of, by default.
LEASE: Final = timedelta(seconds=90)
#: Three chances to renew before the lease lapses.
_RENEWALS: Final = 4


class Lease:
    """The claim on a run, as its owner sees it.

    Attributes:
        stopping: Tells when the run must end: the lease is lost, or somebody asked for it.
    """

    def __init__(self, stopping: Stopping | None = None) -> None:
        self.stopping = stopping or Stopping()
        self._lost: ClaimLost | None = None

    @property
    def stop(self) -> threading.Event:
        """Set when the pull must end."""
        return self.stopping.asked

    def lose(self, reason: ClaimLost) -> None:
        """From now on nothing may be written for this run."""
        self._lost = reason
        self.stopping.force(reason)

    def check(self) -> None:
        """Raises ClaimLost if the lease is lost."""
        if self._lost is not None:
            raise self._lost


@contextmanager
def keep_lease(
    run: Run,
    units: Units,
    clock: Clock,
    stopping: Stopping | None = None,
    *,
    length: timedelta = LEASE,
) -> Iterator[Lease]:
    """Renew the lease of `run` in the background for the duration of a `with` block.

    Args:
        run: Just claimed.
        units: Opens transactions.
        clock: Measures the time between two renewals, a quarter of `length`.
        stopping: Becomes the lease's own.
        length: Of the lease, as it was claimed.
    """
    lease = Lease(stopping)
    done = threading.Event()
    renewing = threading.Thread(
        target=_renew, args=(run, units, clock, lease, length, done), name="lease", daemon=True
    )
    renewing.start()
    try:
        yield lease
    finally:
        done.set()
        renewing.join()
        lease.stopping.close()


def _renew(  # noqa: PLR0917 - a thread's arguments, given once
    run: Run,
    units: Units,
    clock: Clock,
    lease: Lease,
    length: timedelta,
    done: threading.Event,
) -> None:
    renewed = clock.monotonic()
    while not clock.wait(length.total_seconds() / _RENEWALS, done):
        try:
            with units(at_once=True) as work:
                work.runs.extend_lease(run, length)
                work.commit()
            renewed = clock.monotonic()
        except ClaimLost as lost:
            lease.lose(lost)
            return
        except DatabaseError as error:
            # The next round tries again; once the lease has lapsed others may own the run.
            if clock.monotonic() - renewed > length.total_seconds():
                lease.lose(ClaimLost(f"The lease of {run.run} could not be renewed: {error}"))
                return
