"""Fleet files: TOML with `[servers.NAME]` and `[contracts.NAME]`."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import cached_property, partial
from typing import Final

from daemon.domain.fleet import Place, Problem
from daemon.services.fleet_entries import AnyTable, Entry, FleetEntries, understand
from daemon.services.fleet_sources import FleetSource
from daemon.services.fleet_tables import ContractTable, ServerTable
from daemon.settings.problems import nearest

_KEY: Final = r"""(?:"(?:[^"\\]|\\.)*"|'[^']*'|[A-Za-z0-9_-]+)"""
_KEYS: Final = rf"{_KEY}(?:\s*\.\s*{_KEY})*"
_HEADER: Final = re.compile(rf"\s*\[\[?\s*({_KEYS})\s*\]")
_ASSIGNMENT: Final = re.compile(rf"\s*({_KEYS})\s*=")
_ONE_KEY: Final = re.compile(_KEY)
_LONG_TEXT: Final = re.compile(r'"""|\'\'\'')
_KINDS: Final = ("servers", "contracts")


class TomlPlaces:
    """Where the keys of one file are; it is searched only once something is wrong."""

    def __init__(self, source: FleetSource) -> None:
        self._source = source

    def locate(self, table: tuple[str, ...], key: str) -> Place:
        """The place of a key in a table, with the nearest line that is found for it."""
        path = (*table, *(part for part in re.split(r"\[\d+\]\.?|\.", key) if part))
        lines = (self._lines.get(path[:length]) for length in range(len(path), 0, -1))
        return Place(
            file=self._source.name,
            table=".".join(table),
            key=key,
            line=next((line for line in lines if line is not None), None),
        )

    @cached_property
    def _lines(self) -> Mapping[tuple[str, ...], int]:
        found: dict[tuple[str, ...], int] = {}
        table: tuple[str, ...] = ()
        inside = False
        for number, line in enumerate(self._source.text.split("\n"), 1):
            if not inside and (header := _HEADER.match(line)):
                table = _split(header[1])
                for length in range(1, len(table) + 1):
                    found.setdefault(table[:length], number)
            elif not inside and (assignment := _ASSIGNMENT.match(line)):
                path = (*table, *_split(assignment[1]))
                for length in range(len(table) + 1, len(path) + 1):
                    found.setdefault(path[:length], number)
            # What looks like a key inside a text of several lines is none.
            inside ^= len(_LONG_TEXT.findall(line)) % 2 == 1
        return found


def read_toml(source: FleetSource) -> FleetEntries:
    """What a fleet file says. A key that a table does not have means its default."""
    try:
        tree = tomllib.loads(source.text)
    except tomllib.TOMLDecodeError as error:
        return _unreadable(source, f"is not valid TOML: {error}.")
    except RecursionError:
        return _unreadable(source, "is nested too deeply.")
    places = TomlPlaces(source)
    servers, wrong = _entries(ServerTable, "servers", tree, source, places)
    contracts, more = _entries(ContractTable, "contracts", tree, source, places)
    problems = (*_unknown_tables(tree, places), *wrong, *more)
    return FleetEntries(servers=servers, contracts=contracts, problems=problems)


def _entries(
    model: type[AnyTable],
    kind: str,
    tree: Mapping[str, object],
    source: FleetSource,
    places: TomlPlaces,
) -> tuple[tuple[Entry[AnyTable], ...], tuple[Problem, ...]]:
    tables = tree.get(kind, {})
    if not isinstance(tables, dict):
        return (), (_no_table(places, (kind,)),)
    entries: list[Entry[AnyTable]] = []
    problems: list[Problem] = []
    for name, raw in tables.items():
        if not isinstance(raw, dict):
            problems.append(_no_table(places, (kind, name)))
            continue
        if raw and all(isinstance(value, dict) for value in raw.values()):
            problems.append(_dotted_name(places, (kind, name, next(iter(raw)))))
            continue
        locate = partial(places.locate, (kind, name))
        table, broken, wrong = understand(model, raw, locate)
        problems.extend(wrong)
        entries.append(
            Entry(name=name, table=table, whole=True, broken=broken, source=source, locate=locate)
        )
    return tuple(entries), tuple(problems)


def _unknown_tables(tree: Mapping[str, object], places: TomlPlaces) -> Iterator[Problem]:
    for name in tree.keys() - set(_KINDS):
        text = f"is not a table that is known here{nearest(name, _KINDS)}"
        yield Problem(place=places.locate((name,), ""), message=text)


def _no_table(places: TomlPlaces, path: tuple[str, ...]) -> Problem:
    written = f"[{path[0]}.NAME]"
    return Problem(place=places.locate(path, ""), message=f"must be a table: {written}.")


def _dotted_name(places: TomlPlaces, path: tuple[str, ...]) -> Problem:
    """`[servers.web.1]` is a table `1` in a server `web`."""
    hint = f'Write [{path[0]}."{path[1]}.{path[2]}"].'
    return Problem(
        place=places.locate(path, ""), message="needs quotes around a name with dots.", hint=hint
    )


def _unreadable(source: FleetSource, message: str) -> FleetEntries:
    line = re.search(r"at line (\d+)", message)
    place = Place(file=source.name, line=int(line[1]) if line else None)
    return FleetEntries(problems=(Problem(place=place, message=message),))


def _split(keys: str) -> tuple[str, ...]:
    """A dotted key's parts, as far as they are written plainly."""
    return tuple(part.strip("\"'") for part in _ONE_KEY.findall(keys))
