"""How a provider snapshot under way shows itself: as the display of other long commands does."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeAlias

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from daemon.cli.moving_line import Terminal
from daemon.cli.output import Output
from daemon.cli.progress import Events, Silent, display_of
from daemon.domain.provider_copy import ProviderCopy
from daemon.log import LOG
from daemon.printable import printable_lines

_WHOLE: Final = 100

#: Takes what each look has shown.
Told: TypeAlias = Callable[[ProviderCopy], None]


@contextmanager
def copying(ctx: typer.Context, output: Output) -> Iterator[Told]:
    """Show how far a copy is, as the global options and `--json` ask for."""
    display = display_of(ctx, output)
    if isinstance(display, Terminal):
        with _bar() as told:
            yield told
    elif isinstance(display, Events):
        yield _log
    else:
        yield _Lines(quiet=type(display) is Silent).tell


@contextmanager
def _bar() -> Iterator[Told]:
    console = Console(stderr=True, highlight=False, emoji=False, markup=False)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as bar:
        line = bar.add_task("the provider copies", total=_WHOLE)
        lines = _Lines(quiet=True)

        def tell(copy: ProviderCopy) -> None:
            lines.tell(copy)
            text = f"{copy.server}: the provider copies {len(copy.volumes)} disks"
            bar.update(line, description=text, completed=copy.progress)

        yield tell


def _log(copy: ProviderCopy) -> None:
    LOG.info("provider_copy.progressed", server=copy.server, run=copy.run, progress=copy.progress)


class _Lines:
    """A line whenever it has come on; one about trouble, however quiet."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._said: set[str] = set()

    def tell(self, copy: ProviderCopy) -> None:
        """What a look has shown."""
        if copy.problem is not None:
            self._say(f"warning: {copy.server}: {copy.problem.message}")
        elif not self._quiet:
            self._say(f"{copy.server}: the provider copies: {copy.progress} % ({copy.run})")

    def _say(self, line: str) -> None:
        if line not in self._said:
            self._said.add(line)
            sys.stderr.write(printable_lines(line) + "\n")
            sys.stderr.flush()
