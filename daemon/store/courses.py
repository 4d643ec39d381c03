"""Courses as JSON text: a list of phases, each with its start as `15d` and what works in it."""

from daemon.domain.canonical import Fields, JsonObject, read_canonical, read_object, write_canonical
from daemon.domain.duration import read_duration, write_duration
from daemon.domain.phase import Course, Phase
from daemon.errors import InvalidValue


def write_course(course: Course) -> str:
    """The text that `read_course` reads; starts to the whole second."""
    return write_canonical(course_json(course)).decode()


def course_json(course: Course) -> tuple[JsonObject, ...]:
    """The same before it is text, for the audit trail."""
    return tuple(
        {
            "name": phase.name,
            "start": write_duration(phase.start),
            "ssh": phase.ssh,
            "snapshot": phase.snapshot,
            "renewal": phase.renewal,
            "data": phase.data,
        }
        for phase in course.phases
    )


def read_course(text: str) -> Course:
    """The course that `write_course` wrote.

    Raises:
        InvalidValue: any other text.
    """
    items = read_canonical(text.encode())
    if not isinstance(items, list):
        raise InvalidValue("A course is not a list of phases.")
    return Course(phases=tuple(read_object(item, "phase", _read_phase) for item in items))


def _read_phase(fields: Fields) -> Phase:
    return Phase(
        name=fields.text("name"),
        start=read_duration(fields.text("start")),
        ssh=fields.flag("ssh"),
        snapshot=fields.flag("snapshot"),
        renewal=fields.flag("renewal"),
        data=fields.flag("data"),
    )
