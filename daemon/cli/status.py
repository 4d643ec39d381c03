"""`lapseguard status`: how every server stands."""

from datetime import datetime
from typing import Annotated, Final

import typer

from daemon.cli.opening import open_application
from daemon.cli.output import Json, JsonOption, Output, instant, span
from daemon.domain.status import ServerStatus

app: Final = typer.Typer(name="status")

COLUMNS: Final = (
    *("server", "contract", "provider", "expires", ">left"),
    *(">copy's age", "depth", "verdict"),
)


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
        now = application.clock.now()
        found = application.overview.status(server=server)
    if as_json:
        output.document([_status_json(each, now) for each in found])
        return
    empty = "No server is registered. Add one: lapseguard server add --help"
    output.table(COLUMNS, [_row(each, now) for each in found], empty=empty)
    for each in found:
        for reason in each.reasons:
            output.say(f"{each.server}: {reason}")


def _row(status: ServerStatus, now: datetime) -> tuple[str, ...]:
    contract, left, age = status.contract, status.left(now), status.age(now)
    return (
        status.server,
        contract.name if contract else "",
        contract.provider if contract else "",
        contract.expiry.text if contract else "",
        "" if left is None else span(left),
        "" if age is None else span(age),
        status.newest_verified.depth.value if status.newest_verified else "",
        status.verdict.value,
    )


def _status_json(status: ServerStatus, now: datetime) -> dict[str, Json]:
    contract, left = status.contract, status.left(now)
    return {
        "server": status.server,
        "contract": contract.name if contract else None,
        "provider": contract.provider if contract else None,
        "expires": instant(status.expires) or None,
        "days_left": None if left is None else round(left.total_seconds() / 86400, 2),
        "newest_verified": _copy_json(status, now),
        "verdict": status.verdict.value,
        "reasons": list(status.reasons),
    }


def _copy_json(status: ServerStatus, now: datetime) -> Json:
    copy, age = status.newest_verified, status.age(now)
    if copy is None or age is None:
        return None
    return {
        "run": copy.run,
        "at": instant(copy.at),
        "age_seconds": int(age.total_seconds()),
        "depth": copy.depth.value,
    }
