"""How phases are shown, counted from the expiry and, where there is one, as instants."""

from datetime import datetime, timedelta
from typing import Final

from daemon.cli.output import Json, instant, span
from daemon.domain.duration import write_duration
from daemon.domain.instant import shift
from daemon.domain.phase import Course, Phase
from daemon.domain.phasetext import works_of

PHASE_COLUMNS: Final = ("phase", "begins", "", "what works")


def phase_row(phase: Phase, expires: datetime | None = None) -> tuple[str, str, str, str]:
    """One line of a table of phases; see `PHASE_COLUMNS`."""
    begins = "" if expires is None else instant(shift(expires, phase.start))
    return phase.name, _relative(phase.start), begins, _works(phase)


def phases_json(course: Course, expires: datetime | None = None) -> list[Json]:
    """The phases of a course; `begins_at` is None where there is no expiry to count from."""
    return [
        {
            "name": phase.name,
            "start": write_duration(phase.start),
            "start_seconds": int(phase.start.total_seconds()),
            "begins_at": None if expires is None else instant(shift(expires, phase.start)),
            "ssh": phase.ssh,
            "snapshot": phase.snapshot,
            "renewal": phase.renewal,
            "data": phase.data,
        }
        for phase in course.phases
    ]


def _relative(start: timedelta) -> str:
    if not start:
        return "at the expiry"
    return f"{span(abs(start))} {'after' if start > timedelta() else 'before'} it"


def _works(phase: Phase) -> str:
    if not phase.data:
        return "nothing: the data is destroyed"
    return ", ".join(works_of(phase)) or "nothing, but the data is there"
