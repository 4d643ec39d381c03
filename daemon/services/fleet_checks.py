"""What is new or changed in an import, held against the settings, the presets and each other."""

import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from daemon.domain.contract import Contract, ContractState
from daemon.domain.difference import FleetDifference
from daemon.domain.fate import StoreFate, shared_fate
from daemon.domain.fleet import FieldValue, Fleet, Problem, contract_fields, server_fields
from daemon.domain.life import life_of
from daemon.domain.outlook import Life
from daemon.domain.preset import Preset
from daemon.domain.server import Server
from daemon.services.fleet_entries import Entry, FleetEntries
from daemon.settings.problems import nearest

#: Control characters, lone surrogates, and what ends a line or a paragraph.
_UNSAFE: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetFacts:
    """What an import has to agree with.

    Attributes:
        stores: Of the settings, by their names.
        default_store: The one that servers without a store of their own are saved to, if any.
        presets: By their names.
    """

    stores: Mapping[str, StoreFate]
    default_store: str | None
    presets: Mapping[str, Preset]


def check(
    difference: FleetDifference, recorded: Fleet, entries: FleetEntries, facts: FleetFacts
) -> tuple[Problem, ...]:
    """What is wrong with what is new or changed. What stays as it is, is not questioned.

    Args:
        difference: What the import would change.
        recorded: What there is.
        entries: Where it is written.
        facts: What it has to agree with.
    """
    servers = {entry.name: entry for entry in entries.servers}
    contracts = {entry.name: entry for entry in entries.contracts}
    new_servers = _arriving(difference.servers.added, difference.servers.changed)
    new_contracts = _arriving(difference.contracts.added, difference.contracts.changed)
    problems: list[Problem] = []
    for server in new_servers:
        problems += _check_server(server, servers[server.name], facts)
    for contract in new_contracts:
        problems += _check_contract(contract, contracts[contract.name], facts)
    fates = _Fates(_after(recorded, new_servers, new_contracts), facts)
    for name in fates.touched(new_servers, new_contracts):
        entry = servers.get(name) or _naming(name, new_contracts, contracts)
        problems += fates.check(name, entry) if entry else ()
    return tuple(problems)


def _arriving(added: Iterable[Any], changed: Iterable[Any]) -> list[Any]:
    return [*added, *(each.new for each in changed)]


def _check_server(server: Server, entry: Entry[Any], facts: FleetFacts) -> Iterator[Problem]:
    yield from _unsafe_texts(server_fields(server), entry)
    if server.store is None and facts.default_store is None:
        yield entry.problem("store", "is missing, and the settings have no default")
    if server.store is not None and server.store not in facts.stores:
        yield entry.problem("store", _unknown("store of the settings", server.store, facts.stores))
    if server.identity is not None and not Path(server.identity).is_file():
        yield entry.problem("identity", f"names no file: {server.identity}")


def _check_contract(contract: Contract, entry: Entry[Any], facts: FleetFacts) -> Iterator[Problem]:
    yield from _unsafe_texts(contract_fields(contract), entry)
    for store in contract.stores:
        if store not in facts.stores:
            yield entry.problem("stores", _unknown("store of the settings", store, facts.stores))
    if contract.preset is not None and contract.preset not in facts.presets:
        yield entry.problem("preset", _unknown("preset", contract.preset, facts.presets))


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
    """Which servers would perish together with their store."""

    def __init__(self, fleet: Fleet, facts: FleetFacts) -> None:
        self._servers = {server.name: server for server in fleet.servers}
        self._contracts = fleet.contracts
        self._facts = facts
        self._lives: dict[str, Life] = {}

    def touched(self, servers: Iterable[Server], contracts: Iterable[Contract]) -> tuple[str, ...]:
        """The servers whose fate may be another one, by name."""
        names = {server.name for server in servers}
        stores: set[str] = set()
        for contract in contracts:
            names.update(contract.servers)
            stores.update(contract.stores)
        if stores:
            names.update(
                each.name for each in self._servers.values() if self._store(each) in stores
            )
        return tuple(sorted(names & self._servers.keys()))

    def check(self, name: str, entry: Entry[Any]) -> Iterator[Problem]:
        """One problem if the server shares its store's fate and nobody has accepted that."""
        server = self._servers[name]
        fate = self._facts.stores.get(self._store(server) or "")
        if server.fate_accepted or fate is None:
            return
        reasons = shared_fate(
            fate,
            map(self._life, self._by_server[name]),
            map(self._life, self._by_store[fate.name]),
        )
        if reasons:
            yield entry.problem(
                "store" if entry.name == name else "",
                f"would let the only copy of {name} perish with it: {' '.join(reasons)}",
                f"Save {name} to another `store`, or write `fate_accepted = true` for it.",
            )

    def _store(self, server: Server) -> str | None:
        return server.store or self._facts.default_store

    def _life(self, contract: Contract) -> Life:
        if contract.name not in self._lives:
            preset = self._facts.presets.get(contract.preset or "")
            self._lives[contract.name] = life_of(contract, preset)
        return self._lives[contract.name]

    @cached_property
    def _by_server(self) -> Mapping[str, list[Contract]]:
        return _group(self._contracts, lambda contract: contract.servers)

    @cached_property
    def _by_store(self) -> Mapping[str, list[Contract]]:
        return _group(self._contracts, lambda contract: contract.stores)


def _group(
    contracts: Iterable[Contract], names: Callable[[Contract], Iterable[str]]
) -> Mapping[str, list[Contract]]:
    groups: Mapping[str, list[Contract]] = defaultdict(list)
    for contract in contracts:
        for name in names(contract):
            groups[name].append(contract)
    return groups
