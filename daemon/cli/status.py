"""`lapseguard status`: how every server stands."""

from datetime import datetime
from typing import Annotated, Final

import typer

from daemon.cli.completion import complete_server
from daemon.cli.opening import open_application
from daemon.cli.output import Json, JsonOption, Output
from daemon.cli.status_output import (
    STATUS_COLUMNS,
    progress_lines,
    reason_lines,
    status_json,
    status_row,
    upkeep_json,
    upkeep_row,
    wrapped,
)
from daemon.domain.status import ServerStatus
from daemon.domain.upkeep import Upkeep
from daemon.domain.verdict import Verdict
from daemon.errors import UsageError
from daemon.services.lookout import View

app: Final = typer.Typer(name="status")


@app.command()
def status(
    ctx: typer.Context,
    server: Annotated[
        str | None,
        typer.Argument(
            metavar="SERVER",
            help="Only this one.",
            autocompletion=complete_server,
            show_default=False,
        ),
    ] = None,
    *,
    verdict: Annotated[
        str | None,
        typer.Option(
            metavar="VERDICTS",
            help="Only what is judged so: safe, at-risk, late, lost; several by commas.",
            show_default=False,
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Every server: when it stops, and how safe its data is.

    Contracts about stores and other things stand among them. The gravest verdict comes first, then
    what stops next. Below the table: the reasons.
    """
    output = Output.of(ctx, as_json=as_json)
    wanted, servers = _verdicts(verdict), () if server is None else (server,)
    with open_application(ctx) as application:
        view = application.lookout.view(servers)
    found = [each for each in view.everything(servers) if view.verdict(each) in wanted]
    if as_json:
        output.document([_json(each, view) for each in found])
        return
    empty = "No server is registered. Add one: lapseguard server add --help"
    if verdict is not None:
        empty = "Nothing is judged so."
    output.table(STATUS_COLUMNS, [_row(each, view.now) for each in found], empty=empty)
    for each in found:
        for line in _lines(each, view):
            output.say(line)


def _json(found: ServerStatus | Upkeep, view: View) -> Json:
    if isinstance(found, Upkeep):
        return upkeep_json(found, view.now)
    return status_json(found, view.progress.get(found.server))


def _row(found: ServerStatus | Upkeep, now: datetime) -> tuple[str, ...]:
    return upkeep_row(found, now) if isinstance(found, Upkeep) else status_row(found)


def _lines(found: ServerStatus | Upkeep, view: View) -> tuple[str, ...]:
    """What is to be said below the table; of a contract, only once its end is near."""
    if isinstance(found, ServerStatus):
        return (*reason_lines(found), *progress_lines(found, view.progress.get(found.server)))
    return (wrapped(found.sentence(view.now)),) if found.is_near(view.now) else ()


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
