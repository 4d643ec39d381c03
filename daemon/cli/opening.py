"""From the global options to the program put together, as every command begins."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from daemon.bootstrap import Application, start
from daemon.cli.invocation import invocation_of
from daemon.settings import Configuration, load_configuration
from daemon.telemetry import configure_logging, wants_json


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
def open_application(ctx: typer.Context) -> Iterator[Application]:
    """The program for the length of one command.

    Raises:
        LapseguardError: see `daemon.bootstrap.start`.
    """
    application = start(open_configuration(ctx))
    try:
        yield application
    finally:
        application.close()
