"""What a server's history comes to: all that planning wants to know of it, drawn from its runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from daemon.domain.outlook import Attempt, Sample, VerifiedCopy
from daemon.domain.run import Run

#: So many of the newest complete runs are grounds for estimates.
SAMPLES: Final = 10
_MILLISECONDS: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The sum of one server's history.

    Attributes:
        server: Its name.
        copy: The newest copy that stands proven.
        attempt: The newest run.
        samples: Of the newest complete runs, oldest first.
        measured_bytes: What the server said of its size when it was last asked.
        host: Where its staging lies, by the owner of the newest run.
    """

    server: str
    copy: VerifiedCopy | None = None
    attempt: Attempt | None = None
    samples: Sequence[Sample] = ()
    measured_bytes: int | None = None
    host: str | None = None


def host_of(owner: str) -> str:
    """The host in the name of a claim's owner, which is `host:process:…`."""
    return owner.rsplit(":", maxsplit=2)[0]


def attempt_of(run: Run, failures: int) -> Attempt:
    """A run as planning sees it. One that was told to end calls for no pause: it goes on at once.

    Args:
        run: The newest of its server.
        failures: How many in a row saved nothing complete though nobody told them to end.
    """
    return Attempt(
        run=run.run,
        kind=run.kind,
        state=run.state,
        started_at=run.started_at,
        finished_at=run.finished_at,
        failures=0 if run.was_told_to_end else failures,
        error=run.error,
        owner=run.owner,
        lease_until=run.lease_until,
    )


def samples_of(complete: Sequence[Run]) -> tuple[Sample, ...]:
    """What complete runs took, the newest `SAMPLES` of them.

    Args:
        complete: Verified runs of one server, oldest first; one more than there can be samples
            tells how long the first was after the one before it.
    """
    befores = (None, *complete[:-1])
    pairs = zip(befores, complete, strict=True) if complete else ()
    return tuple(_sample(before, run) for before, run in pairs)[-SAMPLES:]


def _sample(before: Run | None, run: Run) -> Sample:
    end = run.finished_at or run.started_at
    return Sample(
        seconds=_seconds(end - run.started_at),
        verify_seconds=_seconds(end - (run.verifying_at or end)),
        bytes=run.bytes or 0,
        new_bytes=run.new_bytes or 0,
        gap_seconds=None if before is None else _seconds(run.started_at - before.started_at),
    )


def _seconds(length: timedelta) -> float:
    """To the millisecond; a clock that went back makes nothing shorter than nothing."""
    return round(max(0.0, length.total_seconds()), _MILLISECONDS)
