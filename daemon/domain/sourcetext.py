"""Dumps and provider machines as keys and values, and as one line each."""

import shlex
from typing import TypeAlias

from daemon.domain.dump import USUAL_TIMEOUT, DatabaseDump
from daemon.domain.duration import write_duration
from daemon.domain.machine import ProviderMachine

PartValue: TypeAlias = str | int | tuple[str, ...]
PartFields: TypeAlias = tuple[tuple[str, PartValue], ...]


def dump_fields(dump: DatabaseDump) -> PartFields:
    """The keys that have anything but their default, under the names of files and records."""
    usual = dump.timeout == USUAL_TIMEOUT
    return _given(
        ("kind", dump.kind),
        ("name", dump.name),
        ("database", dump.database),
        ("path", dump.path),
        ("user", dump.user),
        ("role", dump.role),
        ("host", dump.host),
        ("port", dump.port),
        ("argv", dump.argv),
        ("timeout", None if usual else write_duration(dump.timeout)),
    )


def machine_fields(machine: ProviderMachine) -> PartFields:
    """Likewise of a machine at a provider."""
    return _given(
        ("kind", machine.kind),
        ("id", machine.id),
        ("region", machine.region),
        ("profile", machine.profile),
        ("account", machine.account),
        ("create", machine.create),
        ("find", machine.find),
        ("delete", machine.delete),
    )


def write_line(fields: PartFields) -> str:
    """All of it in one line; no two different values have the same."""
    return shlex.join(f"{key}={_text(value)}" for key, value in fields)


def _text(value: PartValue) -> str:
    return shlex.join(value) if isinstance(value, tuple) else str(value)


def _given(*fields: tuple[str, PartValue | None]) -> PartFields:
    return tuple((key, value) for key, value in fields if value)
