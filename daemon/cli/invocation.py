"""What the global options said; light, since the program's start imports it."""

from dataclasses import dataclass
from pathlib import Path

import typer


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """The global options of one command line.

    Attributes:
        config: The settings file named with `--config`.
        verbosity: -1 with `-q`, else how many `-v`.
        log_json: Log JSON objects whatever standard error is.
    """

    config: Path | None = None
    verbosity: int = 0
    log_json: bool = False

    @property
    def quiet(self) -> bool:
        """Whether only errors and what was asked for are to be said."""
        return self.verbosity < 0


def invocation_of(ctx: typer.Context) -> Invocation:
    """The global options, wherever in the tree of commands `ctx` is."""
    return ctx.obj if isinstance(ctx.obj, Invocation) else Invocation()
