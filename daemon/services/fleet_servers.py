"""From what a fleet file says of a server to the server that is wanted."""

import functools
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from daemon.domain.dump import DatabaseDump
from daemon.domain.fleet import Problem
from daemon.domain.freezing import READ_LIVE, Freezing
from daemon.domain.machine import ProviderMachine
from daemon.domain.server import Server, host_key_from
from daemon.errors import InvalidValue
from daemon.services.fleet_draft import Draft, given, problem_of
from daemon.services.fleet_entries import Entry
from daemon.services.fleet_tables import ServerTable, Table
from daemon.settings.bandwidth import read_rates

#: A key of the right form, and of nobody.
_SOUND_KEY: Final = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5"


def build_server(
    entry: Entry[ServerTable], old: Server | None, now: datetime, problems: list[Problem]
) -> Server | None:
    """The server that an entry means, or None, and then more in `problems`.

    Args:
        entry: What the file says.
        old: What is recorded under its name; its pinned key stays where none is given.
        now: When what is new is recorded.
        problems: Is given why there is none.
    """
    values = _server_values(entry) | {"created_at": now if old is None else old.created_at}
    sound = _sound_server(now)
    draft = Draft(entry=entry, sound=sound, base=sound, values=values)
    draft.require("host", "user", "paths")
    _put_freezing(draft)
    _put_dumps(draft)
    _put_machine(draft)
    if not draft.values.get("host_key"):
        if old is not None:
            draft.values["host_key"] = old.host_key
        elif "host_key" not in entry.broken:
            draft.problems.append(_no_host_key(entry))
    server = draft.finish()
    problems.extend(draft.problems)
    return server


#: Keys of an entry, by the names in `Freezing`.
_FREEZING: Final = {
    "kind": "snapshot",
    "required": "snapshot_required",
    "before": "before_capture",
    "after": "after_capture",
    "freeze": "freeze_command",
    "thaw": "thaw_command",
    "hook_timeout": "hook_timeout",
}


def _put_freezing(draft: Draft[Server]) -> None:
    """Seven keys of an entry are one value of a server."""
    given = {
        name: getattr(READ_LIVE, name) if (value := draft.values.pop(key)) is None else value
        for name, key in _FREEZING.items()
        if key in draft.values
    }
    try:
        draft.values["freezing"] = Freezing(**given)
    except InvalidValue as error:
        draft.problems.append(problem_of(draft.entry, _wrong_key(given), error))


def _wrong_key(given: dict[str, Any]) -> str:
    """Where to look for what is wrong: at the one value that stands alone, or at the kind."""
    try:
        Freezing(hook_timeout=given.get("hook_timeout", READ_LIVE.hook_timeout))
    except InvalidValue:
        return "hook_timeout"
    return "snapshot"


def _put_dumps(draft: Draft[Server]) -> None:
    built = []
    for place, table in enumerate(draft.values.pop("dumps", ())):
        try:
            built.append(DatabaseDump(**_values(table)))
        except InvalidValue as error:
            draft.problems.append(problem_of(draft.entry, f"dumps[{place}]", error))
    draft.values["dumps"] = tuple(built)


def _put_machine(draft: Draft[Server]) -> None:
    table = draft.values.pop("machine", None)
    try:
        draft.values["machine"] = None if table is None else ProviderMachine(**_values(table))
    except InvalidValue as error:
        draft.problems.append(problem_of(draft.entry, "machine", error))


def _values(table: Table) -> dict[str, Any]:
    """What a table within an entry says, with tuples for lists."""
    given = ((key, getattr(table, key)) for key in table.model_fields_set)
    return {key: tuple(value) if isinstance(value, list) else value for key, value in given}


def _server_values(entry: Entry[ServerTable]) -> dict[str, Any]:
    values = given(entry)
    if key := values.get("host_key"):
        values["host_key"] = host_key_from(key)
    if values.get("identity"):
        values["identity"] = identity_of(entry)
    if text := values.pop("bandwidth", None):
        values["rates"] = read_rates(text)
    return values


@functools.lru_cache(maxsize=1)
def _sound_server(now: datetime) -> Server:
    return Server(name="x", host="x", user="x", host_key=_SOUND_KEY, paths=("/",), created_at=now)


def identity_of(entry: Entry[ServerTable]) -> str | None:
    """The private key file of a server; relative ones are taken from the file's own folder."""
    identity = entry.table.identity
    if not identity or identity.startswith("/"):
        return identity or None
    return str(entry.source.folder / _expand(identity))


def _no_host_key(entry: Entry[ServerTable]) -> Problem:
    host = entry.table.host or "HOST"
    return entry.problem(
        "host_key",
        "is missing, and a new server is not trusted without it",
        f"Ask for it with `ssh-keyscan -t ed25519 {host}`, compare it with the provider's console, "
        f"and write it here; or add the server first: `lapseguard server add {entry.name} --scan`.",
    )


def _expand(identity: str) -> Path:
    try:
        return Path(identity).expanduser()
    except RuntimeError:
        # No such user; the path is looked for later, and not found.
        return Path(identity)
