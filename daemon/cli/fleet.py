"""`lapseguard import` and `lapseguard export`: the whole fleet as files."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from daemon.cli.fleet_report import problems_json, report_json, say_report
from daemon.cli.opening import open_application
from daemon.cli.output import JsonOption, Output
from daemon.domain.fleet import Problem
from daemon.errors import ExitCode, FleetInvalid
from daemon.services.fleet_export import save, write_csv, write_toml
from daemon.services.fleet_import import ImportReport, Watch
from daemon.services.fleet_sources import STDIN, read_sources

app: Final = typer.Typer(name="fleet", no_args_is_help=True, help="The whole fleet as files.")


@app.command("import")
def import_files(
    ctx: typer.Context,
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE…",
            help="TOML with [servers.NAME] and [contracts.NAME], or CSV with contracts; - is "
            "standard input.",
        ),
    ],
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would be changed.")
    ] = False,
    evidence: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            help="Why contracts that move end at another date; by default the file and its digest.",
            show_default=False,
        ),
    ] = None,
    as_json: JsonOption = False,
) -> int:
    """Bring servers and contracts in from files.

    Everything or nothing is imported, and nothing is ever removed. Importing again changes
    nothing. A contract whose date moves is recorded as renewed.
    """
    output = Output.of(ctx, as_json=as_json)
    sources = read_sources(files, sys.stdin.buffer)
    with open_application(ctx) as application, _watching(output) as watch:
        importing = application.fleet_import
        report = (
            importing.preview(sources)
            if dry_run
            else importing.apply(sources, evidence=evidence, watch=watch)
        )
    return _answer(output, report, dry_run=dry_run)


@app.command("export")
def export_files(
    ctx: typer.Context,
    file: Annotated[
        str, typer.Argument(metavar="[FILE]", help="Where to; - is standard output.")
    ] = STDIN,
    *,
    contracts_csv: Annotated[
        bool, typer.Option("--contracts-csv", help="Write contracts alone, as CSV.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Replace a file that is there already.")
    ] = False,
) -> None:
    """Write servers and contracts to a file that import takes.

    Contracts that are closed are left out; so, in CSV, are phases.
    """
    with open_application(ctx) as application:
        fleet = application.fleet_import.recorded()
    text = write_csv(fleet.contracts) if contracts_csv else write_toml(fleet)
    if file == STDIN:
        # In UTF-8 whatever the terminal speaks: it is a file that goes through a pipe.
        sys.stdout.buffer.write(text.encode())
        return
    save(Path(file), text, replace=force)
    Output.of(ctx).note(f"Written to {file}.")


def _answer(output: Output, report: ImportReport, *, dry_run: bool) -> int:
    if report.problems:
        return _refuse(output, report.problems)
    if output.as_json:
        output.document(report_json(report, dry_run=dry_run))
    else:
        say_report(output, report, dry_run=dry_run)
    for warning in report.warnings:
        output.warn(warning)
    return ExitCode.DONE


def _refuse(output: Output, problems: Sequence[Problem]) -> int:
    """End with every problem: as text through the usual way, as JSON with their places."""
    error = FleetInvalid("\n".join(str(problem) for problem in problems))
    if not output.as_json:
        raise error
    head = {"code": error.code, "message": str(error), "hint": error.hint}
    output.document({"error": {**head, "problems": problems_json(problems)}})
    return ExitCode.USAGE


@contextmanager
def _watching(output: Output) -> Iterator[Watch]:
    """A bar on standard error, where a person looks at it."""
    if output.quiet or output.as_json or not sys.stderr.isatty():
        yield lambda _what, _done, _total: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=24), TimeElapsedColumn())
    console = Console(stderr=True, highlight=False, emoji=False, markup=False)
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task("comparing", total=None)
        yield lambda what, done, total: progress.update(
            bar, description=f"{what}: {done:,} of {total:,}", completed=done, total=total
        )
