"""The threads that runs work in: each is told when to stop, and none takes the others along."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from daemon.clock import Clock
from daemon.errors import Interrupted, RunPaused
from daemon.log import LOG
from daemon.services.allotment import Assignment
from daemon.services.stopping import Stopping

#: Seconds in which a server whose run could not even be put on record is left alone.
_REST: Final = 30.0

#: Carries one run out, until it has ended or is told to.
Work = Callable[[Assignment, Stopping], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Worker:
    assignment: Assignment
    stopping: Stopping = field(default_factory=Stopping)


class Workforce:
    """Runs under way in this process, by server. Safe to use from several threads."""

    def __init__(self, work: Work, clock: Clock, on_end: Callable[[], None]) -> None:
        """Prepare.

        Args:
            work: See `Work`. What it raises is logged; the server then rests for a while.
            clock: For that while.
            on_end: Called, in the worker's thread, when a slot was given back.
        """
        self._work = work
        self._clock = clock
        self._on_end = on_end
        self._changed = threading.Condition()
        self._workers: dict[str, _Worker] = {}
        self._resting: dict[str, float] = {}
        self._closed = False

    def servers(self) -> frozenset[str]:
        """Whose runs are under way here."""
        with self._changed:
            return frozenset(self._workers)

    def under_way(self) -> tuple[Assignment, ...]:
        """The same, as they were assigned."""
        with self._changed:
            return tuple(worker.assignment for worker in self._workers.values())

    def resting(self) -> frozenset[str]:
        """Servers that are to be left alone for now, besides what the plan says."""
        now = self._clock.monotonic()
        with self._changed:
            self._resting = {name: until for name, until in self._resting.items() if until > now}
            return frozenset(self._resting)

    def start(self, assignment: Assignment) -> bool:
        """Begin a run in a thread of its own; false if one of the server is under way here."""
        server = assignment.server
        worker = _Worker(assignment=assignment)
        with self._changed:
            if self._closed or server in self._workers:
                return False
            self._workers[server] = worker
        # As a daemon thread it cannot keep a process alive that was told twice to end.
        threading.Thread(
            target=self._carry_out, args=(worker,), name=f"run-{server}", daemon=True
        ).start()
        return True

    def pause(self, server: str) -> None:
        """Stop a run at its next checkpoint, if it is one of ours."""
        with self._changed:
            worker = self._workers.get(server)
        if worker is not None and not worker.stopping.asked.is_set():
            LOG.info("run.paused", server=server)
            worker.stopping.ask(RunPaused("A more urgent run needed its slot."))

    def close(self) -> None:
        """Begin nothing any more, and let what is under way end with a checkpoint."""
        for worker in self._close():
            worker.stopping.ask(Interrupted("The service was told to end."))

    def force(self) -> None:
        """Begin nothing any more, and let what is under way end as it is."""
        for worker in self._close():
            worker.stopping.force(Interrupted("The service was told to end at once."))

    def wait(self, seconds: float) -> bool:
        """Wait until nothing is under way; false if that takes longer."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._workers, seconds)

    def _close(self) -> tuple[_Worker, ...]:
        with self._changed:
            self._closed = True
            return tuple(self._workers.values())

    def _carry_out(self, worker: _Worker) -> None:
        server = worker.assignment.server
        try:
            self._work(worker.assignment, worker.stopping)
        except BaseException as error:  # noqa: BLE001 - no server may stop the others
            LOG.error("run.broke", server=server, error=repr(error), exc_info=error)
            with self._changed:
                self._resting[server] = self._clock.monotonic() + _REST
        finally:
            with self._changed:
                del self._workers[server]
                self._changed.notify_all()
            self._on_end()
