"""`lapseguard show RUN --passport`: what the server said of itself, out of the repository."""

import typer

from daemon.bootstrap import Application, destination
from daemon.cli.output import Output
from daemon.cli.progress import display_of
from daemon.cli.stopping import stop_on_signals
from daemon.errors import NotFound
from daemon.services.destination import Patience
from daemon.services.overview import RunRecord
from daemon.services.restoration import open_restoration


def show_passport(
    ctx: typer.Context, application: Application, record: RunRecord, output: Output
) -> None:
    """Print a run's passport as it is in the repository.

    Raises:
        NotFound: the run has none.
        StoreError, RepositoryError, SecretError.
    """
    run, signed = record.row.run, record.require_manifest()
    passport = signed.manifest.beside.passport
    if passport is None:
        raise NotFound(
            f"The run {run.run} has no passport.",
            hint="Runs take one unless `[capture] passport` is off in the settings.",
        )
    warn = display_of(ctx, output).warned
    with stop_on_signals() as stop:
        place = destination(
            application, run.store, run.server, Patience(stop=stop, warn=warn), paced=False
        )
        with open_restoration(place, signed) as restoration:
            text = restoration.read(passport.path.encode()).decode(errors="replace")
    if output.as_json:
        output.document(
            {
                "run": run.run,
                "server": run.server,
                "path": passport.path,
                "gaps": list(passport.gaps),
                "text": text,
            }
        )
    else:
        output.say(text.rstrip("\n"))
