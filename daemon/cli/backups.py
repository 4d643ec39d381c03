"""`lapseguard backup-now`: save servers and prove it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final

import typer

from daemon.bootstrap import Application, backup_tools
from daemon.cli.completion import complete_server
from daemon.cli.event_lines import EventLines
from daemon.cli.failure import report
from daemon.cli.invocation import invocation_of
from daemon.cli.opening import open_application
from daemon.cli.output import Json, JsonOption, Output, size
from daemon.cli.progress import Display, display_of
from daemon.cli.stopping import checkpoint_on_signals
from daemon.domain.history import history_json
from daemon.domain.run import Run, RunState
from daemon.domain.verification import Depth
from daemon.errors import ExitCode, UsageError, code_for, hint_for
from daemon.priority import give_way
from daemon.services.backup import back_up
from daemon.services.deadline import deadline_of
from daemon.services.progress import Reporting

app: Final = typer.Typer(name="backups")

DepthOption = Annotated[
    Depth | None,
    typer.Option(
        help="How deep to verify: stored, hashed or restored. "
        "By default what the server or the settings say.",
        show_default=False,
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ways:
    """Where a command's words go; `verbose` adds tracebacks."""

    output: Output
    display: Display
    verbose: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Turn:
    """How one server's turn ended: the exit code it calls for, and what `--json` says of it."""

    code: ExitCode
    document: Mapping[str, Json]


@app.command("backup-now")
def backup_now(
    ctx: typer.Context,
    servers: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SERVER…", help="Names.", autocompletion=complete_server, show_default=False
        ),
    ] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="Every registered server.")] = False,
    depth: DepthOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would happen; do nothing.")
    ] = False,
    as_json: JsonOption = False,
    events: Annotated[
        bool,
        typer.Option(
            "--events", help="Print JSON lines: each step, how far it is, and the result last."
        ),
    ] = False,
) -> int:
    """Back servers up, one after the other, and verify what was stored.

    A server that fails does not keep the next one from its turn. The exit code is that of the
    worst outcome: 1 if one failed, 3 if one is incomplete.

    Ctrl-C keeps what has arrived as a checkpoint, and the next run goes on from there; a second
    one ends at once.
    """
    output = Output.of(ctx, as_json=as_json or events)
    lines = EventLines()
    with open_application(ctx) as application:
        names = _choose(application, servers or [], every=every)
        if dry_run:
            from daemon.cli.preview import say_previews  # noqa: PLC0415 - only where asked for

            say_previews(output, backup_tools(application), names, depth)
            return ExitCode.DONE
        display = lines if events else display_of(ctx, output)
        ways = _Ways(output=output, display=display, verbose=invocation_of(ctx).verbosity > 0)
        defaults = application.configuration.settings.defaults
        give_way(defaults.nice, defaults.io_priority)
        turns = _back_up(application, names, depth, ways)
    code = max((turn.code for turn in turns), key=_severity, default=ExitCode.DONE)
    if output.as_json:
        documents = [turn.document for turn in turns]
        if events:
            lines.end(documents)
        else:
            output.document(documents)
        if code is ExitCode.INTERRUPTED:
            # The document is all that is to be printed.
            raise SystemExit(code)
    return code


def _back_up(
    application: Application, names: list[str], depth: Depth | None, ways: _Ways
) -> list[_Turn]:
    """Up to the first that is interrupted."""
    turns: list[_Turn] = []
    for name in names:
        turn = _back_up_one(application, name, depth, ways)
        turns.append(turn)
        if turn.code is ExitCode.INTERRUPTED:
            break
    return turns


def _choose(application: Application, names: list[str], *, every: bool) -> list[str]:
    if every and names:
        raise UsageError("Name servers or give --all, not both.")
    known = [server.name for server in application.registry.servers()]
    if every and not known:
        raise UsageError("No server is registered.", hint="lapseguard server add --help")
    if every:
        return known
    if not names:
        raise UsageError("No server is named.", hint="Name one, or give --all for every server.")
    for name in names:
        application.registry.server(name)
    return list(dict.fromkeys(names))


def _back_up_one(application: Application, name: str, depth: Depth | None, ways: _Ways) -> _Turn:
    tools = backup_tools(application)
    try:
        store, _ = application.configuration.store(application.registry.server(name).store)
        tools = backup_tools(application, application.pacing.pull_rate(store))
        observer = Reporting(
            watcher=ways.display,
            units=application.units,
            clock=application.clock,
            finish_by=deadline_of(application.planning, name),
        )
        with checkpoint_on_signals() as stopping:
            run = back_up(tools, name, observer, depth=depth, stop=stopping)
    except Exception as error:  # noqa: BLE001 - on record and told; the next server gets its turn
        code = report(error, ["-v"] if ways.verbose else [], subject=f"{name}: ")
        return _Turn(code=code, document=_failure_json(application, name, tools.owner, error))
    _say_run(ways.output, application, run)
    code = ExitCode.DONE if run.state is RunState.VERIFIED else ExitCode.INCOMPLETE
    if stopping.asked.is_set():
        code = ExitCode.INTERRUPTED
    return _Turn(code=code, document=history_json(application.overview.run(run.run).row))


def _failure_json(
    application: Application, name: str, owner: str, error: Exception
) -> Mapping[str, Json]:
    """The failed run, or only the failure where none was begun."""
    for row in application.overview.history(server=name, limit=1):
        if row.run.owner == owner:
            return history_json(row)
    failure = {"code": code_for(error), "message": str(error), "hint": hint_for(error)}
    return {"run": None, "server": name, "state": RunState.FAILED.value, "error": failure}


def _say_run(output: Output, application: Application, run: Run) -> None:
    record = application.overview.run(run.run)
    proof = record.row.verification
    depth = proof.depth.value if proof else "not"
    source = ", matches the source" if proof and proof.matches_source else ""
    took = (
        f" in {(run.finished_at - run.started_at).total_seconds():.1f} s" if run.finished_at else ""
    )
    output.note(
        f"{run.server}: {run.state.value} ({depth}{source}): {run.files or 0:,} files, "
        f"{size(run.bytes)}; new {size(run.new_bytes)}, uploaded {size(run.stored_bytes)}{took}. "
        f"Run {run.run}"
    )
    if run.error:
        output.warn(f"{run.server}: {run.error.message} ({run.error.hint})")


def _severity(code: ExitCode) -> int:
    return (
        ExitCode.DONE,
        ExitCode.INCOMPLETE,
        ExitCode.USAGE,
        ExitCode.FAILED,
        ExitCode.INTERRUPTED,
    ).index(code)
