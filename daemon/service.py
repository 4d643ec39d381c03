"""The daemon: a loop that looks, plans, starts runs, and keeps at it until it is told to end."""

import os
import socket
from collections.abc import Callable, Collection
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Final

from sqlalchemy import make_url

from daemon.bootstrap import Application, backup_tools, verification_tools
from daemon.domain.instant import shift
from daemon.domain.planner import plan_present
from daemon.domain.present import Bearing, Present, take_bearing
from daemon.errors import DatabaseError, ExitCode, LapseguardError
from daemon.log import LOG
from daemon.notification import Notification
from daemon.orders import Orders
from daemon.providers import provider_tools
from daemon.scheduler import Ticks
from daemon.services.allotment import Assignment
from daemon.services.destination import Patience
from daemon.services.dispatch import dispatch
from daemon.services.housekeeping import Orphans, Presence, Surveyor
from daemon.services.occupancy import occupy
from daemon.services.ownership import name_owner
from daemon.services.provider_watch import CopyWatch
from daemon.services.reverification import Reverifier
from daemon.services.stopping import CHECKPOINT_BUDGET as RUN_BUDGET
from daemon.services.stopping import Stopping
from daemon.services.sweeper import Sweeper, Swept
from daemon.services.vigil import Glance, Vigil
from daemon.services.workforce import Workforce
from daemon.settings import Configuration

#: From the order to end until every run has kept what had arrived; the unit grants more.
CHECKPOINT_BUDGET: Final = RUN_BUDGET + timedelta(seconds=30)
#: Between two looks at the database: what bounds how late anything is noticed.
_PULSE: Final = timedelta(seconds=2)
_HOUSEKEEPING: Final = timedelta(seconds=30)
_MEASURE: Final = timedelta(seconds=30)
#: Between two looks at which provider snapshots are due to be looked at.
_COPIES: Final = timedelta(seconds=2)
_VERIFY: Final = timedelta(minutes=5)
#: No proof begins if a run is to start so soon.
_CLEARANCE: Final = timedelta(minutes=10)
#: Seconds between two looks at the clocks and at orders.
_WATCH_SECONDS: Final = 5.0
#: Seconds between two looks at what is still under way at the end.
_ENDING_SECONDS: Final = 0.5
#: Seconds for runs that are told to end as they are.
_HURRY_SECONDS: Final = 5.0


def serve(
    application: Application,
    *,
    reread: Callable[[], Configuration],
    orders: Orders,
    notification: Notification,
) -> ExitCode:
    """Watch over all servers until told to end.

    Args:
        application: Put together; its settings are replaced as they are read again.
        reread: Reads the settings again.
        orders: What signals say.
        notification: The way to the service manager.

    Returns:
        DONE, or INTERRUPTED if runs had to be left as they were.

    Raises:
        DaemonActive: another daemon works with the same state folder or SQLite file.
        DatabaseError: the database did not answer at the start.
    """
    owner = name_owner(os.urandom)
    configuration = application.configuration
    file = _database_file(configuration)
    folders = [configuration.state_folder.root, *([] if file is None else [file.parent])]
    with ExitStack() as held:
        before = [
            held.enter_context(occupy(folder, owner))
            for folder in sorted({folder.resolve() for folder in folders})
        ]
        service = Service(
            application, owner=owner, reread=reread, orders=orders, notification=notification
        )
        if file is not None and not service.await_alone({each for each in before if each}):
            return ExitCode.DONE
        return service.run()


class Service:
    """What `serve` puts together; one object lives as long as the process."""

    def __init__(
        self,
        application: Application,
        *,
        owner: str,
        reread: Callable[[], Configuration],
        orders: Orders,
        notification: Notification,
    ) -> None:
        self._application = application
        self._reread = reread
        self._orders = orders
        self._notification = notification
        self._clock = application.clock
        self._vigil = Vigil()
        self._workforce = Workforce(
            self._carry_out,
            self._clock,
            on_end=self._vigil.call,
        )
        host = socket.gethostname()
        self._sweeper = Sweeper(
            units=application.units,
            workforce=self._workforce,
            planner=plan_present,
            owner=owner,
            host=host,
        )
        self._presence = Presence(
            units=application.units,
            owner=owner,
            host=host,
            slots=lambda: self._application.configuration.limits.slots,
        )
        self._reverifier = Reverifier(
            units=application.units,
            clock=self._clock,
            make_tools=lambda stop: verification_tools(
                self._application, Patience(stop=stop, warn=_warn)
            ),
        )
        self._surveyor = Surveyor(self._clock, lambda: backup_tools(self._application))
        self._orphans = Orphans()
        self._copies = CopyWatch(self._clock, lambda: provider_tools(self._application))
        self._bearing: Bearing | None = None
        self._swept: Swept | None = None
        self._is_away = False

    def await_alone(self, gone: Collection[str]) -> bool:
        """Be the only daemon of a database that is one file; see `Presence.await_alone`."""

        def tell(what: str) -> None:
            LOG.warning("service.waiting", message=what)
            self._notification.alive(what)

        def wait(seconds: float) -> bool:
            self._orders.wait(seconds)
            return self._orders.end.is_set()

        return self._presence.await_alone(gone, wait, tell)

    def run(self) -> ExitCode:
        """Tick until told to end, then end in good order."""
        self._presence.announce()
        ticks = Ticks(self._clock)
        ticks.every(_PULSE, "pulse", self.pulse)
        ticks.every(_HOUSEKEEPING, "housekeeping", self.keep_house)
        ticks.every(_MEASURE, "measure", self.measure)
        ticks.every(_VERIFY, "verify", self.verify)
        ticks.every(_COPIES, "copies", self.look_after_copies)
        LOG.info("service.started", host=socket.gethostname())
        ticks.start()
        try:
            while not self._orders.end.is_set():
                self._orders.wait(_WATCH_SECONDS)
                if ticks.keep_up():
                    LOG.warning("clock.stepped")
                    self._vigil.call()
            return self._wind_down()
        finally:
            ticks.stop()
            self._presence.leave()
            LOG.info("service.ended")

    def pulse(self) -> None:
        """One look at the database; a sweep if it is time; the word that we are alive."""
        try:
            seen, present = self._look()
        except DatabaseError as error:
            self._note_absence(error)
            return
        self._note_return()
        if self._orders.reload.is_set():
            self._reload()
        planning = self._application.configuration.settings.planning
        if not self._orders.end.is_set() and self._vigil.is_due(seen, planning.sweep_every):
            self._sweep(seen, present)
        self._notification.alive(self._status())

    def keep_house(self) -> None:
        """Say that we are there, and what lies about."""
        try:
            self._presence.announce()
        except DatabaseError as error:
            self._note_absence(error)
        if self._swept is not None:
            known = frozenset(outlook.server for outlook in self._swept.outlooks)
            staging = self._application.configuration.state_folder.staging
            self._orphans.tell(staging, known)

    def measure(self) -> None:
        """Ask one server of which nothing is known how much it holds."""
        if self._swept is not None and not self._orders.end.is_set():
            self._surveyor.measure(self._swept.outlooks)

    def look_after_copies(self) -> None:
        """Look at provider snapshots under way; where there are none, nothing is asked."""
        if not self._orders.end.is_set():
            self._copies.look()

    def verify(self) -> None:
        """Prove one copy anew, unless a run is under way here or near."""
        swept = self._swept
        if swept is None or self._workforce.servers() or self._orders.end.is_set():
            return
        soon = shift(swept.plan.at, _CLEARANCE)
        if not any(planned.start_at <= soon for planned in swept.plan.runs):
            self._reverifier.look(swept.outlooks, self._application.configuration.policies)

    def _look(self) -> tuple[Glance, Present]:
        with self._application.units(read_only=True) as unit:
            head, newest, lapsed = unit.audit.head(), unit.audit.newest_at(), unit.runs.lapsed()
            database = unit.now()
        monotonic, wall = self._clock.monotonic(), self._clock.now()
        self._bearing = take_bearing(self._bearing, wall, monotonic, newest, database)
        seen = Glance(head=head.sequence, lapsed=lapsed, monotonic=monotonic)
        return seen, self._bearing.present

    def _sweep(self, seen: Glance, present: Present) -> None:
        self._vigil.begin()
        try:
            swept = self._sweeper.sweep(self._application.planning, present, seen.lapsed)
        except DatabaseError as error:
            self._note_absence(error)
            self._vigil.failed(self._clock.monotonic())
            return
        except Exception as error:  # noqa: BLE001 - a sweep that breaks is told of and done again
            LOG.error("sweep.failed", error=repr(error), exc_info=error)
            self._vigil.failed(self._clock.monotonic())
            return
        self._application.pacing.share(swept.part)
        self._copies.begin(swept.outlooks, self._application.configuration.policies, swept.plan)
        if swept.started:
            self._reverifier.give_way()
        self._vigil.swept(seen, swept.plan.wake_at - swept.plan.at, self._clock.monotonic())
        if self._swept is None:
            self._notification.ready()
        self._swept = swept

    def _reload(self) -> None:
        """Take the settings as they are now; what cannot be used leaves everything as it was."""
        self._orders.reload.clear()
        self._notification.reloading(self._clock.monotonic())
        try:
            read = self._reread()
        except LapseguardError as error:
            LOG.error("settings.refused", message=str(error), hint=error.hint)
        else:
            self._adopt(read)
        self._notification.ready()

    def _adopt(self, read: Configuration) -> None:
        kept = self._application.configuration.settings.daemon
        if read.settings.daemon != kept:
            LOG.warning("settings.postponed", message="[daemon] is read at the next start only.")
        settings = read.settings.model_copy(update={"daemon": kept})
        configuration = replace(read, settings=settings)
        self._application = self._application.reconfigured(configuration)
        self._vigil.call()
        LOG.info("settings.reloaded", files=[str(file) for file in read.files])

    def _carry_out(self, assignment: Assignment, stopping: Stopping) -> None:
        """One run. Its share of the bandwidth follows the time of the day, so it is no constant."""
        application, store = self._application, assignment.planned.demand.store
        rate = application.pacing.pull_rate(store, assignment.bandwidth)
        free = replace(assignment, bandwidth=None)
        dispatch(lambda: backup_tools(application, rate), free, stopping)

    def _wind_down(self) -> ExitCode:
        self._notification.stopping("keeping what has arrived")
        self._reverifier.give_way()
        self._workforce.close()
        self._copies.close(_HURRY_SECONDS)
        LOG.info("service.ending", runs=sorted(self._workforce.servers()))
        until = self._clock.monotonic() + CHECKPOINT_BUDGET.total_seconds()
        while not self._workforce.wait(0):
            if self._orders.hurry.is_set() or self._clock.monotonic() > until:
                self._workforce.force()
                return self._leave_behind()
            self._orders.wait(_ENDING_SECONDS)
        return ExitCode.DONE

    def _leave_behind(self) -> ExitCode:
        if self._workforce.wait(_HURRY_SECONDS):
            return ExitCode.DONE
        LOG.warning("run.left_behind", servers=sorted(self._workforce.servers()))
        return ExitCode.INTERRUPTED

    def _note_absence(self, error: DatabaseError) -> None:
        if not self._is_away:
            LOG.error("database.lost", message=str(error), hint=error.hint)
        self._is_away = True

    def _note_return(self) -> None:
        if self._is_away:
            LOG.info("database.back")
            self._is_away = False
            self._vigil.call()

    def _status(self) -> str:
        if self._swept is None:
            return "no plan yet"
        plan, running = self._swept.plan, len(self._workforce.servers())
        due = sum(planned.start_at <= plan.at for planned in plan.runs)
        return (
            f"{len(self._swept.outlooks):,} servers; {running} runs under way, {due} due, "
            f"{self._swept.misses} cannot end in time"
        )


def _database_file(configuration: Configuration) -> Path | None:
    """The file of an SQLite database."""
    url = make_url(configuration.settings.daemon.database)
    is_file = url.get_backend_name() == "sqlite" and url.database
    return Path(url.database) if is_file and url.database else None


def _warn(message: str) -> None:
    LOG.warning("store.waited", message=message)
