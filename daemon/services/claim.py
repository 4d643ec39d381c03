"""One claimed run on record: every change of state carries the claim, and stops when it is lost."""

from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from daemon.clock import Clock
from daemon.domain.run import Captured, Failure, Run, RunKind, RunState, advance
from daemon.errors import DatabaseError
from daemon.services.lease import LEASE, Lease
from daemon.services.ownership import is_gone
from daemon.services.shortfall import failure_of
from daemon.services.units import Units

if TYPE_CHECKING:  # loads what proves and seals, which comes much later
    from daemon.services.sealing import Sealed


def claim_run(
    units: Units,
    *,
    run: str,
    server: str,
    kind: RunKind,
    store: str,
    owner: str,
    lease: timedelta = LEASE,
) -> Run:
    """Begin a run; one whose owner is provably gone, or lapsed, is closed as abandoned.

    Args:
        units: Opens transactions.
        run: Its id; see `new_run_id`.
        server: Name of the server.
        kind: Why it is started.
        store: Name of the store that it will write to.
        owner: Us; see `name_owner`.
        lease: After which others may take over, unless it is renewed.

    Raises:
        RunActive: another run of the server is under way.
    """
    with units(at_once=True) as work:
        claimed = work.runs.claim(
            run=run,
            server=server,
            kind=kind,
            store=store,
            owner=owner,
            lease=lease,
            is_gone=lambda other: is_gone(other, owner),
        )
        work.commit()
    return claimed


class Claim:
    """A run that is ours as long as its lease holds; `run` is replaced as it advances.

    Every method raises ClaimLost once somebody else has the run, DatabaseError if it is not on
    record, and tells `on_change` each state that is.
    """

    def __init__(
        self,
        run: Run,
        lease: Lease,
        *,
        units: Units,
        clock: Clock,
        on_change: Callable[[Run], None],
    ) -> None:
        self.run = run
        self.lease = lease
        self._units = units
        self._clock = clock
        self._on_change = on_change

    def enter(self, state: RunState, *, captured: Captured | None = None) -> None:
        """Go over to the next state."""
        self.lease.check()
        following = advance(self.run, state, self._clock.now(), captured=captured)
        with self._units() as work:
            work.runs.save(following)
            work.commit()
        self._become(following)

    def correct(self, captured: Captured) -> None:
        """What was captured has been captured once more; it is on record with the next state."""
        self.run = replace(self.run, **asdict(captured))

    def conclude(self, sealed: "Sealed", shortfall: Failure | None) -> None:
        """The manifest is in the store: record it, its evidence and the end, all at once.

        Args:
            sealed: The run's record.
            shortfall: What is missing; None if nothing is.
        """
        self.lease.check()
        final = advance(
            self.run,
            RunState.PARTIAL if shortfall else RunState.VERIFIED,
            self._clock.now(),
            manifest_sha256=sealed.signed.sha256,
            error=shortfall,
        )
        with self._units() as work:
            work.manifests.record(self.run, sealed.signed, sealed.document)
            work.verifications.record(sealed.verification)
            work.runs.save(final)
            work.commit()
        self._become(final)

    def fail(self, error: BaseException) -> DatabaseError | None:
        """Record why the run ended; the reason why that cannot be recorded, if so."""
        if self.run.is_final:
            return None
        self.lease.check()
        failed = advance(self.run, RunState.FAILED, self._clock.now(), error=failure_of(error))
        try:
            with self._units() as work:
                work.runs.save(failed)
                work.commit()
        except DatabaseError as unrecorded:
            return unrecorded
        self._become(failed)
        return None

    def _become(self, run: Run) -> None:
        self.run = run
        self._on_change(run)
