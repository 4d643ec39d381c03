"""`lapseguard status`: how every server stands."""

from datetime import datetime
from typing import Annotated, Final

import typer

from daemon.cli.opening import open_application
from daemon.cli.output import JsonOption, Output
from daemon.cli.status_output import (
    STATUS_COLUMNS,
    reason_lines,
    status_json,
    status_row,
    wrapped,
)
from daemon.domain.status import ServerStatus
from daemon.domain.verdict import Verdict
from daemon.errors import UsageError
from daemon.services.lookout import View

app: Final = typer.Typer(name="status")


@app.command()
def status(
    ctx: typer.Context,
    server: Annotated[
        str | None, typer.Argument(metavar="SERVER", help="Only this one.", show_default=False)
    ] = None,
    *,
    verdict: Annotated[
        str | None,
        typer.Option(
            metavar="VERDICTS",
            help="Only servers judged so: safe, at-risk, late, lost; several by commas.",
            show_default=False,
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Every server: when it stops, and how safe its data is.

    The gravest verdict comes first, then what stops next. Below the table: the reasons, and
    contracts about stores and other things that end soon.
    """
    output = Output.of(ctx, as_json=as_json)
    wanted, servers = _verdicts(verdict), () if server is None else (server,)
    with open_application(ctx) as application:
        view = application.lookout.view(servers)
    found = [each for each in view.statuses(servers) if each.verdict in wanted]
    if as_json:
        output.document([status_json(each) for each in found])
        return
    _say_table(output, found, filtered=verdict is not None)
    if server is None:
        _say_upkeeps(output, view, view.now)


def _say_table(output: Output, found: list[ServerStatus], *, filtered: bool) -> None:
    empty = "No server is registered. Add one: lapseguard server add --help"
    if filtered:
        empty = "No server is judged so."
    output.table(STATUS_COLUMNS, [status_row(each) for each in found], empty=empty)
    for each in found:
        for line in reason_lines(each):
            output.say(line)


def _say_upkeeps(output: Output, view: View, now: datetime) -> None:
    for upkeep in view.upkeeps:
        if upkeep.is_near(now):
            output.say(wrapped(upkeep.sentence(now)))


def _verdicts(text: str | None) -> frozenset[Verdict]:
    """The verdicts that were asked for; all of them where nothing was. Raises UsageError."""
    if text is None:
        return frozenset(Verdict)
    known = {each.value.replace(" ", "-"): each for each in Verdict}
    words = [word.strip().replace(" ", "-") for word in text.split(",")]
    for word in words:
        if word not in known:
            raise UsageError(f"There is no verdict {word!r}.", hint=f"Say {', '.join(known)}.")
    return frozenset(known[word] for word in words)
