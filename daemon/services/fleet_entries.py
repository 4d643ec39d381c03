"""What the files of an import say, before it is held against what is recorded."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from daemon.domain.fleet import Place, Problem
from daemon.services.fleet_sources import FleetSource
from daemon.services.fleet_tables import (
    ContractTable,
    DumpTable,
    MachineTable,
    PhaseTable,
    ServerTable,
    Table,
)
from daemon.settings.problems import nearest

AnyTable = TypeVar("AnyTable", ServerTable, ContractTable)

#: Gives the place of a key; of the whole entry for the empty one.
Locate = Callable[[str], Place]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry(Generic[AnyTable]):
    """One server or contract that a file names.

    Attributes:
        name: Its name.
        table: What is said of it, as far as that could be understood.
        whole: Whether keys that are not there mean their defaults; else they stay as recorded.
        broken: Keys that could not be understood; there is a problem for each.
        source: The file.
        locate: Where its keys are.
    """

    name: str
    table: AnyTable
    whole: bool
    broken: frozenset[str]
    source: FleetSource
    locate: Locate

    def problem(self, key: str, message: str, hint: str = "") -> Problem:
        """Something that is wrong with a key, or with the whole for the empty one."""
        return Problem(place=self.locate(key), message=message, hint=hint)


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetEntries:
    """Everything that the files of one import say, and what of it could not be understood."""

    servers: tuple[Entry[ServerTable], ...] = ()
    contracts: tuple[Entry[ContractTable], ...] = ()
    problems: tuple[Problem, ...] = ()


def understand(
    model: type[AnyTable], raw: dict[str, object], locate: Locate
) -> tuple[AnyTable, frozenset[str], tuple[Problem, ...]]:
    """A table as typed values, without the keys that are wrong; those, and what is wrong."""
    try:
        return model.model_validate(raw), frozenset(), ()
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
    broken = frozenset(str(details["loc"][0]) for details in found)
    sound = {key: value for key, value in raw.items() if key not in broken}
    problems = tuple(
        Problem(place=locate(_written_key(details)), message=_explain(model, details))
        for details in found
    )
    return model.model_validate(sound), broken, problems


def join(parts: Iterable[FleetEntries]) -> FleetEntries:
    """What several files say together; a name that two of them have is a problem."""
    parts = tuple(parts)
    servers = tuple(entry for part in parts for entry in part.servers)
    contracts = tuple(entry for part in parts for entry in part.contracts)
    problems = [problem for part in parts for problem in part.problems]
    return FleetEntries(
        servers=servers,
        contracts=contracts,
        problems=(*problems, *_twice(servers, "server"), *_twice(contracts, "contract")),
    )


def _twice(entries: Iterable[Entry[Any]], what: str) -> Iterator[Problem]:
    first: dict[str, Entry[Any]] = {}
    for entry in entries:
        before = first.setdefault(entry.name, entry)
        if before is not entry:
            place = before.locate("")
            where = place.file if place.line is None else f"{place.file}:{place.line}"
            yield entry.problem("", f"names a {what} that {where} has already.", "Keep one.")


#: What pydantic says → what we say.
_WORDS: Final = {
    "extra_forbidden": "is not a key that is known here",
    "missing": "is missing",
    "string_type": "must be a text in quotes",
    "int_type": "must be a whole number",
    "bool_type": "must be true or false",
    "list_type": 'must be a list, like ["one", "two"]',
}
#: Keys that hold tables of their own: which, and one as an example.
_INNER: Final[Mapping[str, tuple[type[Table], str]]] = {
    "phases": (PhaseTable, '{name = "grace", start = "0", ssh = true}'),
    "dumps": (DumpTable, '{kind = "postgres", database = "shop"}'),
    "machine": (MachineTable, '{kind = "ebs", id = "i-…", region = "eu-central-1"}'),
}


def _explain(model: type[Table], details: ErrorDetails) -> str:
    kind = details["type"]
    inner, example = _INNER.get(str(details["loc"][0]), (model, ""))
    if kind == "model_type":
        return f"must be a table, like {example}"
    text = _WORDS.get(kind) or details["msg"].removeprefix("Value error, ")
    text = text.replace("Input should be", "must be")
    if kind != "extra_forbidden":
        return text
    of = inner if len(details["loc"]) > 1 else model
    return text + nearest(str(details["loc"][-1]), of.model_fields)


def _written_key(details: ErrorDetails) -> str:
    """The place inside a table: `phases[1].start`."""
    written = ""
    for part in details["loc"]:
        written += f"[{part}]" if isinstance(part, int) else f".{part}"
    return written.lstrip(".")
