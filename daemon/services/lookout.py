"""Looking ahead, read only: how every server stands, what is planned, and what will happen."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from daemon.clock import Clock
from daemon.domain.acknowledgement import Acknowledgement
from daemon.domain.agenda import Appointment, appointments
from daemon.domain.contract import Contract, ContractState
from daemon.domain.lapse_gate import LapseAnswer, may_lapse
from daemon.domain.life import timeline_of
from daemon.domain.phase import Timeline
from daemon.domain.plan import Limits
from daemon.domain.progress import Progress
from daemon.domain.prospect import Prospect
from daemon.domain.status import ServerStatus
from daemon.domain.upkeep import Upkeep, upkeep_of
from daemon.domain.verdict import Verdict
from daemon.domain.verification import Outcome
from daemon.services.planning import Planning
from daemon.services.units import Units
from daemon.store.unit_of_work import UnitOfWork

#: The newest runs of a server; one of them has stored something, or none that matters has.
_LOOKED_AT: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Everything on record that bears on the future, of one instant.

    Attributes:
        now: The instant.
        prospect: Every server, and the rules.
        upkeeps: Contracts about stores and other things, the next to stop first.
        progress: How far runs under way are, by server, where that is known.
    """

    now: datetime
    prospect: Prospect
    upkeeps: tuple[Upkeep, ...]
    progress: Mapping[str, Progress] = field(default_factory=dict)

    def statuses(self, servers: Iterable[str] = ()) -> tuple[ServerStatus, ...]:
        """The verdict on these servers, or on all; the gravest first."""
        wanted = frozenset(servers)
        found = self.prospect.statuses(self.now)
        return tuple(each for each in found if not wanted or each.server in wanted)

    def everything(self, servers: Iterable[str] = ()) -> tuple[ServerStatus | Upkeep, ...]:
        """The same, and among them contracts about other things unless servers are named."""
        wanted = tuple(servers)
        found: list[ServerStatus | Upkeep] = [*self.statuses(wanted)]
        found += () if wanted else self.upkeeps
        return tuple(sorted(found, key=self._urgency))

    def verdict(self, found: ServerStatus | Upkeep) -> Verdict:
        """How one of them is judged."""
        return found.verdict(self.now) if isinstance(found, Upkeep) else found.verdict

    def _urgency(self, found: ServerStatus | Upkeep) -> tuple[int, bool, datetime, str]:
        return found.urgency(self.now) if isinstance(found, Upkeep) else found.urgency


class Lookout:
    """Reads only; every method sees one instant, and changes nothing."""

    def __init__(self, *, units: Units, clock: Clock, planning: Planning) -> None:
        self._units = units
        self._clock = clock
        self._planning = planning

    def view(self, servers: Iterable[str] = ()) -> View:
        """All there is to see.

        Args:
            servers: Names that are going to be asked about.

        Raises:
            NotFound: one of `servers` is not registered.
        """
        with self._units(read_only=True) as unit:
            for name in servers:
                unit.servers.get(name)
            return self._view(unit)

    def may_lapse(self, server: str, *, accept_fate: bool = False) -> LapseAnswer:
        """Whether a server may lapse right now; see `daemon.domain.lapse_gate`.

        Raises:
            NotFound: there is no such server.
        """
        with self._units(read_only=True) as unit:
            unit.servers.get(server)
            view = self._view(unit)
            failed = _failed_look(unit, server)
        (status,) = view.statuses((server,))
        return may_lapse(status.situation, failed_look=failed, accept_fate=accept_fate)

    def appointments(self) -> tuple[Appointment, ...]:
        """The dates of all contracts, those of closed ones for a while; see `agenda`."""
        with self._units(read_only=True) as unit:
            contracts = unit.contracts.list()
            view = self._view(unit)
        latest: dict[str, dict[str, datetime]] = {}
        for status in view.statuses():
            situation = status.situation
            life, at = situation.outlook.life, situation.latest_safe_start
            if life is not None and at is not None:
                # A server's last run is about the contract that stops first, and no other.
                latest.setdefault(life.contract, {})[status.server] = at
        return tuple(
            appointment
            for contract in contracts
            for appointment in appointments(
                contract, self._timeline(contract), latest.get(contract.name, {}), view.now
            )
        )

    def _view(self, unit: UnitOfWork) -> View:
        now, planning = self._clock.now(), self._planning
        prospect = Prospect(
            outlooks=planning.read(unit),
            policies=planning.policies,
            limits=self._limits(unit),
            assumptions=planning.assumptions,
        )
        return View(
            now=now,
            prospect=prospect,
            upkeeps=self._upkeeps(unit, now),
            progress=unit.progress.all(),
        )

    def _limits(self, unit: UnitOfWork) -> Limits:
        """What the daemons that are alive share; this host's settings where there is none."""
        limits = self._planning.limits
        slots = sum(host.slots for host in unit.hosts.alive())
        return replace(limits, slots=slots) if slots else limits

    def _upkeeps(self, unit: UnitOfWork, now: datetime) -> tuple[Upkeep, ...]:
        contracts = unit.contracts.list(state=ContractState.ACTIVE)
        decisions = unit.planning.acknowledgements()
        found = (self._upkeep(each, decisions.get(each.name), now) for each in contracts)
        kept = [upkeep for upkeep in found if upkeep is not None]
        return tuple(sorted(kept, key=lambda each: (each.timeline.stop_at, each.contract)))

    def _upkeep(
        self, contract: Contract, decision: Acknowledgement | None, now: datetime
    ) -> Upkeep | None:
        if not contract.stores and not contract.subject:
            return None
        return upkeep_of(contract, self._timeline(contract), decision, now)

    def _timeline(self, contract: Contract) -> Timeline:
        return timeline_of(contract, self._planning.catalogue.find(contract.preset))[0]


def _failed_look(unit: UnitOfWork, server: str) -> str | None:
    """What the verification of the newest run that stored anything found, if it failed."""
    rows = unit.history.rows(server=server, limit=_LOOKED_AT)
    row = next((row for row in rows if row.run.manifest_sha256 is not None), None)
    if row is None or row.verification is None or row.verification.outcome is not Outcome.FAILED:
        return None
    problems = "; ".join(row.verification.problems) or "something is missing or different"
    return f"The last verification of the run {row.run.run} failed: {problems}"
