"""Brings together what planning looks at: the registry, the history, the provider facts.

Read only. What is decided with it is `daemon.domain.planner`; what is done about that, the sweep.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from daemon.clock import Clock
from daemon.domain.acknowledgement import Acknowledgement, Decision
from daemon.domain.contract import ContractState
from daemon.domain.fate import StoreFate, shared_fate
from daemon.domain.instant import write_second
from daemon.domain.life import life_of
from daemon.domain.outlook import Life, Outlook
from daemon.domain.plan import Assumptions, Limits
from daemon.domain.planned import PlannedContract, PlannedServer
from daemon.domain.policy import Policy
from daemon.domain.provider_copy import ProviderStanding
from daemon.domain.standing import Standing
from daemon.presets.catalogue import Catalogue, load_catalogue
from daemon.services.units import Units
from daemon.store.unit_of_work import UnitOfWork

_NOTHING: Final = Standing(server="")
_DECIDED: Final[Mapping[Decision, str]] = {
    Decision.RENEWING: "it is being renewed",
    Decision.LET_LAPSE: "it is meant to lapse",
    Decision.MIGRATED: "what it carried lives elsewhere",
    Decision.SNOOZE: "nothing is decided yet",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """Everything on record that planning looks at, of one instant.

    Attributes:
        servers: All.
        contracts: The active ones, and those closed ones that speak alone for a server.
        standings: By server.
        acknowledgements: The newest of each contract, by its name.
        providers: Provider snapshots of the servers that have some or can have, by server.
    """

    servers: Sequence[PlannedServer]
    contracts: Sequence[PlannedContract]
    standings: Mapping[str, Standing] = field(default_factory=dict)
    acknowledgements: Mapping[str, Acknowledgement] = field(default_factory=dict)
    providers: Mapping[str, ProviderStanding] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Planning:
    """What the settings say of planning, and how the rest of it is read.

    Attributes:
        units: Opens transactions.
        clock: The time; only how old facts are is judged by it.
        policies: Ways of saving servers.
        limits: What runs share; the slots are this host's.
        assumptions: What is taken for granted.
        fates: Whose the stores are, by name.
        default_store: Of servers that name none; None where the settings have none.
        catalogue: Facts about providers.
    """

    units: Units
    clock: Clock
    policies: tuple[Policy, ...]
    limits: Limits
    assumptions: Assumptions
    fates: Mapping[str, StoreFate] = field(default_factory=dict)
    default_store: str | None = None
    catalogue: Catalogue = field(default_factory=load_catalogue)

    def outlooks(self) -> tuple[Outlook, ...]:
        """Every registered server's outlook, by name, all of one instant."""
        with self.units(read_only=True) as unit:
            return self.read(unit)

    def read(self, unit: UnitOfWork) -> tuple[Outlook, ...]:
        """The same within a unit of work."""
        return self.assemble(self.gather(unit))

    def gather(self, unit: UnitOfWork) -> Fleet:
        """All that is on record; what follows from it can wait until the unit has ended."""
        return Fleet(
            servers=unit.planning.servers(),
            contracts=unit.planning.contracts(),
            standings=unit.planning.standings(),
            acknowledgements=unit.planning.acknowledgements(),
            providers=unit.provider_copies.standings(),
        )

    def assemble(self, fleet: Fleet) -> tuple[Outlook, ...]:
        """The outlooks that follow from what is on record."""
        # Provider facts that were checked long before are a doubt.
        today = self.clock.now().date()
        # Zone rules change under a running daemon; they are read anew for each plan.
        ZoneInfo.clear_cache()
        active = [each for each in fleet.contracts if each.state is ContractState.ACTIVE]
        ties = _Ties.of(active, self._lives(active, today))
        closed = _closing_words(fleet.contracts)
        return tuple(
            self._outlook(server, fleet, ties, closed.get(server.name)) for server in fleet.servers
        )

    def _lives(self, contracts: Iterable[PlannedContract], today: date) -> dict[str, Life]:
        find = self.catalogue.find
        return {each.name: life_of(each, find(each.preset), today=today) for each in contracts}

    def _outlook(
        self, server: PlannedServer, fleet: Fleet, ties: "_Ties", closed: str | None
    ) -> Outlook:
        store = server.store or self.default_store or ""
        lives = ties.of_server.get(server.name, ())
        life = min(lives, key=_stop_at) if lives else None
        standing = fleet.standings.get(server.name, _NOTHING)
        return Outlook(
            server=server.name,
            store=store,
            labels=_labels(server, ties.labels.get(server.name)),
            value=server.value,
            priority=server.priority,
            bandwidth=server.bandwidth,
            rates=server.rates,
            depth=server.depth,
            life=life,
            closed=None if life else closed,
            acknowledged="" if life is None else _decision(life, fleet.acknowledgements, ties),
            copy=standing.copy,
            attempt=standing.attempt,
            samples=standing.samples,
            measured_bytes=standing.measured_bytes,
            host=standing.host,
            same_fate=self._same_fate(store, lives, ties),
            fate_accepted=server.fate_accepted,
            provider=fleet.providers.get(server.name),
        )

    def _same_fate(self, store: str, lives: Sequence[Life], ties: "_Ties") -> tuple[str, ...]:
        fate, store_lives = self.fates.get(store), ties.of_store.get(store, ())
        if not lives or (not store_lives and (fate is None or fate.provider is None)):
            return ()
        return shared_fate(fate or StoreFate(name=store), lives, store_lives)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ties:
    """Active contracts by what lives by them.

    Attributes:
        of_server: Lives of each server.
        of_store: Lives of each store.
        labels: What contracts pass on to each server.
        contracts: The contracts themselves, by name.
    """

    of_server: Mapping[str, list[Life]]
    of_store: Mapping[str, list[Life]]
    labels: Mapping[str, set[str]]
    contracts: Mapping[str, PlannedContract]

    @classmethod
    def of(cls, contracts: Iterable[PlannedContract], lives: Mapping[str, Life]) -> "_Ties":
        """The ties of these active contracts."""
        of_server: dict[str, list[Life]] = defaultdict(list)
        of_store: dict[str, list[Life]] = defaultdict(list)
        labels: dict[str, set[str]] = defaultdict(set)
        by_name = {}
        for contract in contracts:
            life = lives[contract.name]
            by_name[contract.name] = contract
            for server in contract.servers:
                of_server[server].append(life)
                if contract.labels:
                    labels[server].update(contract.labels)
            for store in contract.stores:
                of_store[store].append(life)
        return cls(of_server=of_server, of_store=of_store, labels=labels, contracts=by_name)


def _stop_at(life: Life) -> tuple[datetime, str]:
    return life.timeline.stop_at, life.contract


def _labels(server: PlannedServer, passed_on: set[str] | None) -> frozenset[str]:
    return frozenset(server.labels) if not passed_on else frozenset(passed_on).union(server.labels)


def _decision(life: Life, acknowledgements: Mapping[str, Acknowledgement], ties: _Ties) -> str:
    """What was decided about the end of a contract, as a sentence; empty if nothing holds."""
    found = acknowledgements.get(life.contract)
    if found is None or not found.holds_for(ties.contracts[life.contract].expiry):
        return ""
    until = "" if found.until is None else f", reminders rest until {write_second(found.until)}"
    return (
        f"{found.who} said at {write_second(found.at)} that {_DECIDED[found.decision]}{until}: "
        f"{found.reason}"
    )


def _closing_words(contracts: Iterable[PlannedContract]) -> dict[str, str]:
    """Why the newest closed contract of each server was closed."""
    closed = [each for each in contracts if each.closed_at is not None]
    words: dict[str, str] = {}
    for contract in sorted(closed, key=_closing):
        words.update(dict.fromkeys(contract.servers, contract.closed_reason or ""))
    return words


def _closing(contract: PlannedContract) -> tuple[datetime, str]:
    return contract.closed_at or datetime.min.replace(tzinfo=UTC), contract.name
