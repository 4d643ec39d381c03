"""Servers and contracts as files that an import takes back."""

import csv
import io
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import tomli_w

from daemon.domain.contract import Contract, ContractState
from daemon.domain.duration import write_duration
from daemon.domain.fleet import FieldValue, Fleet, contract_fields, server_fields
from daemon.domain.phase import Course, Phase
from daemon.domain.server import Server
from daemon.domain.sourcetext import dump_fields, machine_fields
from daemon.errors import AlreadyExists, InvalidValue
from daemon.services.fleet_csv import COLUMNS

_HEADER: Final = """\
# Servers and contracts, written by `lapseguard export` and read by `lapseguard import`.
# A table says everything about what it names: a key that is not there means its default.
# What has no table is left alone by an import; contracts that were closed are not in here.

"""
_DEFAULT_PORT: Final = 22
_KIB: Final = 1024


def write_toml(fleet: Fleet) -> str:
    """A fleet file without the contracts that are closed; the same fleet gives the same text."""
    servers = {
        server.name: _server(server) for server in sorted(fleet.servers, key=lambda each: each.name)
    }
    contracts = {contract.name: _contract(contract) for contract in _active(fleet.contracts)}
    tables = {"servers": servers, "contracts": contracts}
    return _HEADER + tomli_w.dumps({name: table for name, table in tables.items() if table})


def write_csv(contracts: Iterable[Contract]) -> str:
    """The contracts that are not closed as a table; what its columns cannot say is left out."""
    text = io.StringIO()
    # Lines end as RFC 4180 has it; with any other end, a lone `\r` in a cell is not quoted.
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for contract in _active(contracts):
        fields = {"name": contract.name, **dict(contract_fields(contract))}
        writer.writerow([_cell(fields[column]) for column in COLUMNS])
    return text.getvalue()


def save(path: Path, text: str, *, replace: bool) -> None:
    """Write a file whole or not at all, readable by ourselves only.

    Args:
        path: Where.
        text: What.
        replace: Whether a file that is there already may go.

    Raises:
        AlreadyExists: it is there already.
        InvalidValue: it cannot be written there.
    """
    try:
        _save(path, text.encode(), replace=replace)
    except FileExistsError as error:
        hint = "Name another file, or give --force to replace it."
        raise AlreadyExists(f"There is a file {path} already.", hint=hint) from error
    except OSError as error:
        raise InvalidValue(
            f"{path} cannot be written: {error.strerror}.", hint="Name a file elsewhere."
        ) from error


def _save(path: Path, data: bytes, *, replace: bool) -> None:
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    unfinished = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            unfinished.replace(path)
        else:
            # Linking, unlike renaming, never replaces what somebody else made meanwhile.
            path.hardlink_to(unfinished)
    finally:
        unfinished.unlink(missing_ok=True)


def _active(contracts: Iterable[Contract]) -> list[Contract]:
    active = (each for each in contracts if each.state is ContractState.ACTIVE)
    return sorted(active, key=lambda each: each.name)


def _server(server: Server) -> dict[str, Any]:
    table = _written(server_fields(server))
    if server.dumps:
        table["dumps"] = [dict(dump_fields(dump)) for dump in server.dumps]
    if server.machine is not None:
        table["machine"] = dict(machine_fields(server.machine))
    return table


def _contract(contract: Contract) -> dict[str, Any]:
    table = _written(contract_fields(contract))
    if contract.course is not None:
        table["phases"] = _phases(contract.course)
    return table


def _written(fields: Iterable[tuple[str, FieldValue]]) -> dict[str, Any]:
    """The keys that have anything but their default."""
    table: dict[str, Any] = {}
    for key, value in fields:
        if key == "port" and value == _DEFAULT_PORT:
            continue
        if key == "bandwidth" and isinstance(value, int):
            table[key] = _size(value)
        elif value:
            table[key] = list(value) if isinstance(value, tuple) else value
    return table


def _phases(course: Course) -> list[dict[str, Any]]:
    return [_phase(phase) for phase in course.phases]


def _phase(phase: Phase) -> dict[str, Any]:
    table: dict[str, Any] = {"name": phase.name, "start": write_duration(phase.start)}
    works = {name: True for name in ("ssh", "snapshot", "renewal") if getattr(phase, name)}
    return table | works | ({} if phase.data else {"data": False})


def _size(count: int) -> int | str:
    """A size as people write it, where that is exact."""
    for unit, worth in (("MiB", _KIB**2), ("KiB", _KIB)):
        if count % worth == 0:
            return f"{count // worth} {unit}"
    return count


def _cell(value: FieldValue) -> str:
    if isinstance(value, tuple):
        return " ".join(value)
    return "" if value is None else str(value)
