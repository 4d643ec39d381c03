"""What is new or changed in an import, held against the settings, the presets and each other."""

import difflib
import functools
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from daemon.domain.contract import Contract, ContractState
from daemon.domain.difference import FleetDifference, Thing
from daemon.domain.fleet import Fleet, Problem
from daemon.domain.server import Server
from daemon.errors import SameFate
from daemon.services.fate_guard import FateGuard, Surroundings
from daemon.services.fleet_building import Built
from daemon.services.fleet_entries import Entry, FleetEntries
from daemon.services.fleet_servers import identity_of
from daemon.services.fleet_tables import ContractTable, ServerTable

#: Control characters, lone surrogates, and what ends a line or a paragraph.
_UNSAFE: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})


def check(
    difference: FleetDifference,
    recorded: Fleet,
    entries: FleetEntries,
    built: Built,
    guard: FateGuard,
) -> tuple[Problem, ...]:
    """What is wrong with what is new or changed. What stays as it is, is not questioned.

    Args:
        difference: What the import would change.
        recorded: What there is.
        entries: What the files say.
        built: What of that could be understood.
        guard: Knows the stores and the presets, and which stores share whose fate.
    """
    new_servers = difference.servers.arriving
    new_contracts = difference.contracts.arriving
    problems: list[Problem] = []
    servers = _settled(built.fleet.servers, new_servers)
    contracts = _settled(built.fleet.contracts, new_contracts) | set(built.closed)
    for server in entries.servers:
        problems += _check_server(server, guard) if server.name not in servers else ()
    for contract in entries.contracts:
        problems += _check_contract(contract, guard) if contract.name not in contracts else ()
    fates = _Fates(recorded, _after(recorded, new_servers, new_contracts), guard)
    places = _places(entries, new_contracts)
    for name in fates.touched(new_servers, new_contracts):
        problems += fates.check(name, places[name]) if name in places else ()
    return tuple(problems)


def _settled(built: Iterable[Thing], arriving: Iterable[Thing]) -> set[str]:
    """The names of what was understood and stays as it is."""
    return {thing.name for thing in built} - {thing.name for thing in arriving}


def _check_server(entry: Entry[ServerTable], guard: FateGuard) -> Iterator[Problem]:
    yield from _unsafe_texts(entry)
    store, identity = entry.table.store or None, identity_of(entry)
    if store is None and guard.default_store is None:
        yield entry.problem("store", "is missing, and the settings have no default")
    if store is not None and store not in guard.fates:
        yield entry.problem("store", _unknown("store of the settings", store, guard.fates))
    if identity is not None and not Path(identity).is_file():
        yield entry.problem("identity", f"names no file: {identity}")


def _check_contract(entry: Entry[ContractTable], guard: FateGuard) -> Iterator[Problem]:
    yield from _unsafe_texts(entry)
    for store in entry.table.stores:
        if store not in guard.fates:
            yield entry.problem("stores", _unknown("store of the settings", store, guard.fates))
    preset, known = entry.table.preset, guard.catalogue.names
    if preset and preset not in known:
        hint = "`lapseguard preset list` has them all."
        yield entry.problem("preset", _unknown("preset", preset, known), hint)


def _unknown(what: str, name: str, known: Iterable[str]) -> str:
    return f"names no {what}: {name!r}{_nearest(name, tuple(known))}"


@functools.lru_cache(maxsize=1024)
def _nearest(name: str, known: tuple[str, ...]) -> str:
    """Remembered, because thousands of rows may have the same mistake."""
    near = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean `{near[0]}`?" if near else ""


def _unsafe_texts(entry: Entry[Any]) -> Iterator[Problem]:
    for key in sorted(entry.table.model_fields_set):
        value = getattr(entry.table, key)
        texts = value if isinstance(value, list) else [value]
        if any(isinstance(text, str) and _is_unsafe(text) for text in texts):
            yield entry.problem(key, "holds a control character", "Write it without.")


def _is_unsafe(text: str) -> bool:
    if text.isprintable():
        return False
    return any(unicodedata.category(character) in _UNSAFE for character in text)


def _places(entries: FleetEntries, arriving: Iterable[Contract]) -> Mapping[str, Entry[Any]]:
    """Where to look for the reason that a server's fate is another one, by its name."""
    contracts = {entry.name: entry for entry in entries.contracts}
    naming = {server: contracts[each.name] for each in arriving for server in each.servers}
    return naming | {entry.name: entry for entry in entries.servers}


def _after(recorded: Fleet, servers: Iterable[Server], contracts: Iterable[Contract]) -> Fleet:
    """The fleet as it would be, without closed contracts."""
    all_servers = {each.name: each for each in (*recorded.servers, *servers)}
    active = (each for each in recorded.contracts if each.state is ContractState.ACTIVE)
    all_contracts = {each.name: each for each in (*active, *contracts)}
    return Fleet(servers=tuple(all_servers.values()), contracts=tuple(all_contracts.values()))


class _Fates:
    """Which servers would perish together with their store, and did not before."""

    def __init__(self, recorded: Fleet, after: Fleet, guard: FateGuard) -> None:
        self._guard = guard
        self._before = {server.name: server for server in recorded.servers}
        self._after = {server.name: server for server in after.servers}
        self._contracts = [_Bearing(fleet.contracts) for fleet in (recorded, after)]

    def touched(self, servers: Iterable[Server], contracts: Iterable[Contract]) -> tuple[str, ...]:
        """The servers whose fate may be another one, by name."""
        names = {server.name for server in servers}
        stores: set[str | None] = set()
        for contract in contracts:
            names.update(contract.servers)
            stores.update(contract.stores)
        if stores:
            saved_there = (s for s in self._after.values() if self._guard.store_of(s) in stores)
            names.update(server.name for server in saved_there)
        return tuple(sorted(names & self._after.keys()))

    def check(self, name: str, entry: Entry[Any]) -> Iterator[Problem]:
        """One problem if the server comes to share its store's fate and nobody accepts that."""
        after = self._after[name]
        before = self._before.get(name, after)
        around = [
            Surroundings(server=server, contracts=bearing.on(server, self._guard))
            for server, bearing in zip((before, after), self._contracts, strict=True)
        ]
        try:
            self._guard.settle(around[0], around[1], accept=False)
        except SameFate as error:
            yield entry.problem(
                "store" if entry.name == name else "",
                f"is refused: {error}",
                f"Save {name} to another `store`, or write `fate_accepted = true` for it.",
            )


class _Bearing:
    """Contracts, found by what they keep alive."""

    def __init__(self, contracts: Iterable[Contract]) -> None:
        self._of_server: Mapping[str, list[Contract]] = defaultdict(list)
        self._of_store: Mapping[str, list[Contract]] = defaultdict(list)
        for contract in contracts:
            for server in contract.servers:
                self._of_server[server].append(contract)
            for store in contract.stores:
                self._of_store[store].append(contract)

    def on(self, server: Server, guard: FateGuard) -> tuple[Contract, ...]:
        """The contracts that a server or its store lives by, each once."""
        store = guard.store_of(server)
        found = (*self._of_server[server.name], *(self._of_store[store] if store else ()))
        return tuple({contract.name: contract for contract in found}.values())
