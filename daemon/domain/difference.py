"""What an import would change: the fleet as it is recorded against the fleet as it is wanted."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeAlias, TypeVar

from daemon.domain.contract import Contract, ContractState
from daemon.domain.fleet import FieldValue, Fleet, contract_fields, server_fields
from daemon.domain.server import Server

Thing = TypeVar("Thing", Server, Contract)
_Fields: TypeAlias = tuple[tuple[str, FieldValue], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One key whose value changes."""

    key: str
    old: FieldValue
    new: FieldValue


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed(Generic[Thing]):
    """A server or contract that is recorded and is wanted otherwise.

    Attributes:
        old: As it is recorded.
        new: As it is wanted; it was recorded when `old` was.
        changes: At least one, in the order of the keys.
    """

    old: Thing
    new: Thing
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference(Generic[Thing]):
    """What happens to the servers, or to the contracts; each part is ordered by name.

    Attributes:
        added: Not recorded so far.
        changed: Recorded and wanted otherwise.
        unchanged: How many stay as they are.
        absent: Names that are recorded and not wanted; they are left alone.
    """

    added: tuple[Thing, ...] = ()
    changed: tuple[Changed[Thing], ...] = ()
    unchanged: int = 0
    absent: tuple[str, ...] = ()

    @property
    def arriving(self) -> tuple[Thing, ...]:
        """What is new, and what is changed as it is wanted."""
        return self.added + tuple(each.new for each in self.changed)

    def __bool__(self) -> bool:
        return bool(self.added or self.changed)


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetDifference:
    """What happens to a fleet. False where nothing does."""

    servers: Difference[Server]
    contracts: Difference[Contract]

    def __bool__(self) -> bool:
        return bool(self.servers or self.contracts)

    @property
    def moved(self) -> tuple[Changed[Contract], ...]:
        """The contracts whose expiry changes."""
        return tuple(each for each in self.contracts.changed if each.old.expiry != each.new.expiry)


def compare(recorded: Fleet, wanted: Fleet) -> FleetDifference:
    """The difference that makes `recorded` what is `wanted`; nothing is ever taken away.

    Args:
        recorded: Everything there is; closed contracts count as not there.
        wanted: Any part of a fleet. When things were recorded, and whether contracts are
            closed, is not compared.
    """
    active = (each for each in recorded.contracts if each.state is ContractState.ACTIVE)
    return FleetDifference(
        servers=_compare(recorded.servers, wanted.servers, server_fields),
        contracts=_compare(active, wanted.contracts, contract_fields),
    )


def warnings(difference: FleetDifference, now: datetime) -> Iterator[str]:
    """What a person should look at twice before, or after, the difference is applied."""
    for server in difference.servers.changed:
        if server.old.host_key != server.new.host_key:
            yield f"The pinned host key of the server {server.new.name} changes."
    for moved in difference.moved:
        old, new = moved.old.expiry, moved.new.expiry
        if new.instant() < old.instant():
            yield f"The contract {moved.new.name} ends earlier now: {new} instead of {old}."
    arriving = (*difference.contracts.added, *(each.new for each in difference.moved))
    for contract in sorted(arriving, key=lambda each: each.name):
        if contract.expiry.instant() <= now:
            yield f"The contract {contract.name} has expired already: {contract.expiry}."


def _compare(
    recorded: Iterable[Thing], wanted: Iterable[Thing], fields: Callable[[Thing], _Fields]
) -> Difference[Thing]:
    before = {thing.name: thing for thing in recorded}
    after = {thing.name: thing for thing in sorted(wanted, key=lambda each: each.name)}
    both = [(before[name], thing) for name, thing in after.items() if name in before]
    changed = [
        Changed(old=old, new=new, changes=changes)
        for old, new in both
        if (changes := _changes(fields(old), fields(new)))
    ]
    return Difference(
        added=tuple(thing for name, thing in after.items() if name not in before),
        changed=tuple(changed),
        unchanged=len(both) - len(changed),
        absent=tuple(sorted(before.keys() - after.keys())),
    )


def _changes(old: _Fields, new: _Fields) -> tuple[Change, ...]:
    if old == new:
        return ()
    return tuple(
        Change(key=key, old=before, new=after)
        for (key, before), (_, after) in zip(old, new, strict=True)
        if before != after
    )
