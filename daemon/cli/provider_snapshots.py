"""`lapseguard provider-snapshot`: let the provider copy a server's disks."""

from typing import Annotated, Final

import typer

from backends.errors import BackendError
from daemon.bootstrap import Application
from daemon.cli.failure import report
from daemon.cli.opening import open_application
from daemon.cli.output import JsonOption, Output
from daemon.cli.provider_output import copy_json, copy_words, preview_fields, preview_json
from daemon.cli.provider_progress import copying
from daemon.cli.server_options import NameArgument
from daemon.cli.stopping import stop_on_signals
from daemon.domain.provider_copy import CopyState, ProviderCopy
from daemon.domain.run import RunKind
from daemon.errors import ExitCode, Interrupted
from daemon.providers import provider_records, provider_tools
from daemon.services.provider_making import await_copy, begin_copy
from daemon.services.provider_preview import preview_copy
from daemon.services.provider_records import CopyRecord

app: Final = typer.Typer(name="provider-snapshots")


@app.command("provider-snapshot")
def provider_snapshot(
    ctx: typer.Context,
    server: NameArgument,
    *,
    wait: Annotated[
        bool,
        typer.Option(
            "--wait/--no-wait", help="Look at it until it is complete, or only ask for it."
        ),
    ] = True,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would happen; do nothing.")
    ] = False,
    as_json: JsonOption = False,
) -> int:
    """Let the provider copy a server's disks; ssh is not needed.

    One that is under way is gone on with. Ctrl-C ends the waiting only: the provider goes on, and
    the next look finds it. Nothing of such a copy is verified, and mostly it dies with the account.
    """
    output = Output.of(ctx, as_json=as_json)
    with open_application(ctx) as application:
        if dry_run:
            _say_preview(output, application, server)
            return ExitCode.DONE
        copy = _make(ctx, application, server, output, wait=wait)
        record = provider_records(application).find(copy.run)
    return _say(output, record, wait=wait) if record else ExitCode.FAILED


def _make(
    ctx: typer.Context, application: Application, server: str, output: Output, *, wait: bool
) -> ProviderCopy:
    tools, run = provider_tools(application), ""
    try:
        with stop_on_signals() as stop, copying(ctx, output) as told:
            copy = begin_copy(tools, server, RunKind.MANUAL)
            run = copy.run
            # One that the provider could not even be asked for is told of at once.
            if wait and copy.volumes:
                copy = await_copy(tools, copy, told=told, stop=stop)
            return copy
    except KeyboardInterrupt as interrupt:
        if not run:
            raise
        raise Interrupted(
            f"Nobody waits for the provider snapshot {run} any more; the provider goes on.",
            hint=f"Look at it again: lapseguard provider-snapshot {server}",
        ) from interrupt


def _say(output: Output, record: CopyRecord, *, wait: bool) -> ExitCode:
    copy = record.copy
    well = copy.state is CopyState.COMPLETE or (copy.is_creating and copy.problem is None)
    if output.as_json:
        output.document(copy_json(record))
    elif well:
        output.note(copy_words(record))
        if not wait and copy.is_creating:
            output.note(f"How far it is: lapseguard show {copy.run}")
    elif copy.problem is not None:
        error = BackendError(copy.problem.message, hint=copy.problem.hint)
        report(error, (), subject=f"{copy.server}: ")
    return ExitCode.DONE if well else ExitCode.FAILED


def _say_preview(output: Output, application: Application, server: str) -> None:
    preview = preview_copy(application.units, application.planning, server)
    if output.as_json:
        output.document(preview_json(preview))
        return
    output.fields(preview_fields(preview))
    output.say("Nothing was done.")
