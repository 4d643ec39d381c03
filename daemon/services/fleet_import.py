"""Servers and contracts from files: what would change, and changing it, all or nothing."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from daemon.clock import Clock
from daemon.domain.contract import Contract, Renewal
from daemon.domain.difference import Changed, FleetDifference, compare, warnings
from daemon.domain.fleet import Fleet, Problem
from daemon.log import LOG
from daemon.services.fate_guard import FateGuard
from daemon.services.fleet_building import build
from daemon.services.fleet_checks import check
from daemon.services.fleet_csv import read_csv
from daemon.services.fleet_entries import FleetEntries, join
from daemon.services.fleet_sources import FleetSources
from daemon.services.fleet_toml import read_toml
from daemon.services.units import Units
from daemon.store.unit_of_work import UnitOfWork

_PIECE = 1000

#: Hears how far an import is: what is being done, how much of it is done, and of how much.
Watch = Callable[[str, int, int], None]
Written = TypeVar("Written")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What an import changed, or would change.

    Attributes:
        difference: Between what was recorded and what the files say.
        closed: Names of contracts that were closed here; the files still have them as they were.
        problems: Why nothing was changed; none where nothing stands against it.
        warnings: What a person should look at twice, a sentence each.
    """

    difference: FleetDifference
    closed: tuple[str, ...]
    problems: tuple[Problem, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetImport:
    """Imports files.

    Attributes:
        units: Begins a transaction.
        clock: Dates what is recorded.
        actor: The person whose decisions these are.
        guard: Knows the stores and the presets, and which stores share whose fate.
    """

    units: Units
    clock: Clock
    actor: str
    guard: FateGuard

    def recorded(self) -> Fleet:
        """Everything that is recorded, closed contracts too."""
        with self.units(read_only=True) as unit:
            return recorded_fleet(unit)

    def preview(self, sources: FleetSources) -> ImportReport:
        """What `apply` would do and say; nothing is changed, and no writer is kept waiting."""
        return self._report(read_entries(sources), self.recorded(), sources)

    def apply(
        self, sources: FleetSources, *, evidence: str | None = None, watch: Watch
    ) -> ImportReport:
        """Make the fleet what the files say, in one transaction; nothing is taken away.

        With problems nothing is changed. Where nothing differs, nothing is written.

        Args:
            sources: The files.
            evidence: Why contracts that move are believed to end at another date; by default the
                file's name and digest.
            watch: Is told how far it is.
        """
        entries = read_entries(sources)
        with self.units() as unit:
            report = self._report(entries, recorded_fleet(unit), sources)
            if report.problems or not report.difference:
                return report
            self._record(unit, report.difference, self._renewals(report, entries, evidence), watch)
            unit.commit()
        self._log(report)
        return report

    def _report(
        self, entries: FleetEntries, recorded: Fleet, sources: FleetSources
    ) -> ImportReport:
        now = self.clock.now()
        built = build(entries, recorded, now)
        difference = compare(recorded, built.fleet)
        found = check(difference, recorded, entries, built, self.guard)
        problems = (*sources.problems, *entries.problems, *built.problems, *found)
        return ImportReport(
            difference=difference,
            closed=built.closed,
            problems=_in_order(problems),
            warnings=(
                *(source.note for source in sources.readable if source.note),
                *warnings(difference, now),
            ),
        )

    def _renewals(
        self, report: ImportReport, entries: FleetEntries, evidence: str | None
    ) -> tuple[Renewal, ...]:
        """The record of each contract that moves: later, or earlier."""
        now = self.clock.now()
        sources = {entry.name: entry.source for entry in entries.contracts}
        return tuple(
            Renewal(
                contract=moved.new.name,
                old_expiry=moved.old.expiry,
                new_expiry=moved.new.expiry,
                evidence=evidence or sources[moved.new.name].evidence,
                who=self.actor,
                at=now,
            )
            for moved in report.difference.moved
        )

    def _record(
        self,
        unit: UnitOfWork,
        difference: FleetDifference,
        renewals: Sequence[Renewal],
        watch: Watch,
    ) -> None:
        servers, contracts = difference.servers, difference.contracts
        changed = [each.new for each in servers.changed]
        _in_pieces("adding servers", servers.added, unit.servers.add_all, watch)
        _in_pieces("changing servers", changed, unit.servers.update_all, watch)
        _in_pieces("adding contracts", contracts.added, unit.contracts.add_all, watch)
        staying = list(_without_moves(contracts.changed))
        _in_pieces("changing contracts", staying, unit.contracts.update_all, watch)
        _in_pieces("moving contracts", renewals, unit.contracts.record_moves, watch)

    def _log(self, report: ImportReport) -> None:
        servers, contracts = report.difference.servers, report.difference.contracts
        LOG.info(
            "fleet.imported",
            servers_added=len(servers.added),
            servers_changed=len(servers.changed),
            contracts_added=len(contracts.added),
            contracts_changed=len(contracts.changed),
        )


def read_entries(sources: FleetSources) -> FleetEntries:
    """What all the files say together."""
    return join(read_csv(each) if each.tabular else read_toml(each) for each in sources.readable)


def recorded_fleet(unit: UnitOfWork) -> Fleet:
    """Everything that is recorded, closed contracts too."""
    return Fleet(servers=unit.servers.list(), contracts=unit.contracts.list())


def _without_moves(changed: Sequence[Changed[Contract]]) -> Iterator[Contract]:
    """Contracts with what else changes in them than the expiry, which moves on its own."""
    for each in changed:
        if {change.key for change in each.changes} - {"expires", "timezone"}:
            yield replace(each.new, expiry=each.old.expiry)


def _in_pieces(
    what: str,
    things: Sequence[Written],
    write: Callable[[Sequence[Written]], None],
    watch: Watch,
) -> None:
    for start in range(0, len(things), _PIECE):
        watch(what, start, len(things))
        write(things[start : start + _PIECE])


def _in_order(problems: Sequence[Problem]) -> tuple[Problem, ...]:
    """File by file, from top to bottom; what concerns a file as a whole comes first."""
    files = list(dict.fromkeys(problem.place.file for problem in problems))
    return tuple(
        sorted(problems, key=lambda each: (files.index(each.place.file), each.place.line or 0))
    )
