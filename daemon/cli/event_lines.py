"""What a backup does, as JSON lines on standard output: for programs that follow it."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

from daemon.cli.output import Json
from daemon.cli.progress import Silent
from daemon.domain.progress import progress_json
from daemon.domain.run import Run
from daemon.domain.verification import Depth
from daemon.services.progress import Gauge
from daemon.services.proof_watcher import Step
from daemon.services.repetition import repeat

#: Seconds between two lines about a capture under way.
_SECONDS: Final = 2.0


class EventLines(Silent):
    """One object a line, each with an `event`, named as in the log."""

    def __init__(self) -> None:
        self._about: dict[str, Json] = {}

    @property
    def wants_estimate(self) -> bool:
        """For the time left."""
        return True

    def entered(self, run: Run) -> None:
        """`run.STATE`."""
        self._about = {"server": run.server, "run": run.run}
        error = None if run.error is None else run.error.code
        self.say(f"run.{run.state.value}", {"error": error})

    @contextmanager
    def gauging(self, gauge: Gauge) -> Iterator[None]:
        """`capture.progressed` every so often, and at the end."""

        def tell() -> None:
            self.say("capture.progressed", progress_json(gauge.read()))

        with repeat(_SECONDS, tell):
            yield
        tell()

    @contextmanager
    def proving(self, depth: Depth, packs: int) -> Iterator[Step]:
        """`proof.started`."""
        self.say("proof.started", {"depth": depth.value, "packs": packs})
        yield lambda _: None

    def warned(self, message: str) -> None:
        """`run.warned`."""
        self.say("run.warned", {"message": message})

    def end(self, runs: Sequence[Mapping[str, Json]]) -> None:
        """`ended`, with what `--json` prints."""
        self._about = {}
        self.say("ended", {"runs": list(runs)})

    def say(self, event: str, more: Mapping[str, Json]) -> None:
        """One line, written at once."""
        sys.stdout.write(json.dumps({"event": event, **self._about, **more}) + "\n")
        sys.stdout.flush()
