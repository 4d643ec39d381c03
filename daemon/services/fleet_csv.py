"""Contracts as a table: one row each, below a row of column names."""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from daemon.domain.fleet import Place, Problem
from daemon.services.fleet_entries import Entry, FleetEntries, understand
from daemon.services.fleet_sources import FleetSource
from daemon.services.fleet_tables import ContractTable
from daemon.settings.problems import nearest

#: The columns, as `export` writes them. Phases have no column; they stay as they are.
COLUMNS: Final = (
    *("name", "provider", "reference", "account", "servers", "stores", "subject"),
    *("expires", "timezone", "preset", "labels"),
)
_ALIASES: Final[Mapping[str, str]] = {
    "contract": "name",
    "contract_name": "name",
    "vendor": "provider",
    "order": "reference",
    "order_number": "reference",
    "contract_number": "reference",
    "server": "servers",
    "store": "stores",
    "expiry": "expires",
    "expiration": "expires",
    "expiry_date": "expires",
    "expiration_date": "expires",
    "expires_at": "expires",
    "expires_on": "expires",
    "end_date": "expires",
    "time_zone": "timezone",
    "tz": "timezone",
    "label": "labels",
}
_LISTS: Final = frozenset({"servers", "stores", "labels"})
_DELIMITERS: Final = ",;\t"
_SEPARATOR: Final = re.compile(r"[\s|]+")
#: The year first: any other order means different days to different people.
_CIVIL: Final = re.compile(
    r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:[T ]+(\d{1,2}):(\d\d)(?::(\d\d))?)?", re.ASCII
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """One record: its cells, and the line on which it begins."""

    line: int
    cells: tuple[str, ...]


def read_csv(source: FleetSource) -> FleetEntries:
    """What a table of contracts says. Columns that it does not have stay as they are recorded.

    Names of columns are tolerant of case, spaces and the usual synonyms; lists are separated by
    spaces or `|`; what separates the cells is found out from the first line.
    """
    rows: list[_Row] = []
    try:
        rows.extend(_rows(source.text))
    except csv.Error as error:
        line = rows[-1].line + 1 if rows else 1
        return _wrong(source, line, f"is not valid CSV, on this line or below: {error}.")
    if not rows:
        return _wrong(source, None, "has no row of column names.")
    header, *records = _without_empty_columns(rows)
    columns, problems = _columns(source, header)
    if problems:
        return FleetEntries(problems=problems)
    return _entries(source, columns, records)


def column_of(name: str) -> str:
    """The column that a header means; in small letters and underscores where it means none."""
    plain = re.sub(r"[\s_.-]+", "_", name.strip().casefold()).strip("_")
    return _ALIASES.get(plain, plain)


def read_date(text: str) -> str:
    """A date as contracts have it, from `2026/1/5 18:00` and the like; any other text as it is."""
    found = _CIVIL.fullmatch(text)
    if not found:
        return text
    year, month, day, hour, minute, second = found.groups()
    date = f"{year}-{int(month):02}-{int(day):02}"
    if hour is None:
        return date
    return f"{date}T{int(hour):02}:{minute}" + (f":{second}" if second else "")


def _rows(text: str) -> Iterator[_Row]:
    """The records that have anything in them."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    line = 1
    for cells in reader:
        stripped = tuple(cell.strip() for cell in cells)
        if any(stripped):
            yield _Row(line=line, cells=stripped)
        line = reader.line_num + 1


def _without_empty_columns(rows: Sequence[_Row]) -> list[_Row]:
    """The rows without the columns at the right that spreadsheets leave, and nobody filled."""
    width = max(len(_trimmed(row.cells)) for row in rows)
    named = len(_trimmed(rows[0].cells))
    if width > named:
        return list(rows)
    return [replace(row, cells=row.cells[:named]) for row in rows]


def _trimmed(cells: tuple[str, ...]) -> tuple[str, ...]:
    while cells and not cells[-1]:
        cells = cells[:-1]
    return cells


def _delimiter(text: str) -> str:
    """What separates the cells: what the first line with anything on it has most of."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    return max(_DELIMITERS, key=first.count)


def _columns(source: FleetSource, header: _Row) -> tuple[tuple[str, ...], tuple[Problem, ...]]:
    columns = tuple(column_of(name) for name in header.cells)
    problems: list[Problem] = []
    for index, (column, written) in enumerate(zip(columns, header.cells, strict=True)):
        place = Place(file=source.name, line=header.line, key=written)
        if column in columns[:index]:
            problems.append(Problem(place=place, message=f"is a second column for {column}."))
        elif column not in COLUMNS:
            text = f"is not a column that is known here{nearest(column, COLUMNS)}"
            problems.append(Problem(place=place, message=text))
    if "name" not in columns:
        place = Place(file=source.name, line=header.line)
        text = f"has no column `name`; known are: {', '.join(COLUMNS)}"
        problems.append(Problem(place=place, message=text))
    return columns, tuple(problems)


def _entries(source: FleetSource, columns: Sequence[str], records: Sequence[_Row]) -> FleetEntries:
    entries: list[Entry[ContractTable]] = []
    problems: list[Problem] = []
    for row in records:
        if len(row.cells) != len(columns):
            text = f"has {len(row.cells)} cells where the first row has {len(columns)}."
            hint = "Quote cells that hold the separator."
            place = Place(file=source.name, line=row.line)
            problems.append(Problem(place=place, message=text, hint=hint))
            continue
        cells = dict(zip(columns, row.cells, strict=True))
        locate = partial(_locate, source.name, row.line, cells["name"])
        raw = {key: _value(key, cell) for key, cell in cells.items() if key != "name"}
        table, broken, wrong = understand(ContractTable, raw, locate)
        problems.extend(wrong)
        entries.append(
            Entry(
                name=cells["name"],
                table=table,
                whole=False,
                broken=broken,
                source=source,
                locate=locate,
            )
        )
    return FleetEntries(contracts=tuple(entries), problems=tuple(problems))


def _value(column: str, cell: str) -> object:
    if column in _LISTS:
        return [part for part in _SEPARATOR.split(cell) if part]
    return read_date(cell) if column == "expires" else cell


def _locate(file: str, line: int, name: str, key: str) -> Place:
    return Place(file=file, table=name, key=key, line=line)


def _wrong(source: FleetSource, line: int | None, message: str) -> FleetEntries:
    place = Place(file=source.name, line=line)
    return FleetEntries(problems=(Problem(place=place, message=message),))
