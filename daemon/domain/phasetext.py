"""Phases as people type them, on a command line or in a cell: `stopped:15d:snapshot,renewal`."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from daemon.domain.duration import read_duration, write_duration
from daemon.domain.phase import Course, Phase
from daemon.errors import InvalidValue

#: Nothing of the sort works.
_NOTHING: Final = "-"
_WORKS: Final = ("ssh", "snapshot", "renewal")
_PARTS: Final = 3
_EXAMPLE: Final = "Write NAME:START:WORKS, like stopped:15d:snapshot,renewal or released:30d:-"


def read_course(texts: Sequence[str]) -> Course:
    """The course that phases in their order make up; the last one is when the data is destroyed.

    Each is `NAME:START:WORKS`: a word, a length of time after the expiry (`-1d` before it), and
    what still works, `ssh`, `snapshot`, `renewal` with commas between, or `-` for nothing.

    Raises:
        InvalidValue: one is not of that form; the starts are not in order; or something works
            still in the last one.
    """
    last = len(texts) - 1
    phases = (_read_phase(text, last=place == last) for place, text in enumerate(texts))
    return Course(phases=tuple(phases))


def write_course(course: Course) -> tuple[str, ...]:
    """The texts that `read_course` reads as `course`."""
    return tuple(write_phase(phase) for phase in course.phases)


def write_phase(phase: Phase) -> str:
    """One phase as `read_course` reads it."""
    works = ",".join(works_of(phase)) or _NOTHING
    return f"{phase.name}:{write_duration(phase.start)}:{works}"


def works_of(phase: Phase) -> tuple[str, ...]:
    """The words for what works in a phase."""
    return tuple(word for word in _WORKS if getattr(phase, word))


def _read_phase(text: str, *, last: bool) -> Phase:
    parts = text.split(":")
    if len(parts) != _PARTS:
        raise InvalidValue(f"{text!r} is not a phase.", hint=f"{_EXAMPLE}.")
    name, start, works = parts
    words = _read_works(text, works)
    if last and words:
        raise InvalidValue(
            f"In the last phase, {text}, something works still.",
            hint="Add the one in which the data is destroyed, like released:15d:-",
        )
    return Phase(
        name=name.strip(),
        start=_read_start(text, start),
        ssh="ssh" in words,
        snapshot="snapshot" in words,
        renewal="renewal" in words,
        data=not last,
    )


def _read_start(text: str, start: str) -> timedelta:
    try:
        return read_duration(start.strip())
    except InvalidValue as error:
        raise InvalidValue(f"The start in {text!r}: {error}", hint=error.hint) from error


def _read_works(text: str, works: str) -> frozenset[str]:
    if works.strip() == _NOTHING:
        return frozenset()
    words = [word.strip() for word in works.split(",")]
    unknown = next((word for word in words if word not in _WORKS), None)
    if unknown is not None:
        raise InvalidValue(
            f"{unknown!r} in {text!r} is nothing that can work in a phase.",
            hint="It is ssh, snapshot or renewal, with commas between, or - for nothing.",
        )
    return frozenset(words)
