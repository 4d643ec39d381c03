"""The product's own way of deciding, as its daemon decides: outlooks, plan, choice."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from daemon.domain.outlook import Outlook
from daemon.domain.plan import Limits, Plan, PlannedRun
from daemon.domain.planner import plan_present
from daemon.domain.sighting import sight
from daemon.services.allotment import Company, assign
from daemon.services.sweep import choose, left_to_others
from tests.simulation.daemons import SimulatedDaemon
from tests.simulation.world import Decision, Start, World

#: However sure a plan is that nothing changes, the daemon looks again; a world is spared most of
#: that, since nothing happens in it unseen.
LONGEST = timedelta(days=30)
#: While every slot is taken a plan changes nothing, except that it may name a run to pause.
FULL = timedelta(minutes=1)
#: A daemon does not sweep more often than this without a change.
SHORTEST = timedelta(seconds=1)


class Observer(Protocol):
    """Sees every plan and what is made of it."""

    def planned(
        self, daemon: SimulatedDaemon, sweep: "Sweep", chosen: tuple[PlannedRun, ...]
    ) -> None:
        """A sweep was decided."""


class Sweep:
    """What one sweep sees and decides; each part is kept for the observer."""

    def __init__(self, world: World, daemon: SimulatedDaemon) -> None:
        self.world = world
        self.present = daemon.look()
        self.busy = frozenset(f.machine.name for f in world.flights_of(daemon.host.name))
        self.outlooks = tuple(_without_owner(o, daemon, self) for o in world.ledger.outlooks())
        self.limits = _limits(world)
        daemon.sightings = self.sightings = sight(daemon.sightings, self.outlooks, self.present)
        self.plan = self.plan_anew(self.outlooks)

    @property
    def free(self) -> int:
        """Slots of this host that nothing occupies."""
        return self.world.scenario.limits.slots - len(self.busy)

    def plan_anew(self, outlooks: tuple[Outlook, ...]) -> Plan:
        """The plan for these outlooks at this sweep's moment."""
        scenario = self.world.scenario
        return plan_present(
            outlooks,
            scenario.policies,
            self.limits,
            scenario.assumptions,
            self.present,
            sightings=self.sightings,
        )


class Planning:
    """Decides like `daemon.services.sweeper`, which works on a database and with threads."""

    def __init__(self, observer: Observer | None = None) -> None:
        self._observer = observer
        self._left_since: dict[str, dict[str, datetime]] = {}

    def decide(self, world: World, daemon: SimulatedDaemon) -> Decision:
        """Sweep once."""
        world.record.sweeps += 1
        sweep = Sweep(world, daemon)
        chosen = self._choose(sweep, daemon)
        if self._observer is not None:
            self._observer.planned(daemon, sweep, chosen)
        shortest = SHORTEST if len(chosen) < sweep.free else FULL
        pause = min(max(sweep.plan.wake_at - sweep.plan.at, shortest), LONGEST)
        return Decision(
            starts=tuple(_assigned(sweep, daemon, chosen)),
            pauses=sweep.plan.pauses,
            wake_at=world.now + pause,
        )

    def _choose(self, sweep: Sweep, daemon: SimulatedDaemon) -> tuple[PlannedRun, ...]:
        world, host = sweep.world, daemon.host.name
        runs = tuple(run for run in sweep.plan.runs if run.demand.server not in sweep.busy)
        plan = replace(sweep.plan, runs=runs)
        alive = {other.host.name for other in world.daemons if _is_seen(other)}
        hosts = {o.server: o.host for o in sweep.outlooks if o.host is not None and o.host in alive}
        left, now = left_to_others(plan, host, hosts, plan.at), sweep.present.carried
        before = self._left_since.get(host, {})
        since = self._left_since[host] = {name: before.get(name, now) for name in left}
        lead = sweep.limits.lead
        return choose(
            plan, sweep.free, host, hosts, plan.at, left_since=since, carried=now, lead=lead
        )


def _is_seen(daemon: SimulatedDaemon) -> bool:
    return daemon.up and not daemon.frozen


def _limits(world: World) -> Limits:
    limits = world.scenario.limits
    alive = sum(_is_seen(daemon) for daemon in world.daemons)
    return replace(limits, slots=limits.slots * max(1, alive))


def _without_owner(outlook: Outlook, daemon: SimulatedDaemon, sweep: Sweep) -> Outlook:
    """As the sweeper sees a run whose owner is gone or whose lease the database calls lapsed."""
    attempt = outlook.attempt
    if attempt is None or attempt.finished_at is not None:
        return outlook
    lapsed = attempt.lease_until <= sweep.world.stamp(daemon)
    if lapsed or daemon.is_gone(attempt.owner):
        ended = min(attempt.lease_until, *sweep.present)
        return replace(outlook, attempt=replace(attempt, lease_until=ended))
    return outlook


def _assigned(
    sweep: Sweep, daemon: SimulatedDaemon, chosen: tuple[PlannedRun, ...]
) -> Iterator[Start]:
    """Each with its share of the bandwidth, as the sweeper gives it."""
    flights = sweep.world.traffic.flights.values()
    host = daemon.host.name
    here = [each.assignment for each in flights if each.assignment and each.host == host]
    elsewhere = tuple(each.machine.store for each in flights if each.host != host)
    for planned in chosen:
        company = Company(here=tuple(here), elsewhere=elsewhere, coming=sweep.plan.runs)
        assignment = assign(planned, sweep.limits, company)
        here.append(assignment)
        yield Start(server=assignment.server, kind=planned.demand.kind, assignment=assignment)
