"""`lapseguard plan` and `lapseguard simulate`: what is going to happen; nothing is changed."""

from datetime import datetime
from typing import Annotated, Final

import typer

from daemon.cli.opening import open_application
from daemon.cli.output import Json, JsonOption, Output, instant, span
from daemon.cli.provider_standing import planned_copy_json, planned_copy_row
from daemon.cli.status_output import STATUS_COLUMNS, reason_lines, status_json, status_row
from daemon.domain.contract import Expiry
from daemon.domain.event import Event, Happening
from daemon.domain.forecast import Forecast, forecast
from daemon.domain.plan import PlannedRun
from daemon.domain.status import ServerStatus
from daemon.domain.verdict import Verdict
from daemon.errors import InvalidValue, UsageError
from daemon.services.lookout import View

app: Final = typer.Typer(name="plan")

_PLANNED: Final = frozenset(
    {
        *(Happening.START, Happening.END, Happening.MISS, Happening.CUT_SHORT),
        Happening.PROVIDER_SNAPSHOT,
    }
)
NothingRunsOption = Annotated[
    bool, typer.Option("--nothing-runs", help="As if the daemon were down all the time.")
]


@app.command("plan")
def plan(
    ctx: typer.Context,
    *,
    until: Annotated[
        str | None,
        typer.Option(metavar="DATE", help="All runs up to then.", show_default=False),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """The runs that are called for, the most urgent first; with --until, all up to a date.

    Without --until, one run for each server: the next. Instants are UTC.
    """
    output = Output.of(ctx, as_json=as_json)
    with open_application(ctx) as application:
        view = application.lookout.view()
    if until is not None:
        seen = forecast(view.prospect, view.now, _read_end(until, view))
        _say_events(output, tuple(each for each in seen.events if each.event in _PLANNED))
        return
    planned = view.prospect.plan(view.now)
    runs = planned.runs
    if as_json:
        copies = [planned_copy_json(copy) for copy in planned.copies]
        output.document([*(_run_json(run) for run in runs), *copies])
        return
    columns = ("server", "contract", "reason", "start by", "finish by", ">takes", "fits")
    empty = "No run is called for."
    copy_rows = [planned_copy_row(copy) for copy in planned.copies]
    output.table(columns, [*(_run_row(run) for run in runs), *copy_rows], empty=empty)
    for run in runs:
        for remedy in run.remedies:
            output.say(f"{run.demand.server} would be in time with: {remedy}")


@app.command("simulate")
def simulate(
    ctx: typer.Context,
    *,
    at: Annotated[
        str | None,
        typer.Option(metavar="DATE", help="How everything stands then.", show_default=False),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(metavar="DATE", help="What happens up to then.", show_default=False),
    ] = None,
    nothing_runs: NothingRunsOption = False,
    as_json: JsonOption = False,
) -> None:
    """What would happen up to a date; changes nothing.

    Runs take as long as estimated and succeed; servers are taken not to answer after their stop.
    """
    output = Output.of(ctx, as_json=as_json)
    if (at is None) == (until is None):
        raise UsageError("Give either --at or --until.")
    with open_application(ctx) as application:
        view = application.lookout.view()
    end = _read_end(at or until or "", view)
    seen = forecast(view.prospect, view.now, end, nothing_runs=nothing_runs)
    if until is not None:
        _say_events(output, seen.events)
        return
    _say_standing(output, view, seen, nothing_runs=nothing_runs)


def read_date(text: str) -> datetime:
    """The instant that a person means by a date, or a date and time, in UTC.

    Raises:
        InvalidValue: it is neither.
    """
    try:
        return Expiry(text=text.removesuffix("Z"), timezone="UTC").instant()
    except InvalidValue as error:
        hint = "Write 2026-12-31 or 2026-12-31T18:00, in UTC."
        raise InvalidValue(str(error), hint=hint) from error


def _read_end(text: str, view: View) -> datetime:
    """A date to look ahead to. Raises InvalidValue where there is nothing ahead."""
    end = read_date(text)
    if end <= view.now:
        raise InvalidValue(
            f"{text} is past: it means {instant(end)}.", hint="Give a later date, in UTC."
        )
    return end


def _say_standing(output: Output, view: View, seen: Forecast, *, nothing_runs: bool) -> None:
    statuses = view.prospect.with_outlooks(seen.outlooks).statuses(seen.reaches)
    if output.as_json:
        output.document([_standing_json(each) for each in statuses])
        return
    supposed = "if no run starts" if nothing_runs else "if everything goes as planned"
    output.say(f"At {instant(seen.reaches)}, {supposed}:")
    output.table(STATUS_COLUMNS, [status_row(each) for each in statuses], empty="No server.")
    for status in statuses:
        for line in reason_lines(status):
            output.say(line)


def _standing_json(status: ServerStatus) -> dict[str, Json]:
    """What is the matter with a server at an instant: the fields of an event, and its status."""
    planned, now = status.situation.planned, status.situation.now
    if status.verdict >= Verdict.LATE:
        event, reason = Happening.MISS.value, status.reasons[0]
    elif planned is not None and planned.start_at <= now:
        event, reason = Happening.START.value, planned.demand.explanation
    else:
        event, reason = "standing", status.reasons[0] if status.reasons else "Nothing is amiss."
    return {"at": instant(now), "event": event, "reason": reason, **status_json(status)}


def _say_events(output: Output, events: tuple[Event, ...]) -> None:
    if output.as_json:
        output.document([_event_json(each) for each in events])
        return
    rows = [(instant(each.at), each.server or "", each.event.value, each.reason) for each in events]
    output.table(("at", "server", "event", "reason"), rows, empty="Nothing happens until then.")


def _event_json(event: Event) -> dict[str, Json]:
    return {
        "at": instant(event.at),
        "server": event.server,
        "event": event.event.value,
        "reason": event.reason,
    }


def _run_row(run: PlannedRun) -> tuple[str, ...]:
    demand = run.demand
    return (
        demand.server,
        demand.contract,
        demand.reason.value,
        instant(run.start_by),
        instant(demand.finish_by),
        f"{span(demand.estimate.low)} to {span(demand.estimate.high)}",
        "yes" if run.feasible else f"misses by {span(run.misses_by)}",
    )


def _run_json(run: PlannedRun) -> dict[str, Json]:
    demand = run.demand
    return {
        "server": demand.server,
        "contract": demand.contract,
        "kind": demand.kind.value,
        "reason": demand.reason.value,
        "explanation": demand.explanation,
        "due_at": instant(demand.due_at),
        "start_at": instant(run.start_at),
        "start_by": instant(run.start_by),
        "finish_by": instant(demand.finish_by),
        "estimate": {
            "low_seconds": int(demand.estimate.low.total_seconds()),
            "high_seconds": int(demand.estimate.high.total_seconds()),
            "basis": demand.estimate.basis.value,
        },
        "feasible": run.feasible,
        "misses_by_seconds": int(run.misses_by.total_seconds()),
        "overrides_quiet": run.overrides_quiet,
        "remedies": list(run.remedies),
    }
