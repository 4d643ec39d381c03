"""How a running backup, verification or restore shows itself.

On a terminal: one moving line on standard error. Elsewhere: a plain line now and then. Under
systemd or with `--log-json`: structured events. With `-q` or `--json`: nothing but warnings.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from typing import Final, Protocol

import typer

from daemon.cli.capture_output import describe
from daemon.cli.invocation import invocation_of
from daemon.cli.output import Output, size, span
from daemon.cli.pace import Pace, RestoreStanding, RestoreStep, RestoreTotal
from daemon.domain.run import Run
from daemon.domain.verification import Depth
from daemon.log import LOG
from daemon.printable import printable_lines
from daemon.services.progress import Gauge, RunWatcher
from daemon.services.proof_watcher import Step
from daemon.services.repetition import repeat
from daemon.services.run_log import RunLog
from daemon.telemetry import wants_json

_LINE_SECONDS: Final = 10.0


class Display(RunWatcher, Protocol):
    """What a long-running command is watched through."""

    def restoring(self, total: RestoreTotal) -> AbstractContextManager[RestoreStep]:
        """So much is being restored; the step takes how much is done by now."""


class Silent:
    """Says warnings only."""

    @property
    def wants_estimate(self) -> bool:
        """Nobody looks."""
        return False

    def entered(self, _run: Run) -> None:
        """Nothing to say."""

    @contextmanager
    def gauging(self, _gauge: Gauge) -> Iterator[None]:
        """Nothing to show."""
        yield

    @contextmanager
    def proving(self, _depth: Depth, _packs: int) -> Iterator[Step]:
        """Nothing to show."""
        yield lambda _: None

    @contextmanager
    def restoring(self, _total: RestoreTotal) -> Iterator[RestoreStep]:
        """Nothing to show."""
        yield lambda _: None

    def warned(self, message: str) -> None:
        """A line on standard error."""
        sys.stderr.write(printable_lines(f"warning: {message}") + "\n")


class PlainLines(Silent):
    """A line on standard error at each step, and every ten seconds while data flows."""

    def entered(self, run: Run) -> None:
        """One line a state; how it ended is the command's own answer."""
        if not run.is_final:
            self._say(f"{run.server}: {run.state.value} ({run.run})")

    @contextmanager
    def gauging(self, gauge: Gauge) -> Iterator[None]:
        """One line every ten seconds."""
        with repeat(_LINE_SECONDS, lambda: self._say(f"  {describe(gauge.read())}")):
            yield
        self._say(f"  {describe(gauge.read())}")

    @contextmanager
    def proving(self, depth: Depth, packs: int) -> Iterator[Step]:
        """A line at the beginning, and every ten seconds."""
        self._say(f"  proving {packs:,} packs to depth {depth.value}")
        reached = [0]

        def take(more: int) -> None:
            reached[0] += more

        with repeat(_LINE_SECONDS, lambda: self._say(f"  {reached[0]:,} of {packs:,} packs")):
            yield take

    @contextmanager
    def restoring(self, total: RestoreTotal) -> Iterator[RestoreStep]:
        """A line at the beginning and every ten seconds."""
        self._say(f"  restoring {total.files:,} files, {size(total.bytes)}")
        pace = Pace(total)
        with repeat(_LINE_SECONDS, lambda: self._say(f"  {describe_restore(pace.read())}")):
            yield pace.take

    def _say(self, line: str) -> None:
        sys.stderr.write(printable_lines(line) + "\n")
        sys.stderr.flush()


class Events(RunLog):
    """Structured events."""

    def __init__(self) -> None:
        super().__init__(every=_LINE_SECONDS)

    @contextmanager
    def restoring(self, total: RestoreTotal) -> Iterator[RestoreStep]:
        """`restore.progressed` every ten seconds, and at the end."""
        pace, log = Pace(total), LOG

        def tell() -> None:
            now = pace.read()
            log.info(
                "restore.progressed",
                files=now.files,
                bytes=now.bytes,
                kept_bytes=now.kept_bytes,
                expected_files=total.files,
                expected_bytes=total.bytes,
                bytes_per_second=now.rate,
                seconds_left=now.seconds_left,
            )

        with repeat(_LINE_SECONDS, tell):
            yield pace.take
        tell()


def display_of(ctx: typer.Context, output: Output) -> Display:
    """The display that the global options and the command's own `--json` ask for."""
    invocation = invocation_of(ctx)
    service = wants_json(os.environ, terminal=sys.stderr.isatty())
    return choose_display(
        quiet=invocation.quiet or output.as_json, log_json=invocation.log_json or service
    )


def choose_display(*, quiet: bool, log_json: bool) -> Display:
    """The display that fits where standard error goes."""
    if quiet:
        return Silent()
    if log_json:
        return Events()
    if not sys.stderr.isatty():
        return PlainLines()
    from daemon.cli.moving_line import Terminal  # noqa: PLC0415 - loads rich

    return Terminal()


def describe_restore(now: RestoreStanding) -> str:
    """The counters as a phrase."""
    left = "" if now.seconds_left is None else f", {span(timedelta(seconds=now.seconds_left))} left"
    return f"restored: {now.files:,} files, {size(now.bytes)}, {size(now.rate)}/s{left}"
