"""The world itself: it lets everything happen in its order, and asks the daemons what they do."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from daemon.domain.identifier import new_run_id
from daemon.domain.preset import Preset
from daemon.domain.run import Captured, Failure, Run, RunKind, RunState, advance
from daemon.errors import ClaimLost, RunActive
from daemon.services.allotment import Assignment
from tests.simulation.agenda import Agenda
from tests.simulation.chance import between, stream
from tests.simulation.clocks import offset
from tests.simulation.daemons import LEASE, RENEWED, SimulatedDaemon
from tests.simulation.effects import Effects
from tests.simulation.ledger import Ledger
from tests.simulation.outcome import Copy, Outcome, Record
from tests.simulation.people import carry_out
from tests.simulation.scenario import Act, Machine, Scenario, within
from tests.simulation.traffic import Disk, Flight, Traffic

MANIFEST = hashlib.sha256(b"manifest").hexdigest()
SNAPSHOT = hashlib.sha256(b"snapshot").hexdigest()
#: A store may be out for so long before a run gives up.
PATIENCE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """One run that a daemon wants to begin."""

    server: str
    kind: RunKind
    assignment: Assignment | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a daemon does at one moment; `wake_at` is a true instant."""

    starts: tuple[Start, ...]
    pauses: tuple[str, ...] = ()
    wake_at: datetime


class Chooser(Protocol):
    """A way of deciding: the product's, or a rival's."""

    def decide(self, world: "World", daemon: SimulatedDaemon) -> Decision:
        """What to do now."""


class World:
    """One scenario, played."""

    def __init__(
        self, scenario: Scenario, chooser: Chooser, presets: Mapping[str, Preset], ledger: Ledger
    ) -> None:
        self.scenario = scenario
        self.ledger = ledger
        self.agenda = Agenda(scenario.begin)
        self.traffic = Traffic(scenario)
        self.record = Record(scenario=scenario)
        self.presets = presets
        self.machines = {machine.name: machine for machine in scenario.machines}
        self.disks = {machine.name: Disk() for machine in scenario.machines}
        self.daemons = [SimulatedDaemon(self, host) for host in scenario.hosts]
        self.chooser = chooser
        right = not any((*scenario.database_steps, *(h.steps for h in scenario.hosts)))
        self.renewed = RENEWED if right else LEASE
        self.chance = stream(scenario.seed, "world")
        self._effects = Effects(self)
        self._luck = stream(scenario.seed, "luck")

    @property
    def now(self) -> datetime:
        """The true instant."""
        return self.agenda.now

    def play(self) -> Record:
        """Let it all happen; what came of it."""
        for machine in self.scenario.machines:
            self._expect(machine)
        for act in self.scenario.acts:
            self.agenda.enter(act.at, self._act(act))
        for store in self.scenario.stores:
            for stretch in (*store.outages, *store.slow):
                self.agenda.enter(stretch.begin, self.share)
                self.agenda.enter(stretch.end, self.share)
            for outage in store.outages:
                self.agenda.enter(outage.begin + PATIENCE, self._give_up)
        for daemon in self.daemons:
            daemon.expect()
        self.agenda.play(self.scenario.end)
        return self.record

    def stamp(self, daemon: SimulatedDaemon | None = None) -> datetime:
        """What the clock says that the ledger goes by: the database's, where there are several."""
        if len(self.daemons) > 1:
            return self.now + offset(self.scenario.database_steps, self.now)
        return (daemon or self.daemons[0]).wall()

    def changed(self) -> None:
        """Something is on record that was not; the daemons see it within seconds."""
        for daemon in self.daemons:
            daemon.wake(self.now + between(self.chance, timedelta(), timedelta(seconds=5)))

    def start(self, daemon: SimulatedDaemon, start: Start) -> Run | None:
        """Claim a run and let it fly; None if somebody else has the server."""
        at = self.stamp(daemon)
        number = self.record.count("claims").to_bytes(3, "big")
        try:
            run = self.ledger.claim(
                run=new_run_id(at, number),
                server=start.server,
                kind=start.kind,
                store=self.machines[start.server].store,
                owner=daemon.owner,
                lease=self.renewed,
                at=at,
                is_gone=daemon.is_gone,
            )
        except RunActive:
            return None
        self._effects.claimed(run)
        pulling = advance(run, RunState.PULLING, at)
        self.ledger.save(pulling, at)
        self._take_off(daemon, pulling, start)
        self.changed()
        return pulling

    def share(self) -> None:
        """Share the lines anew, and see who lands when."""
        self.traffic.share(self.now)
        for flight in self.traffic.flights.values():
            end = flight.ends_at()
            if end is not None:
                self.agenda.enter(end, self._landing(flight, flight.version))

    def break_off(self, flight: Flight, code: str, *, recorded: bool = True) -> None:
        """A run ends before it is complete; what was checkpointed is not moved again."""
        if self.traffic.flights.pop(flight.run.run, None) is None:
            return
        flight.settle(self.now)
        disk = self.disks[flight.machine.name]
        disk.credit += flight.saved
        self.record.broken += 1
        if recorded:
            self._save(flight, self._broken(flight, code))
        self.share()

    def flights_of(self, host: str) -> list[Flight]:
        """What a host carries."""
        return [flight for flight in self.traffic.flights.values() if flight.host == host]

    def expect_stop(self, servers: tuple[str, ...]) -> None:
        """Look at these servers when what is now on record as their stop has come."""
        for server in servers:
            life = self.ledger.life(server)
            if life is not None and life.timeline.stop_at > self.now:
                self.agenda.enter(life.timeline.stop_at, self._stop(server, life.timeline.stop_at))

    def _expect(self, machine: Machine) -> None:
        measured = int(machine.bytes_at(machine.born_at)) if machine.tells_size else None

        def appear() -> None:
            self.ledger.add_server(machine, measured, self.stamp())
            self.changed()

        def vanish() -> None:
            for flight in [f for f in self.traffic.flights.values() if f.machine is machine]:
                self.break_off(flight, "Unreachable")
            self.ledger.drop_server(machine.name, self.stamp())

        self.agenda.enter(machine.born_at, appear)
        if machine.gone_at < self.scenario.end:
            self.agenda.enter(machine.gone_at, vanish)
        for stretch in machine.reachable:
            self.agenda.enter(stretch.end, lambda: self._cut_off(machine))

    def _act(self, act: Act) -> Callable[[], None]:
        return lambda: carry_out(act, self)

    def _cut_off(self, machine: Machine) -> None:
        """The line to a server is dead; its runs notice after a while."""
        if within(machine.reachable, self.now):
            return
        for flight in [f for f in self.traffic.flights.values() if f.machine is machine]:
            self._strand(flight)

    def _give_up(self) -> None:
        for flight in list(self.traffic.flights.values()):
            if self.traffic.is_out(flight.machine.store, self.now):
                self.break_off(flight, "StoreUnavailable")

    def _take_off(self, daemon: SimulatedDaemon, run: Run, start: Start) -> None:
        machine, disk = self.machines[start.server], self.disks[start.server]
        whole = machine.bytes_at(self.now)
        full = whole if disk.complete is None else machine.changed(disk.complete, self.now)
        need = max(0.0, full - disk.credit)
        flight = Flight(
            run=run,
            machine=machine,
            host=daemon.host.name,
            started=self.now,
            assignment=start.assignment,
            need=need,
            overhead=machine.overhead,
            left=need,
            verify=5.0 + need / machine.verify_rate,
            slowness=min(2.0, max(0.7, self._luck.lognormvariate(0.0, machine.noise))),
            settled=self.now,
        )
        self.traffic.flights[run.run] = flight
        self.record.took_off(flight)
        if not within(machine.reachable, self.now):
            self._strand(flight)
        elif self.traffic.is_out(machine.store, self.now):
            self.agenda.enter(self.now + PATIENCE, self._give_up)
        self.share()

    def _strand(self, flight: Flight) -> None:
        flight.settle(self.now)
        flight.moving = False
        after = between(self.chance, timedelta(seconds=5), timedelta(seconds=60))
        self.agenda.enter(self.now + after, lambda: self.break_off(flight, "Unreachable"))

    def _landing(self, flight: Flight, version: int) -> Callable[[], None]:
        def land() -> None:
            if flight.version == version and flight.run.run in self.traffic.flights:
                self._land(flight)

        return land

    def _land(self, flight: Flight) -> None:
        del self.traffic.flights[flight.run.run]
        flight.settle(self.now)
        disk = self.disks[flight.machine.name]
        if self._save(flight, self._complete(flight)):
            disk.complete, disk.credit = flight.started, 0.0
            self.record.landed(flight, Copy(began=flight.started, ended=self.now))
        self.share()

    def _complete(self, flight: Flight) -> Run:
        at = self._stamp_of(flight)
        size = int(flight.machine.bytes_at(flight.started))
        captured = Captured(
            files=1000,
            bytes=size,
            stored_bytes=int(flight.need * 0.6),
            new_bytes=int(flight.need),
            snapshot=SNAPSHOT,
        )
        storing = advance(flight.run, RunState.STORING, at)
        verifying = advance(storing, RunState.VERIFYING, at, captured=captured)
        return advance(verifying, RunState.VERIFIED, at, manifest_sha256=MANIFEST)

    def _broken(self, flight: Flight, code: str) -> Run:
        state = RunState.PARTIAL if flight.saved > 0.0 else RunState.FAILED
        failure = Failure(code=code, message=code, hint="")
        return advance(flight.run, state, self._stamp_of(flight), error=failure)

    def _save(self, flight: Flight, run: Run) -> bool:
        """Record a run's end; False if it is no longer its owner's to record."""
        at = self._stamp_of(flight)
        took = timedelta(seconds=5.0 + flight.need / flight.machine.verify_rate)
        try:
            self.ledger.save(replace(run, verifying_at=max(run.started_at, at - took)), at)
        except ClaimLost:
            self.record.refused += 1
            return False
        self._effects.accepted(run)
        self.changed()
        return True

    def _stamp_of(self, flight: Flight) -> datetime:
        owner = next(daemon for daemon in self.daemons if daemon.host.name == flight.host)
        return max(self.stamp(owner), flight.run.started_at)

    def _stop(self, server: str, at: datetime) -> Callable[[], None]:
        def stop() -> None:
            life = self.ledger.life(server) if server in self.ledger.servers() else None
            if life is not None and life.timeline.stop_at == at:
                self.record.stops.append(Outcome(server=server, contract=life.contract, stop_at=at))

        return stop
