"""`lapseguard run`: the daemon."""

import os
import sys
from typing import Final

import typer

from daemon.cli.invocation import invocation_of
from daemon.cli.opening import open_application
from daemon.notification import Notification
from daemon.orders import obey_signals
from daemon.priority import give_way
from daemon.service import serve
from daemon.settings import load_configuration
from daemon.telemetry import configure_logging, wants_json

app: Final = typer.Typer(name="run")


@app.command()
def run(ctx: typer.Context) -> int:
    """Watch over all contracts and back servers up in time: the daemon.

    SIGTERM ends it: what has arrived is kept, and the next start goes on from there. SIGHUP makes
    it read the settings again. Several daemons share the servers if they share one PostgreSQL
    database; on SQLite there is one.
    """
    invocation = invocation_of(ctx)
    with obey_signals() as orders, open_application(ctx) as application:
        if not invocation.quiet:
            # Here events are what is wanted to be seen, terminal or not.
            configure_logging(
                verbosity=max(1, invocation.verbosity),
                as_json=invocation.log_json or wants_json(os.environ, terminal=sys.stderr.isatty()),
            )
        defaults = application.configuration.settings.defaults
        give_way(defaults.nice, defaults.io_priority)
        return serve(
            application,
            reread=lambda: load_configuration(invocation.config),
            orders=orders,
            notification=Notification.of(os.environ),
        )
