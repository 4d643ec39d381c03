"""`lapseguard status`: how every server stands."""

from typing import Annotated, Final

import typer

from daemon.cli.opening import open_application
from daemon.cli.output import JsonOption, Output
from daemon.cli.status_output import STATUS_COLUMNS, reason_lines, status_json, status_row

app: Final = typer.Typer(name="status")


@app.command()
def status(
    ctx: typer.Context,
    server: Annotated[
        str | None, typer.Argument(metavar="SERVER", help="Only this one.", show_default=False)
    ] = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Every server: when it stops, and how safe its data is."""
    output = Output.of(ctx, as_json=as_json)
    with open_application(ctx) as application:
        view = application.lookout.view(() if server is None else (server,))
    found = view.statuses(() if server is None else (server,))
    if as_json:
        output.document([status_json(each) for each in found])
        return
    empty = "No server is registered. Add one: lapseguard server add --help"
    output.table(STATUS_COLUMNS, [status_row(each) for each in found], empty=empty)
    for each in found:
        for line in reason_lines(each):
            output.say(line)
