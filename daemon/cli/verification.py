"""`lapseguard verify`: prove an earlier run's data anew."""

from dataclasses import replace
from typing import Annotated, Final

import typer

from backends.repository.judging_beside import judge_beside
from daemon.bootstrap import Application, verification_tools
from daemon.cli.completion import complete_run_or_server
from daemon.cli.failure import report
from daemon.cli.opening import open_application
from daemon.cli.output import Json, JsonOption, Output, instant
from daemon.cli.progress import Display, display_of
from daemon.cli.stopping import stop_on_signals
from daemon.domain.verification import Depth, Outcome, Verification
from daemon.errors import (
    ExitCode,
    Interrupted,
    InvalidValue,
    UsageError,
    VerificationFailed,
    code_for,
    hint_for,
)
from daemon.services.destination import Patience
from daemon.services.overview import RunRecord
from daemon.services.verification import VerificationTools, verify_run

app: Final = typer.Typer(name="verify")

_SHOWN: Final = 10

RunArgument = Annotated[
    str,
    typer.Argument(
        metavar="RUN|SERVER",
        help="A run, or a server for its newest one.",
        autocompletion=complete_run_or_server,
    ),
]


@app.command()
def verify(
    ctx: typer.Context,
    runs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[RUN|SERVER]…",
            help="Runs, or servers for their newest.",
            autocompletion=complete_run_or_server,
            show_default=False,
        ),
    ] = None,
    *,
    every: Annotated[
        bool, typer.Option("--all", help="The newest stored run of every server.")
    ] = False,
    depth: Annotated[Depth, typer.Option(help="stored, hashed or restored.")] = Depth.HASHED,
    as_json: JsonOption = False,
) -> int:
    """Prove a run's data anew: look it up, read it back, or restore it to scratch and compare.

    Of several, one that fails does not keep the next from its turn. With --json, one run that is
    named gives one document; several, or --all, give a list.
    """
    if depth < Depth.STORED:
        raise InvalidValue("The shallowest depth to verify is `stored`.")
    if bool(runs) == every:
        raise UsageError("Name runs or servers, or give --all.")
    output = Output.of(ctx, as_json=as_json)
    display = display_of(ctx, output)
    with open_application(ctx) as application, stop_on_signals() as stop:
        records = _choose(application, runs or [], output, every=every)
        tools = verification_tools(application, Patience(stop=stop, warn=display.warned))
        if depth >= Depth.HASHED and application.configuration.unlimited:
            tools = replace(tools, judging=judge_beside)
        if runs is not None and len(records) == 1:
            return _answer_one(output, verify_run(tools, records[0], depth, display))
        turns = [_verify_one(tools, record, depth, display, output) for record in records]
    if as_json:
        output.document([document for _, document in turns])
    return ExitCode.FAILED if any(code for code, _ in turns) else ExitCode.DONE


def _choose(
    application: Application, runs: list[str], output: Output, *, every: bool
) -> list[RunRecord]:
    overview = application.overview
    if not every:
        return [overview.run_or_latest(run) for run in dict.fromkeys(runs)]
    found = []
    for server in application.registry.servers():
        stored = (row for row in overview.history(server=server.name) if row.run.manifest_sha256)
        newest = next(stored, None)
        if newest is None:
            output.warn(f"{server.name} has no stored run to verify")
        else:
            found.append(overview.run(newest.run.run))
    return found


def _answer_one(output: Output, found: Verification) -> ExitCode:
    if output.as_json:
        output.document(_verification_json(found))
        return ExitCode.DONE if found.outcome is Outcome.PASSED else ExitCode.FAILED
    _say_verification(output, found)
    return ExitCode.DONE


def _verify_one(
    tools: VerificationTools, record: RunRecord, depth: Depth, display: Display, output: Output
) -> tuple[ExitCode, Json]:
    """One of several: what goes wrong is told, and the next one gets its turn."""
    run = record.row.run
    try:
        found = verify_run(tools, record, depth, display)
        if not output.as_json:
            _say_verification(output, found)
    except Interrupted:
        raise
    except Exception as error:  # noqa: BLE001 - told; the next one gets its turn
        return report(error, [], subject=f"{run.server}: "), _failure_json(record, error)
    passed = found.outcome is Outcome.PASSED
    return ExitCode.DONE if passed else ExitCode.FAILED, _verification_json(found)


def _failure_json(record: RunRecord, error: Exception) -> Json:
    return {
        "run": record.row.run.run,
        "error": {"code": code_for(error), "message": str(error), "hint": hint_for(error)},
    }


def _say_verification(output: Output, found: Verification) -> None:
    if found.outcome is not Outcome.PASSED:
        raise VerificationFailed(
            "\n".join([f"{found.run} does not verify:", *found.problems[:_SHOWN]])
        )
    source = "; it matches the source" if found.matches_source else ""
    output.say(f"{found.run}: {found.depth.value} {found.outcome.value}{source}.")


def _verification_json(found: Verification) -> Json:
    return {
        "run": found.run,
        "manifest_sha256": found.manifest_sha256,
        "depth": found.depth.value,
        "outcome": found.outcome.value,
        "checked_at": instant(found.checked_at),
        "matches_source": found.matches_source,
        "problems": list(found.problems),
    }
