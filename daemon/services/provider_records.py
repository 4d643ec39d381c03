"""Looking back at provider snapshots: what is on record of them, and whose fate they share."""

from collections.abc import Iterable
from dataclasses import dataclass

from daemon.domain.copy_fate import Bill, CopyFate, fate_of
from daemon.domain.provider_copy import ProviderCopy
from daemon.services.units import Units
from daemon.store.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyRecord:
    """A provider copy, and its fate as things are now."""

    copy: ProviderCopy
    fate: CopyFate


class ProviderRecords:
    """Reads only; every method sees one instant."""

    def __init__(self, units: Units) -> None:
        self._units = units

    def history(
        self, *, server: str | None = None, limit: int | None = None
    ) -> tuple[CopyRecord, ...]:
        """Provider copies of one server or of all, newest first, at most so many."""
        with self._units(read_only=True) as unit:
            return _records(unit, unit.provider_copies.list(server=server, limit=limit))

    def find(self, run: str) -> CopyRecord | None:
        """The provider copy of that id, if there is one."""
        with self._units(read_only=True) as unit:
            if not unit.provider_copies.has(run):
                return None
            return _records(unit, (unit.provider_copies.get(run),))[0]


def _records(unit: UnitOfWork, copies: Iterable[ProviderCopy]) -> tuple[CopyRecord, ...]:
    bills: dict[str, tuple[Bill, ...]] = {}
    found = []
    for copy in copies:
        if copy.server not in bills:
            bills[copy.server] = _bills(unit, copy.server)
        found.append(CopyRecord(copy=copy, fate=fate_of(copy, bills[copy.server])))
    return tuple(found)


def _bills(unit: UnitOfWork, server: str) -> tuple[Bill, ...]:
    return tuple(
        Bill(contract=contract.name, account=contract.account)
        for contract in unit.contracts.of_server(server)
    )
