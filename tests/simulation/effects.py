"""Whether anything was done twice, judged from what truly happens, not from the record."""

from typing import TYPE_CHECKING

from daemon.domain.run import Run, RunState

if TYPE_CHECKING:
    from tests.simulation.world import World


class Effects:
    """Sees every claim and every result of a world."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._epochs: dict[str, int] = {}
        self._verified: set[tuple[str, int]] = set()

    def claimed(self, run: Run) -> None:
        """A run was begun; nobody else may be moving data of that server, nor have its epoch."""
        flights = self._world.traffic.flights.values()
        others = [each for each in flights if each.machine.name == run.server and each.moving]
        if others:
            self._find("two runs", run.server, f"{others[0].run.run} is moving still.")
        if run.epoch <= self._epochs.get(run.server, 0):
            self._find("epoch", run.server, f"Epoch {run.epoch} was given before.")
        self._epochs[run.server] = max(run.epoch, self._epochs.get(run.server, 0))

    def accepted(self, run: Run) -> None:
        """The end of a run was put on record."""
        newest = self._epochs[run.server]
        if run.epoch != newest:
            self._find("stale write", run.server, f"Epoch {run.epoch} wrote, {newest} is newest.")
        if run.state is RunState.VERIFIED:
            if (run.server, run.epoch) in self._verified:
                self._find("two results", run.server, f"Epoch {run.epoch} was verified twice.")
            self._verified.add((run.server, run.epoch))

    def _find(self, rule: str, server: str, what: str) -> None:
        self._world.record.find(rule, server, self._world.now, what)
