"""`lapseguard restore`: give a run's data back."""

from pathlib import Path
from typing import Final

import typer

from backends.repository.restore_report import RestoreReport
from daemon.bootstrap import Application, destination
from daemon.cli.opening import open_application
from daemon.cli.output import JsonOption, Output, size
from daemon.cli.progress import display_of
from daemon.cli.restore_options import (
    DryRunOption,
    IncludeOption,
    LeaveOutOption,
    OwnersOption,
    TargetOption,
    order_from,
)
from daemon.cli.restore_output import (
    kept_words,
    preview_json,
    restore_json,
    run_subject,
    say_preview,
)
from daemon.cli.stopping import stop_on_signals
from daemon.cli.verification import RunArgument
from daemon.domain.pathtext import write_path
from daemon.errors import ExitCode, RunIncomplete
from daemon.services.destination import Destination, Patience
from daemon.services.overview import RunRecord
from daemon.services.restoration import Restoration, RestoreOrder, check_target, open_restoration
from daemon.services.restore_preview import RestorePreview, preview_target

app: Final = typer.Typer(name="restore")

_SHOWN: Final = 10


@app.command()
def restore(
    ctx: typer.Context,
    run: RunArgument,
    *,
    target: TargetOption,
    include: IncludeOption = None,
    exclude: LeaveOutOption = None,
    owners: OwnersOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> int:
    """Restore a run into a folder; paths below it are the server's."""
    output = Output.of(ctx, as_json=as_json)
    order = order_from(target, include, exclude, owners=owners)
    if not dry_run:
        check_target(target)
    display = display_of(ctx, output)
    with open_application(ctx) as application, stop_on_signals() as stop:
        record = application.overview.run_or_latest(run)
        signed = record.require_manifest()
        place = _destination(application, record, Patience(stop=stop, warn=display.warned))
        with open_restoration(place, signed) as restoration:
            found = restoration.preview(order)
            if dry_run:
                return _say_preview(output, restoration, order, found)
            with display.restoring(found) as step:
                done = restoration.restore(order, step)
    if as_json:
        output.document(restore_json(done, run_subject(signed.manifest)))
        return ExitCode.DONE if done.complete else ExitCode.INCOMPLETE
    _say_report(output, done, target)
    return ExitCode.DONE


def _destination(application: Application, record: RunRecord, patience: Patience) -> Destination:
    run = record.row.run
    return destination(application, run.store, run.server, patience, paced=False)


def _say_preview(
    output: Output, restoration: Restoration, order: RestoreOrder, found: RestorePreview
) -> ExitCode:
    subject = run_subject(restoration.manifest)
    met = preview_target(order.target, restoration.tree)
    if output.as_json:
        output.document(preview_json(found, met, subject))
    else:
        say_preview(output, found, met, subject, order.target)
    return ExitCode.DONE if found.complete else ExitCode.INCOMPLETE


def _say_report(output: Output, done: RestoreReport, target: Path) -> None:
    output.note(
        f"Restored {done.files:,} files, {size(done.bytes)}{kept_words(done)}, "
        f"{done.folders:,} folders, {done.others + done.links:,} links and others into {target}."
    )
    for shortfall in done.shortfalls:
        example = write_path(shortfall.example)
        output.warn(f"{shortfall.reason}: {shortfall.count:,}, the first {example}")
    for skipped in done.skipped[:_SHOWN]:
        output.warn(f"left out: {write_path(skipped.path)}: {skipped.reason}")
    if not done.complete:
        first = done.failures[0]
        raise RunIncomplete(
            f"{len(done.failures):,} entries could not be restored, the first: "
            f"{write_path(first.path)}: {first.reason}",
            hint="Everything else is there. `lapseguard verify --depth hashed` lists the damage.",
        )
