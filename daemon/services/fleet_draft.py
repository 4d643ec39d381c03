"""One server or contract of a fleet file while it is put together."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final, Generic

from daemon.domain.difference import Thing
from daemon.domain.fleet import Problem
from daemon.errors import InvalidValue
from daemon.services.fleet_entries import Entry

#: What to do about a key, where the error's own hint is one for the command line.
_HINTS: Final = {
    "": "Name what lives by it: `servers`, `stores`, or `subject` in words.",
    "bandwidth": 'Write "10 MiB" or "08:00 2 MiB, 18:00 off", or leave it out for no limit.',
    "expires": "Write 2026-12-31 or 2026-12-31T18:00; the zone goes into `timezone`.",
    "host_key": "Copy it from the server's /etc/ssh/ssh_host_ed25519_key.pub.",
    "paths": "Name at least one absolute path.",
    "priority": "Name one of `paths`, or one below them.",
}
#: Where the name in a contract is not the key in a file.
_KEYS: Final = {"course": "phases", "rates": "bandwidth"}


@dataclass(slots=True, kw_only=True)
class Draft(Generic[Thing]):
    """One server or contract while it is put together.

    Attributes:
        entry: What the file says.
        sound: A server or contract that nothing is wrong with.
        base: What has the values that the entry does not.
        values: By their names in `Server` or `Contract`.
        problems: Found so far.
    """

    entry: Entry[Any]
    sound: Thing
    base: Thing
    values: dict[str, Any]
    problems: list[Problem] = field(default_factory=list)

    def require(self, *keys: str) -> None:
        """Miss keys that are neither given, nor wrong, nor known already."""
        for key in keys:
            if not self.values.get(key) and key not in self.entry.broken:
                self.problems.append(self.entry.problem(key, "is missing"))

    def finish(self) -> Thing | None:
        """The thing itself, or None, and then a problem for each value that is wrong."""
        whole: InvalidValue | None = None
        if not self.problems and not self.entry.broken:
            try:
                return replace(self.base, name=self.entry.name, **self.values)
            except InvalidValue as error:
                whole = error
        alone = list(self._faults())
        self.problems.extend(alone)
        if whole is not None and not alone:
            self.problems.append(problem_of(self.entry, "", whole))
        return None

    def _faults(self) -> Iterator[Problem]:
        """What is wrong with the values, each tried alone in a thing that is otherwise sound."""
        for key, value in {"name": self.entry.name, **self.values}.items():
            given = value or key == "name"
            try:
                _ = given and replace(self.sound, **{key: value})
            except InvalidValue as error:
                where = "" if key == "name" else _KEYS.get(key, key)
                yield problem_of(self.entry, where, error)


def given(entry: Entry[Any]) -> dict[str, Any]:
    """What an entry says, with tuples for lists, and None for texts that are empty."""
    values: dict[str, Any] = {}
    for key in sorted(entry.table.model_fields_set):
        value = getattr(entry.table, key)
        values[key] = tuple(value) if isinstance(value, list) else None if value == "" else value
    return values


def problem_of(entry: Entry[Any], key: str, error: InvalidValue) -> Problem:
    """The problem that a value's own error makes of a key; hints for a command line are left."""
    plain = "" if "--" in error.hint else error.hint
    return entry.problem(key, f"cannot be used: {error}", plain or _HINTS.get(key, ""))
