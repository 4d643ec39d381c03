"""From the global options to the program put together, as every command begins."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from daemon.cli.invocation import invocation_of
from daemon.settings import Configuration, load_configuration
from daemon.telemetry import configure_logging, wants_json

if TYPE_CHECKING:  # loads the database
    from daemon.bootstrap import Application


def open_log(ctx: typer.Context) -> None:
    """Set logging up as the global options ask, for a command that needs no settings."""
    invocation = invocation_of(ctx)
    service = wants_json(os.environ, terminal=sys.stderr.isatty())
    configure_logging(verbosity=invocation.verbosity, as_json=invocation.log_json or service)


def open_configuration(ctx: typer.Context) -> Configuration:
    """The settings, with logging set up. Raises SettingsError."""
    open_log(ctx)
    return load_configuration(invocation_of(ctx).config)


@contextmanager
def open_application(
    ctx: typer.Context, configuration: Configuration | None = None
) -> Iterator["Application"]:
    """The program for the length of one command; by `open_configuration` where none is given.

    Raises:
        LapseguardError: see `daemon.bootstrap.start`.
    """
    from daemon.bootstrap import start  # noqa: PLC0415 - see above

    application = start(configuration or open_configuration(ctx))
    try:
        yield application
    finally:
        application.close()
