"""`lapseguard timeline`: each server's way to its end, drawn in the terminal."""

import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Final

import typer

from daemon.cli.completion import complete_server
from daemon.cli.opening import open_application
from daemon.cli.output import Json, JsonOption, Output, console, instant
from daemon.cli.timeline_drawing import ASCII, UNICODE, Starts, draw
from daemon.domain.event import Happening
from daemon.domain.forecast import forecast
from daemon.domain.instant import shift
from daemon.domain.status import ServerStatus
from daemon.services.lookout import View

app: Final = typer.Typer(name="timeline")

#: Runs are foreseen so far; what lies beyond has no bearing on a drawing.
_FARTHEST: Final = timedelta(days=400)


@app.command()
def timeline(
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
    ascii_only: Annotated[
        bool, typer.Option("--ascii", help="Draw with plain characters.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Draw each server's way from now to the end of its data.

    Planned runs, latest safe start, expiry, stop and release, each bar on a scale of its own.
    """
    output, servers = Output.of(ctx, as_json=as_json), () if server is None else (server,)
    with open_application(ctx) as application:
        view = application.lookout.view(servers)
    statuses = view.statuses(servers)
    runs, copies = _starts(view, statuses)
    if as_json:
        documents = [_json(each, runs[each.server], copies[each.server]) for each in statuses]
        output.document(documents)
        return
    unicode = "utf" in (sys.stdout.encoding or "").lower()
    signs = UNICODE if unicode and not ascii_only else ASCII
    width = console().width
    if not statuses:
        output.say("No server is registered. Add one: lapseguard server add --help")
        return
    for status in statuses:
        starts = Starts(runs=runs[status.server], copies=copies[status.server])
        for line in draw(status, starts, signs, width):
            output.say(line)
    for line in signs.legend(width):
        output.say(line)


def _starts(
    view: View, statuses: Sequence[ServerStatus]
) -> tuple[Mapping[str, list[datetime]], Mapping[str, list[datetime]]]:
    """When runs and provider snapshots of each server are expected, up to the last end drawn."""
    ends = [each.situation.timeline.release_at for each in statuses if each.situation.timeline]
    until = min(max(ends, default=view.now), shift(view.now, _FARTHEST))
    runs: dict[str, list[datetime]] = defaultdict(list)
    copies: dict[str, list[datetime]] = defaultdict(list)
    for event in forecast(view.prospect, view.now, until).events:
        if event.event is Happening.START and event.server is not None:
            runs[event.server].append(event.at)
        elif event.event is Happening.PROVIDER_SNAPSHOT and event.server is not None:
            copies[event.server].append(event.at)
    return runs, copies


def _json(
    status: ServerStatus, runs: Sequence[datetime], copies: Sequence[datetime]
) -> dict[str, Json]:
    situation, timeline_ = status.situation, status.situation.timeline
    return {
        "server": status.server,
        "verdict": status.verdict.value,
        "now": instant(situation.now),
        "latest_safe_start": instant(situation.latest_safe_start) or None,
        "expires": instant(timeline_.expires) if timeline_ else None,
        "stop_at": instant(timeline_.stop_at) if timeline_ else None,
        "release_at": instant(timeline_.release_at) if timeline_ else None,
        "runs": [instant(at) for at in runs],
        "provider_copies": [instant(at) for at in copies],
    }
