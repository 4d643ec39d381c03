"""From what files say to the servers and contracts that are wanted."""

import functools
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Generic

from daemon.domain.contract import Contract, ContractState, Expiry
from daemon.domain.difference import Thing
from daemon.domain.fleet import Fleet, Problem
from daemon.domain.freezing import READ_LIVE, Freezing
from daemon.domain.phase import Course, Phase
from daemon.domain.server import Server, host_key_from
from daemon.errors import InvalidValue, UnknownTimeZone
from daemon.services.fleet_entries import Entry, FleetEntries
from daemon.services.fleet_tables import ContractTable, PhaseTable, ServerTable
from daemon.services.registry import expiry_of
from daemon.settings.problems import nearest

#: A key of the right form, and of nobody.
_SOUND_KEY: Final = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5"
_SOUND_EXPIRY: Final = Expiry(text="2000-01-01")
#: Looking through thousands of names takes long, and nobody reads that many suggestions.
_MOST_SUGGESTIONS: Final = 20
#: What to do about a key, where the error's own hint is one for the command line.
_HINTS: Final = {
    "": "Name what lives by it: `servers`, `stores`, or `subject` in words.",
    "bandwidth": 'Write it like "10 MiB", or leave it out for no limit.',
    "expires": "Write 2026-12-31 or 2026-12-31T18:00; the zone goes into `timezone`.",
    "host_key": "Copy it from the server's /etc/ssh/ssh_host_ed25519_key.pub.",
    "paths": "Name at least one absolute path.",
    "priority": "Name one of `paths`, or one below them.",
}
#: Where the name in a contract is not the key in a file.
_KEYS: Final = {"course": "phases"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """What is wanted.

    Attributes:
        fleet: What could be built.
        closed: Names of contracts that were closed, and that the files have as they were.
        problems: Why the rest could not be built.
    """

    fleet: Fleet
    closed: tuple[str, ...]
    problems: tuple[Problem, ...]


@dataclass(slots=True, kw_only=True)
class _Draft(Generic[Thing]):
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
            self.problems.append(_problem(self.entry, "", whole))
        return None

    def _faults(self) -> Iterator[Problem]:
        """What is wrong with the values, each tried alone in a thing that is otherwise sound."""
        for key, value in {"name": self.entry.name, **self.values}.items():
            given = value or key == "name"
            try:
                _ = given and replace(self.sound, **{key: value})
            except InvalidValue as error:
                where = "" if key == "name" else _KEYS.get(key, key)
                yield _problem(self.entry, where, error)


def build(entries: FleetEntries, recorded: Fleet, now: datetime) -> Built:
    """The fleet that the entries mean.

    Args:
        entries: What the files say.
        recorded: What there is; entries that say only part of a thing are completed by it, and a
            server keeps its pinned key where they do not name one.
        now: When what is new is recorded.
    """
    known = {server.name: server for server in recorded.servers}
    old = {contract.name: contract for contract in recorded.contracts}
    closed = {name for name, each in old.items() if each.state is ContractState.CLOSED}
    problems = list(_strangers(entries, known, closed))
    servers = [_server(entry, known.get(entry.name), now, problems) for entry in entries.servers]
    built = [_contract(entry, old.get(entry.name), now, problems) for entry in entries.contracts]
    contracts = [contract for contract in built if contract is not None]
    return Built(
        fleet=Fleet(
            servers=tuple(server for server in servers if server is not None),
            contracts=tuple(each for each in contracts if each.name not in closed),
        ),
        closed=tuple(sorted(each.name for each in contracts if each.name in closed)),
        problems=tuple(problems),
    )


def identity_of(entry: Entry[ServerTable]) -> str | None:
    """The private key file of a server; relative ones are taken from the file's own folder."""
    identity = entry.table.identity
    if not identity or identity.startswith("/"):
        return identity or None
    return str(entry.source.folder / _expand(identity))


def _server(
    entry: Entry[ServerTable], old: Server | None, now: datetime, problems: list[Problem]
) -> Server | None:
    values = _server_values(entry) | {"created_at": now if old is None else old.created_at}
    sound = _sound_server(now)
    draft = _Draft(entry=entry, sound=sound, base=sound, values=values)
    draft.require("host", "user", "paths")
    _put_freezing(draft)
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
}


def _put_freezing(draft: _Draft[Server]) -> None:
    """Six keys of an entry are one value of a server."""
    given = {
        name: draft.values.pop(key) or getattr(READ_LIVE, name)
        for name, key in _FREEZING.items()
        if key in draft.values
    }
    try:
        draft.values["freezing"] = Freezing(**given)
    except InvalidValue as error:
        draft.problems.append(_problem(draft.entry, "snapshot", error))


@functools.lru_cache(maxsize=1)
def _sound_server(now: datetime) -> Server:
    return Server(name="x", host="x", user="x", host_key=_SOUND_KEY, paths=("/",), created_at=now)


@functools.lru_cache(maxsize=1)
def _sound_contract(now: datetime) -> Contract:
    return Contract(name="x", provider="x", subject="x", expiry=_SOUND_EXPIRY, created_at=now)


def _server_values(entry: Entry[ServerTable]) -> dict[str, Any]:
    values = _given(entry)
    if key := values.get("host_key"):
        values["host_key"] = host_key_from(key)
    if values.get("identity"):
        values["identity"] = identity_of(entry)
    if values.get("bandwidth") is not None:
        values["bandwidth"] = int(values["bandwidth"])
    return values


def _contract(
    entry: Entry[ContractTable], old: Contract | None, now: datetime, problems: list[Problem]
) -> Contract | None:
    sound = _sound_contract(now)
    partial = old if not entry.whole else None
    values = _given(entry)
    if partial is None:
        values = {"subject": None, **values, "created_at": now if old is None else old.created_at}
    phases = values.pop("phases", ())
    text, zone = values.pop("expires", None), values.pop("timezone", None)
    draft = _Draft(entry=entry, sound=sound, base=partial or sound, values=values)
    _put_course(draft, phases)
    _put_expiry(draft, text, zone, partial)
    if partial is None or "provider" in values:
        draft.require("provider")
    contract = draft.finish()
    if contract and old and old.state is ContractState.CLOSED and contract.expiry != old.expiry:
        draft.problems.append(_is_closed(entry, old))
    problems.extend(draft.problems)
    return contract


def _put_course(draft: _Draft[Contract], phases: Iterable[PhaseTable]) -> None:
    """Phases in the file override; a whole entry without any goes back to the preset."""
    if "phases" not in draft.entry.table.model_fields_set:
        return
    try:
        steps = tuple(Phase(**dict(phase)) for phase in phases)
        draft.values["course"] = Course(phases=steps) if steps else None
    except InvalidValue as error:
        draft.problems.append(_problem(draft.entry, "phases", error))


def _put_expiry(
    draft: _Draft[Contract], text: str | None, zone: str | None, old: Contract | None
) -> None:
    entry = draft.entry
    if old is not None and "timezone" not in entry.table.model_fields_set:
        zone = old.expiry.timezone
    if text is None and old is not None:
        text = old.expiry.text
    if (old is None or old.expiry.timezone != zone) and (fault := _zone_fault(zone)):
        draft.problems.append(_problem(entry, "timezone", fault))
    elif text:
        try:
            draft.values["expiry"] = Expiry(text=text, timezone=zone)
        except InvalidValue as error:
            draft.problems.append(_problem(entry, "expires", error))
    elif "expires" not in entry.broken:
        draft.problems.append(entry.problem("expires", "is missing"))


@functools.lru_cache(maxsize=1024)
def _zone_fault(zone: str | None) -> UnknownTimeZone | None:
    """What is wrong with a zone; suggestions take long, and thousands of rows may share one."""
    try:
        expiry_of(_SOUND_EXPIRY.text, zone)
    except UnknownTimeZone as error:
        return error
    return None


def _given(entry: Entry[Any]) -> dict[str, Any]:
    """What an entry says, with tuples for lists, and None for texts that are empty."""
    values: dict[str, Any] = {}
    for key in sorted(entry.table.model_fields_set):
        value = getattr(entry.table, key)
        values[key] = tuple(value) if isinstance(value, list) else None if value == "" else value
    return values


def _strangers(
    entries: FleetEntries, recorded: Mapping[str, Server], closed: Collection[str]
) -> Iterator[Problem]:
    """Contracts that name a server which nobody has heard of."""
    known = recorded.keys() | {entry.name for entry in entries.servers}
    suggestions = 0
    for entry in entries.contracts:
        for name in entry.table.servers:
            if name not in known and entry.name not in closed:
                suggestions += 1
                near = nearest(name, known) if known and suggestions <= _MOST_SUGGESTIONS else ""
                text = f"names {name!r}, which is neither registered nor in these files"
                yield entry.problem("servers", text + (near if "did you" in near else ""))


def _no_host_key(entry: Entry[ServerTable]) -> Problem:
    host = entry.table.host or "HOST"
    return entry.problem(
        "host_key",
        "is missing, and a new server is not trusted without it",
        f"Ask for it with `ssh-keyscan -t ed25519 {host}`, compare it with the provider's console, "
        f"and write it here; or add the server first: `lapseguard server add {entry.name} --scan`.",
    )


def _is_closed(entry: Entry[ContractTable], old: Contract) -> Problem:
    return entry.problem(
        "expires",
        f"differs, but the contract was closed by {old.closed_by}: {old.closed_reason}",
        "Give what follows it a name of its own.",
    )


def _problem(entry: Entry[Any], key: str, error: InvalidValue) -> Problem:
    plain = "" if "--" in error.hint else error.hint
    return entry.problem(key, f"cannot be used: {error}", plain or _HINTS.get(key, ""))


def _expand(identity: str) -> Path:
    try:
        return Path(identity).expanduser()
    except RuntimeError:
        # No such user; the path is looked for later, and not found.
        return Path(identity)
