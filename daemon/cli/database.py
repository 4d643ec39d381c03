"""`lapseguard db`: create and upgrade the database."""

from typing import Final

import typer

from daemon.bootstrap import database_password, open_database
from daemon.cli.opening import open_configuration
from daemon.cli.output import JsonOption, Output
from daemon.settings import masked_url
from daemon.store.migration import upgrade as upgrade_database
from daemon.store.schema import HEAD, current_revision, ensure_current

app: Final = typer.Typer(name="db", no_args_is_help=True, help="Create or upgrade the database.")


@app.command()
def upgrade(ctx: typer.Context, *, as_json: JsonOption = False) -> None:
    """Create the database's tables, or bring them up to date; nothing recorded is lost."""
    output = Output.of(ctx, as_json=as_json)
    configuration = open_configuration(ctx)
    configuration.state_folder.require_usable()
    url = configuration.settings.daemon.database
    done = upgrade_database(url, password=database_password(configuration))
    if as_json:
        output.document({"before": done.before, "after": done.after})
    elif done.before == done.after:
        output.note(f"The database is at revision {done.after} already.")
    else:
        output.note(f"The database went from {done.before or 'nothing'} to revision {done.after}.")


@app.command()
def current(ctx: typer.Context, *, as_json: JsonOption = False) -> None:
    """Show the database's revision; fails if this program cannot work with it."""
    output = Output.of(ctx, as_json=as_json)
    configuration = open_configuration(ctx)
    engine = open_database(configuration)
    try:
        revision = current_revision(engine)
        url = masked_url(configuration.settings.daemon.database)
        if not as_json:
            output.say(f"{url}: revision {revision or 'none'}; this program needs {HEAD}")
            ensure_current(engine)
        elif revision == HEAD:
            output.document({"database": url, "revision": revision, "needed": HEAD})
        else:
            ensure_current(engine)
    finally:
        engine.dispose()
