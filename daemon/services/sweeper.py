"""One sweep: read everything, plan, start what is due, stop what has to give way."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from daemon.domain.garbage import paused_collection
from daemon.domain.host import Host
from daemon.domain.outlook import Outlook
from daemon.domain.plan import Assumptions, Limits, Plan, PlannedRun
from daemon.domain.policy import Policy
from daemon.domain.present import Present
from daemon.domain.sighting import Sightings, sight
from daemon.log import LOG
from daemon.services.allotment import Company, assign
from daemon.services.ownership import is_gone
from daemon.services.planning import Planning
from daemon.services.sweep import choose, left_to_others
from daemon.services.units import Units
from daemon.services.workforce import Workforce


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What one sweep saw and decided.

    Attributes:
        outlooks: Of every server.
        plan: Made of them.
        started: Servers whose run was begun.
        part: Of all slots, those of this host.
    """

    outlooks: tuple[Outlook, ...]
    plan: Plan
    started: tuple[str, ...]
    part: float = 1.0

    @property
    def misses(self) -> int:
        """How many runs cannot end in time as things are."""
        return sum(not planned.feasible for planned in self.plan.runs)


class Planner(Protocol):
    """See `daemon.domain.planner.plan_present`."""

    def __call__(
        self,
        outlooks: Sequence[Outlook],
        policies: Sequence[Policy],
        limits: Limits,
        assumptions: Assumptions,
        present: Present,
        *,
        sightings: Sightings | None,
    ) -> Plan:
        """What is called for."""


class Sweeper:
    """Turns plans into runs on this host."""

    def __init__(
        self, *, units: Units, workforce: Workforce, planner: Planner, owner: str, host: str
    ) -> None:
        """Prepare.

        Args:
            units: Opens transactions.
            workforce: Carries runs out.
            planner: Makes the plan.
            owner: Us; see `name_owner`.
            host: Whose staging we have.
        """
        self._units = units
        self._workforce = workforce
        self._planner = planner
        self._owner = owner
        self._host = host
        self._left_since: dict[str, datetime] = {}
        self._sightings: Sightings | None = None

    @paused_collection()
    def sweep(self, planning: Planning, present: Present, lapsed: Iterable[str] = ()) -> Swept:
        """Do what is to be done now.

        Args:
            planning: Reads what is planned for, and says by which rules.
            present: The present, by each clock that counts.
            lapsed: Runs whose lease has lapsed by the database's clock, by id.

        Raises:
            DatabaseError: nothing was started.
        """
        with self._units(read_only=True) as unit:
            fleet = planning.gather(unit)
            alive = unit.hosts.alive()
        seen, gone = planning.assemble(fleet), frozenset(lapsed)
        outlooks = tuple(self._without_owner(outlook, gone, present) for outlook in seen)
        self._sightings = sight(self._sightings, outlooks, present)
        limits, slots = self._of_all(planning.limits, alive), planning.limits.slots
        plan = self._plan(outlooks, planning, limits, present)
        for server in plan.pauses:
            self._workforce.pause(server)
        free = slots - len(self._workforce.servers())
        places = _places(outlooks, alive)
        chosen = self._choose(plan, free, limits.lead, places, present.carried)
        started = tuple(self._begin(chosen, plan, limits, self._elsewhere(outlooks, present)))
        return Swept(outlooks=outlooks, plan=plan, started=started, part=slots / limits.slots)

    def _of_all(self, limits: Limits, alive: Iterable[Host]) -> Limits:
        """The limits with the slots of all daemons."""
        others = sum(each.slots for each in alive if each.owner != self._owner)
        return replace(limits, slots=limits.slots + others)

    def _choose(
        self, plan: Plan, free: int, lead: timedelta, places: Mapping[str, str], now: datetime
    ) -> tuple[PlannedRun, ...]:
        busy = self._workforce.servers()
        apart = busy | self._workforce.resting()
        runs = tuple(each for each in plan.runs if each.demand.server not in apart)
        startable = replace(plan, runs=runs)
        left = left_to_others(startable, self._host, places, plan.at)
        self._left_since = {each: self._left_since.get(each, now) for each in left}
        return choose(
            startable,
            free,
            self._host,
            places,
            plan.at,
            left_since=self._left_since,
            carried=now,
            lead=lead,
        )

    def _begin(
        self,
        chosen: Sequence[PlannedRun],
        plan: Plan,
        limits: Limits,
        elsewhere: tuple[str, ...],
    ) -> Iterator[str]:
        for planned in chosen:
            here = self._workforce.under_way()
            company = Company(here=here, elsewhere=elsewhere, coming=plan.runs)
            assignment = assign(planned, limits, company)
            if self._workforce.start(assignment):
                yield assignment.server

    def _elsewhere(self, outlooks: Iterable[Outlook], present: Present) -> tuple[str, ...]:
        """The stores of the runs that others make."""
        attempts = ((outlook, outlook.attempt) for outlook in outlooks)
        return tuple(
            outlook.store
            for outlook, attempt in attempts
            if attempt is not None
            and attempt.finished_at is None
            and attempt.lease_until > present.database
            and attempt.owner != self._owner
        )

    def _plan(
        self, outlooks: Sequence[Outlook], planning: Planning, limits: Limits, present: Present
    ) -> Plan:
        """The plan; a server that cannot be planned for keeps no other from being saved."""

        def attempt(given: Sequence[Outlook]) -> Plan:
            return self._planner(
                given,
                planning.policies,
                limits,
                planning.assumptions,
                present,
                sightings=self._sightings,
            )

        try:
            return attempt(outlooks)
        except Exception:  # noqa: BLE001 - a defect; found out about below, one by one
            return attempt([each for each in outlooks if _can_be_planned(each, attempt)])

    def _without_owner(self, outlook: Outlook, lapsed: frozenset[str], present: Present) -> Outlook:
        """The outlook with a lease that has lapsed, if the run under way belongs to nobody.

        Its lease may still seem to hold: by our clock, or since a process of this host that is
        gone could not give it back.
        """
        attempt = outlook.attempt
        if attempt is None or attempt.finished_at is not None:
            return outlook
        if attempt.run in lapsed or is_gone(attempt.owner, self._owner):
            ended = min(attempt.lease_until, *present)
            return replace(outlook, attempt=replace(attempt, lease_until=ended))
        return outlook


def _places(outlooks: Iterable[Outlook], alive: Iterable[Host]) -> dict[str, str]:
    """Where each server's staging is, as far as a daemon is alive there."""
    hosts = {each.host for each in alive}
    placed = ((each.server, each.host) for each in outlooks)
    return {server: host for server, host in placed if host is not None and host in hosts}


def _can_be_planned(outlook: Outlook, attempt: Callable[[Sequence[Outlook]], Plan]) -> bool:
    try:
        attempt([outlook])
    except Exception as error:  # noqa: BLE001 - a defect that one server shows; told, and left out
        LOG.error("plan.broke", server=outlook.server, error=repr(error), exc_info=error)
        return False
    return True
