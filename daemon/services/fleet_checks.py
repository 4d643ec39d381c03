"""What is new or changed in an import, held against the settings, the presets and each other."""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from daemon.domain.contract import Contract, ContractState
from daemon.domain.difference import FleetDifference
from daemon.domain.fleet import FieldValue, Fleet, Problem, contract_fields, server_fields
from daemon.domain.server import Server
from daemon.errors import SameFate
from daemon.services.fate_guard import FateGuard, Surroundings
from daemon.services.fleet_entries import Entry, FleetEntries
from daemon.settings.problems import nearest

#: Control characters, lone surrogates, and what ends a line or a paragraph.
_UNSAFE: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})


def check(
    difference: FleetDifference, recorded: Fleet, entries: FleetEntries, guard: FateGuard
) -> tuple[Problem, ...]:
    """What is wrong with what is new or changed. What stays as it is, is not questioned.

    Args:
        difference: What the import would change.
        recorded: What there is.
        entries: Where it is written.
        guard: Knows the stores and the presets, and which stores share whose fate.
    """
    servers = {entry.name: entry for entry in entries.servers}
    contracts = {entry.name: entry for entry in entries.contracts}
    new_servers = _arriving(difference.servers.added, difference.servers.changed)
    new_contracts = _arriving(difference.contracts.added, difference.contracts.changed)
    problems: list[Problem] = []
    for server in new_servers:
        problems += _check_server(server, servers[server.name], guard)
    for contract in new_contracts:
        problems += _check_contract(contract, contracts[contract.name], guard)
    fates = _Fates(recorded, _after(recorded, new_servers, new_contracts), guard)
    for name in fates.touched(new_servers, new_contracts):
        entry = servers.get(name) or _naming(name, new_contracts, contracts)
        problems += fates.check(name, entry) if entry else ()
    return tuple(problems)


def _arriving(added: Iterable[Any], changed: Iterable[Any]) -> list[Any]:
    return [*added, *(each.new for each in changed)]


def _check_server(server: Server, entry: Entry[Any], guard: FateGuard) -> Iterator[Problem]:
    yield from _unsafe_texts(server_fields(server), entry)
    if server.store is None and guard.default_store is None:
        yield entry.problem("store", "is missing, and the settings have no default")
    if server.store is not None and server.store not in guard.fates:
        yield entry.problem("store", _unknown("store of the settings", server.store, guard.fates))
    if server.identity is not None and not Path(server.identity).is_file():
        yield entry.problem("identity", f"names no file: {server.identity}")


def _check_contract(contract: Contract, entry: Entry[Any], guard: FateGuard) -> Iterator[Problem]:
    yield from _unsafe_texts(contract_fields(contract), entry)
    for store in contract.stores:
        if store not in guard.fates:
            yield entry.problem("stores", _unknown("store of the settings", store, guard.fates))
    if contract.preset is not None and contract.preset not in guard.catalogue.names:
        yield entry.problem("preset", _unknown("preset", contract.preset, guard.catalogue.names))


def _unknown(what: str, name: str, known: Iterable[str]) -> str:
    return f"names no {what}: {name!r}{nearest(name, known)}"


def _unsafe_texts(fields: Iterable[tuple[str, FieldValue]], entry: Entry[Any]) -> Iterator[Problem]:
    for key, value in fields:
        texts = (value,) if isinstance(value, str) else value if isinstance(value, tuple) else ()
        if any(not text.isprintable() and _is_unsafe(text) for text in texts):
            yield entry.problem(key, "holds a control character", "Write it without.")


def _is_unsafe(text: str) -> bool:
    return any(unicodedata.category(character) in _UNSAFE for character in text)


def _after(recorded: Fleet, servers: Iterable[Server], contracts: Iterable[Contract]) -> Fleet:
    """The fleet as it would be, without closed contracts."""
    all_servers = {each.name: each for each in (*recorded.servers, *servers)}
    active = (each for each in recorded.contracts if each.state is ContractState.ACTIVE)
    all_contracts = {each.name: each for each in (*active, *contracts)}
    return Fleet(servers=tuple(all_servers.values()), contracts=tuple(all_contracts.values()))


def _naming(
    server: str, contracts: Iterable[Contract], entries: Mapping[str, Entry[Any]]
) -> Entry[Any] | None:
    """Where a contract that names the server is written."""
    naming = (each.name for each in contracts if server in each.servers)
    return next((entries[name] for name in naming), None)


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
