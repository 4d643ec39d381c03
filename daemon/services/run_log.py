"""How a run shows itself in the log: a structured event at each step, and now and then between."""

from collections.abc import Iterator
from contextlib import contextmanager

from daemon.domain.progress import Progress, progress_json
from daemon.domain.run import Run
from daemon.domain.verification import Depth
from daemon.log import LOG
from daemon.services.progress import Gauge
from daemon.services.proof_watcher import Step
from daemon.services.repetition import repeat


class RunLog:
    """Structured events; see `RunWatcher`.

    Attributes:
        run: As it was when it last changed; None before it did.
    """

    def __init__(self, *, every: float, **known: object) -> None:
        """Say how far the capture is every so many seconds; `known` is part of each event."""
        self.run: Run | None = None
        self._every = every
        self._log = LOG.bind(**known)

    @property
    def wants_estimate(self) -> bool:
        """Nobody waits for the end of a line."""
        return False

    def entered(self, run: Run) -> None:
        """`run.STATE`, with the ids."""
        self.run = run
        self._log = self._log.bind(run=run.run, server=run.server)
        if run.error is None:
            self._log.info(f"run.{run.state.value}")
            return
        say = self._log.warning if run.is_final else self._log.info
        say(f"run.{run.state.value}", error=run.error.code, message=run.error.message)

    @contextmanager
    def gauging(self, gauge: Gauge) -> Iterator[None]:
        """`capture.progressed` every so often, and at the end."""
        with repeat(self._every, lambda: self._report(gauge.read())):
            yield
        self._report(gauge.read())

    @contextmanager
    def proving(self, depth: Depth, packs: int) -> Iterator[Step]:
        """`proof.started`."""
        self._log.info("proof.started", depth=depth.value, packs=packs)
        yield lambda _: None

    def warned(self, message: str) -> None:
        """`run.warned`."""
        self._log.warning("run.warned", message=message)

    def _report(self, progress: Progress) -> None:
        self._log.info("capture.progressed", **progress_json(progress))
