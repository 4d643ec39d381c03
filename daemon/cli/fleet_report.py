"""How the differences of an import look, to people and to programs."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Final

from daemon.cli.output import Json, Output
from daemon.domain.difference import Change, Changed, Difference
from daemon.domain.fleet import FieldValue, Problem
from daemon.services.fleet_import import ImportReport

#: Lines of one kind that are shown after an import; a dry run shows all.
_MOST_LINES: Final = 20


def say_report(output: Output, report: ImportReport, *, dry_run: bool) -> None:
    """Tell a person what an import changed, or would change."""
    say = output.say if dry_run else output.note
    most = None if dry_run else _MOST_LINES
    for what, difference in _parts(report):
        for line in _lines(what, difference, most):
            say(line)
    for what, difference in _parts(report):
        say(_summary(what, difference))
        if difference.absent:
            say(f"  left alone, not in the file: {_listed(difference.absent, most)}")
    if report.closed:
        say(f"  left alone, closed here: {_listed(report.closed, most)}")
    say(_ending(changed=bool(report.difference), dry_run=dry_run))


def report_json(report: ImportReport, *, dry_run: bool) -> dict[str, Json]:
    """The same for a program."""
    parts = {f"{what}s": _difference_json(what, part) for what, part in _parts(report)}
    return {
        "dry_run": dry_run,
        "changed": bool(report.difference),
        **parts,
        "closed": list(report.closed),
        "warnings": list(report.warnings),
    }


def problems_json(problems: Sequence[Problem]) -> list[Json]:
    """What is wrong, with the places apart."""
    return [
        {
            "file": problem.place.file,
            "line": problem.place.line,
            "table": problem.place.table or None,
            "key": problem.place.key or None,
            "message": problem.message,
            "hint": problem.hint or None,
        }
        for problem in problems
    ]


def _parts(report: ImportReport) -> tuple[tuple[str, Difference[Any]], ...]:
    return ("server", report.difference.servers), ("contract", report.difference.contracts)


def _lines(what: str, difference: Difference[Any], most: int | None) -> Iterator[str]:
    for thing in islice(difference.added, most):
        yield f"+ {what} {thing.name}"
    yield from _more(len(difference.added), most)
    for changed in islice(difference.changed, most):
        yield from _changed_lines(what, changed)
    yield from _more(len(difference.changed), most)


def _changed_lines(what: str, changed: Changed[Any]) -> Iterator[str]:
    yield f"~ {what} {changed.new.name}"
    for change in changed.changes:
        yield f"    {change.key}: {_value(change.old)} → {_value(change.new)}"


def _more(count: int, most: int | None) -> Iterator[str]:
    if most is not None and count > most:
        yield f"  and {count - most:,} more"


def _summary(what: str, difference: Difference[Any]) -> str:
    counts = f"{len(difference.added):,} added, {len(difference.changed):,} changed"
    return f"{what}s: {counts}, {difference.unchanged:,} unchanged"


def _listed(names: Sequence[str], most: int | None) -> str:
    shown = ", ".join(islice(names, most))
    hidden = 0 if most is None else max(len(names) - most, 0)
    return f"{shown} and {hidden:,} more" if hidden else shown


def _ending(*, changed: bool, dry_run: bool) -> str:
    if not changed:
        return "Everything is so already; nothing was changed."
    return "This was a dry run; nothing was changed." if dry_run else "All of it is recorded."


def _difference_json(what: str, difference: Difference[Any]) -> dict[str, Json]:
    return {
        "added": [thing.name for thing in difference.added],
        "changed": [
            {what: each.new.name, "changes": [_change_json(change) for change in each.changes]}
            for each in difference.changed
        ],
        "unchanged": difference.unchanged,
        "not_in_file": list(difference.absent),
    }


def _change_json(change: Change) -> dict[str, Json]:
    return {"key": change.key, "old": change.old, "new": change.new}


def _value(value: FieldValue) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ", ".join(value) or "(none)"
    return "(none)" if value is None else str(value)
