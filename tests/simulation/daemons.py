"""The daemons of a world: up or down, frozen or not, each with a clock of its own."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from daemon.domain.present import Bearing, Present, take_bearing
from daemon.domain.run import RunState, advance
from daemon.domain.sighting import Sightings
from daemon.errors import ClaimLost
from tests.simulation.chance import between, happens
from tests.simulation.clocks import offset
from tests.simulation.scenario import Host

if TYPE_CHECKING:
    from tests.simulation.world import World

LEASE = timedelta(seconds=90)
#: A live owner renews its lease all the time, so it lapses only some time after the owner is gone.
#: Where no clock is ever wrong it is put down as if renewed for long, and set right at its end.
RENEWED = timedelta(days=3650)
#: A pause takes effect at the next checkpoint.
CHECKPOINT = timedelta(seconds=60)


class SimulatedDaemon:
    """One daemon, through all its lives."""

    def __init__(self, world: "World", host: Host) -> None:
        self.host = host
        self.up = False
        self.frozen = False
        self.since = world.scenario.begin
        self._world = world
        self._lives = 0
        self._due: datetime | None = None
        self._bearing: Bearing | None = None
        self.sightings: Sightings | None = None

    @property
    def owner(self) -> str:
        """As it signs claims: host, process, a random part."""
        return f"{self.host.name}:{1000 + self._lives}:{self._lives:04x}"

    def expect(self) -> None:
        """Enter everything that will befall it."""
        enter = self._world.agenda.enter
        enter(self._world.scenario.begin, self._boot)
        for downtime in self.host.downtimes:
            enter(downtime.begin, self._end)
            enter(downtime.end, self._boot)
        for freeze in self.host.freezes:
            enter(freeze.begin, self._freeze)
            enter(freeze.end, self._thaw)
        for step in self.host.steps:
            for at in (step.during.begin, step.during.end):
                # A sweep comes at least every five minutes, so a step is seen within that time.
                enter(at, self._look_soon)

    def wall(self) -> datetime:
        """What its clock shows."""
        return self._world.now + offset(self.host.steps, self._world.now)

    def look(self) -> Present:
        """The present as it takes it, by the wall, the monotonic clock and the newest event."""
        world = self._world
        monotonic = (world.now - world.scenario.begin).total_seconds()
        newest = world.ledger.newest_at
        stamp = world.stamp(self)
        self._bearing = take_bearing(self._bearing, self.wall(), monotonic, newest, stamp)
        return self._bearing.present

    def is_gone(self, owner: str) -> bool:
        """Whether another owner provably exists no more: a process of this host that is not us."""
        return owner.split(":", maxsplit=1)[0] == self.host.name and owner != self.owner

    def wake(self, at: datetime) -> None:
        """Sweep at a true instant, or before."""
        if self.up and (self._due is None or at < self._due):
            self._due = max(at, self._world.now)
            self._world.agenda.enter(self._due, self._sweeping(self._due))

    def sweep(self) -> None:
        """Decide and act."""
        self._due = None
        self._renew()
        decision = self._world.chooser.decide(self._world, self)
        for start in decision.starts:
            self._world.start(self, start)
        for flight in self._world.flights_of(self.host.name):
            if flight.machine.name in decision.pauses:
                self._pause(flight.run.run)
        self.wake(decision.wake_at)

    def _sweeping(self, due: datetime) -> Callable[[], None]:
        def sweep() -> None:
            if self._due == due and self.up and not self.frozen:
                self.sweep()

        return sweep

    def _look_soon(self) -> None:
        soon = between(self._world.chance, timedelta(), timedelta(minutes=5))
        self.wake(self._world.now + soon)

    def _renew(self) -> None:
        ledger, now = self._world.ledger, self._world.stamp(self)
        for flight in self._world.flights_of(self.host.name):
            if ledger.is_ours(flight.run):
                left = ledger.lease_of(flight.run) - now
                if left < LEASE or self._world.renewed == LEASE:
                    ledger.hold(flight.run, now + self._world.renewed)

    def _pause(self, run: str) -> None:
        world = self._world

        def stop() -> None:
            flight = world.traffic.flights.get(run)
            if flight is not None and flight.moving:
                world.record.paused += 1
                world.break_off(flight, "RunPaused")

        after = between(world.chance, timedelta(seconds=1), CHECKPOINT)
        world.agenda.enter(world.now + after, stop)

    def _boot(self) -> None:
        self._lives += 1
        self.up, self.frozen, self._due = True, False, None
        self._bearing = self.sightings = None
        self.since = self._world.now
        self.wake(self._world.now + between(self._world.chance, timedelta(), LEASE / 10))

    def _end(self) -> None:
        """Crash, or stop in order."""
        world = self._world
        in_order = happens(world.chance, 0.5)
        for flight in world.flights_of(self.host.name):
            if not in_order and world.ledger.is_ours(flight.run):
                self._last_renewal(flight.run.run)
            world.break_off(flight, "Interrupted", recorded=in_order)
        self.up = False

    def _last_renewal(self, run: str) -> None:
        """The lease of a run is as it was left at some time before the crash."""
        world = self._world
        flight = world.traffic.flights[run]
        ago = between(world.chance, timedelta(), LEASE / 4)
        world.ledger.hold(flight.run, world.stamp(self) + LEASE - ago)
        self._others_look()

    def _others_look(self) -> None:
        """A lease that lapses is seen by whoever is there."""
        world = self._world
        for daemon in world.daemons:
            world.agenda.enter(world.now + LEASE, lambda daemon=daemon: daemon.wake(world.now))

    def _freeze(self) -> None:
        if not self.up:
            return
        for flight in self._world.flights_of(self.host.name):
            if self._world.ledger.is_ours(flight.run):
                self._last_renewal(flight.run.run)
            flight.settle(self._world.now)
            flight.moving = False
        self.frozen = True
        self._world.share()

    def _thaw(self) -> None:
        if not (self.up and self.frozen):
            return
        self.frozen, self._due = False, None
        self.since = self._world.now
        for flight in self._world.flights_of(self.host.name):
            self._go_on(flight.run.run)
        self._world.share()
        self.wake(self._world.now + timedelta(seconds=1))

    def _go_on(self, run: str) -> None:
        """Write about a run after a freeze: accepted only while nobody else has it."""
        world = self._world
        flight = world.traffic.flights[run]
        flight.settle(world.now)
        if world.ledger.is_ours(flight.run):
            flight.moving = True
            world.ledger.hold(flight.run, world.stamp(self) + LEASE)
            return
        storing = advance(flight.run, RunState.STORING, world.stamp(self))
        try:
            world.ledger.save(storing, world.stamp(self))
        except ClaimLost:
            world.record.refused += 1
        else:
            world.record.find("stale write", flight.machine.name, world.now, "It was accepted.")
        del world.traffic.flights[run]
