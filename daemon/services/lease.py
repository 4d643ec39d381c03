"""Keeps a run's lease alive while the run works, and stops the run when it is lost."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

from daemon.clock import Clock
from daemon.domain.run import Run
from daemon.errors import ClaimLost, DatabaseError
from daemon.services.units import Units

#: Others may take a run over this long after its owner was last heard of.
LEASE: Final = timedelta(seconds=90)
#: Three chances to renew before the lease lapses.
_RENEWAL_SECONDS: Final = LEASE.total_seconds() / 4


class Lease:
    """The claim on a run, as its owner sees it.

    Attributes:
        stop: Set when the run must stop: the lease is lost, or somebody asked for it.
    """

    def __init__(self, stop: threading.Event | None = None) -> None:
        self.stop = stop or threading.Event()
        self._lost: ClaimLost | None = None

    def lose(self, reason: ClaimLost) -> None:
        """From now on nothing may be written for this run."""
        self._lost = reason
        self.stop.set()

    def check(self) -> None:
        """Raises ClaimLost if the lease is lost."""
        if self._lost is not None:
            raise self._lost


@contextmanager
def keep_lease(
    run: Run, units: Units, clock: Clock, stop: threading.Event | None = None
) -> Iterator[Lease]:
    """Renew the lease of `run` in the background for the duration of a `with` block.

    `stop` becomes the lease's own.
    """
    lease = Lease(stop)
    done = threading.Event()
    renewing = threading.Thread(
        target=_renew, args=(run, units, clock, lease, done), name="lease", daemon=True
    )
    renewing.start()
    try:
        yield lease
    finally:
        done.set()
        renewing.join()


def _renew(
    run: Run,
    units: Units,
    clock: Clock,
    lease: Lease,
    done: threading.Event,
) -> None:
    renewed = clock.monotonic()
    while not clock.wait(_RENEWAL_SECONDS, done):
        try:
            with units() as work:
                work.runs.extend_lease(run, LEASE)
                work.commit()
            renewed = clock.monotonic()
        except ClaimLost as lost:
            lease.lose(lost)
            return
        except DatabaseError as error:
            # The next round tries again; once the lease has lapsed others may own the run.
            if clock.monotonic() - renewed > LEASE.total_seconds():
                lease.lose(ClaimLost(f"The lease of {run.run} could not be renewed: {error}"))
                return
