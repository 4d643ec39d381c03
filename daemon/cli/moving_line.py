"""How a running backup, verification or restore shows itself on a terminal: one moving line."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from daemon.cli.capture_output import describe
from daemon.cli.output import size
from daemon.cli.pace import Pace, RestoreStep, RestoreTotal
from daemon.cli.progress import Silent
from daemon.domain.verification import Depth
from daemon.printable import printable_lines
from daemon.services.progress import Gauge
from daemon.services.proof_watcher import Step
from daemon.services.repetition import repeat

_REDRAW_SECONDS: Final = 0.2


class Terminal(Silent):
    """One moving line: what is done, how fast, how long it will take."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False, emoji=False, markup=False)

    @property
    def wants_estimate(self) -> bool:
        """For the time left."""
        return True

    def warned(self, message: str) -> None:
        """A line above the moving one."""
        self._console.print(printable_lines(f"warning: {message}"))

    @contextmanager
    def gauging(self, gauge: Gauge) -> Iterator[None]:
        """Files, bytes, what is safe, rate, time left, and what then remains to the deadline."""
        with self._bar("pulling and storing", None) as (bar, line):

            def redraw() -> None:
                now = gauge.read()
                bar.update(
                    line,
                    description=describe(now, rate=False),
                    completed=now.read_bytes,
                    total=now.expected_bytes,
                )

            with repeat(_REDRAW_SECONDS, redraw):
                yield
            redraw()

    @contextmanager
    def proving(self, depth: Depth, packs: int) -> Iterator[Step]:
        """Packs done of all."""
        with self._bar(f"proving {packs:,} packs: {depth.value}", packs, rate=False) as (bar, line):
            yield lambda count: bar.advance(line, count)

    @contextmanager
    def restoring(self, total: RestoreTotal) -> Iterator[RestoreStep]:
        """Files and bytes done of all, the rate, the time left."""
        pace = Pace(total)
        with self._bar("restoring", total.bytes) as (bar, line):

            def redraw() -> None:
                now = pace.read()
                text = f"restoring: {now.files:,} of {total.files:,} files, {size(now.bytes)}"
                bar.update(line, description=text, completed=now.bytes)

            with repeat(_REDRAW_SECONDS, redraw):
                yield pace.take
            redraw()

    @contextmanager
    def _bar(
        self, text: str, total: int | None, *, rate: bool = True
    ) -> Iterator[tuple[Progress, TaskID]]:
        bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=16),
            *([TransferSpeedColumn()] if rate else []),
            TimeElapsedColumn(),
            TimeRemainingColumn(compact=True),
            console=self._console,
            transient=True,
        )
        with bar:
            yield bar, bar.add_task(text, total=total)
