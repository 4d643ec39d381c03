"""How far a run under way is, as it is recorded, shown and logged. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from daemon.domain.instant import shift, write_second


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """One reading.

    Attributes:
        at: When it was taken.
        phase: What the run was busy with; a value of `CapturePhase`, or `dumping NAME`.
        arrived_files, arrived_bytes: What rsync has completed in this run.
        stored_files, stored_bytes: What of it is packed and verified.
        read_bytes: Of staged files on their way into packs, unfinished ones included.
        safe_files, safe_bytes: What the newest checkpoint of the run holds: restorable whatever
            happens next.
        rate: Bytes a second that were read lately.
        expected_bytes: How much there is to store in all; None where nobody knows.
        finish_by: When the run has to be over for its server's stop; None without a contract.
    """

    at: datetime
    phase: str
    arrived_files: int
    arrived_bytes: int
    stored_files: int
    stored_bytes: int
    read_bytes: int
    safe_files: int
    safe_bytes: int
    rate: int
    expected_bytes: int | None = None
    finish_by: datetime | None = None

    @property
    def left(self) -> timedelta | None:
        """How long it will take at this rate; None where that cannot be said."""
        if self.expected_bytes is None or self.rate <= 0:
            return None
        return timedelta(seconds=max(0, self.expected_bytes - self.read_bytes) / self.rate)

    @property
    def spare(self) -> timedelta | None:
        """What is left until it has to be over: after its expected end, or from now.

        Negative where it will be, or is, too late; None without a contract.
        """
        if self.finish_by is None:
            return None
        return self.finish_by - shift(self.at, self.left or timedelta())

    @property
    def is_late(self) -> bool:
        """Whether it is not expected to be over in time."""
        return self.spare is not None and self.spare < timedelta()


def progress_json(progress: Progress) -> dict[str, str | int | None]:
    """The object that logs, events and `status --json` have of it; its fields stay as they are."""
    return {
        "at": write_second(progress.at),
        "phase": progress.phase,
        "arrived_files": progress.arrived_files,
        "arrived_bytes": progress.arrived_bytes,
        "stored_files": progress.stored_files,
        "stored_bytes": progress.stored_bytes,
        "read_bytes": progress.read_bytes,
        "safe_files": progress.safe_files,
        "safe_bytes": progress.safe_bytes,
        "expected_bytes": progress.expected_bytes,
        "bytes_per_second": progress.rate,
        "seconds_left": _seconds(progress.left),
        "finish_by": None if progress.finish_by is None else write_second(progress.finish_by),
        "spare_seconds": _seconds(progress.spare),
    }


def _seconds(length: timedelta | None) -> int | None:
    return None if length is None else round(length.total_seconds())
