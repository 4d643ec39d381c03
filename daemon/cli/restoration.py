"""`lapseguard restore`: give a run's data back."""

from pathlib import Path
from typing import Annotated, Final

import typer

from backends.repository.restore_report import RestoreReport
from daemon.bootstrap import Application, destination
from daemon.cli.opening import open_application
from daemon.cli.output import Output, size
from daemon.cli.progress import Display, display_of
from daemon.cli.stopping import stop_on_signals
from daemon.cli.verification import RunArgument
from daemon.domain.manifest import Manifest
from daemon.domain.pathtext import write_path
from daemon.errors import ExitCode, RunIncomplete
from daemon.services.destination import Patience
from daemon.services.overview import RunRecord
from daemon.services.restoration import RestoreOrder, check_target, restore_run

app: Final = typer.Typer(name="restore")

_SHOWN: Final = 10


@app.command()
def restore(
    ctx: typer.Context,
    run: RunArgument,
    *,
    target: Annotated[
        Path, typer.Option(metavar="DIR", help="Empty, or not there yet.", show_default=False)
    ],
    include: Annotated[
        list[str] | None,
        typer.Option("--include", metavar="PATH", help="Only this; repeat.", show_default=False),
    ] = None,
    owners: Annotated[
        bool | None,
        typer.Option(
            "--owners/--no-owners",
            help="Restore owners, setuid bits and devices; by default exactly as root.",
            show_default=False,
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be restored; do nothing.")
    ] = False,
) -> int:
    """Restore a run into an empty folder; paths below it are the server's."""
    output = Output.of(ctx)
    order = RestoreOrder(
        target=target,
        include=tuple(path.encode(errors="surrogateescape") for path in include or ()),
        owners=owners,
    )
    check_target(target)
    with open_application(ctx) as application:
        record = application.overview.run_or_latest(run)
        if dry_run:
            manifest = record.require_manifest().manifest
            what = f"{', '.join(include)} of " if include else ""
            output.say(
                f"Would restore {what}{_describe(manifest)} into {target}. Nothing was done."
            )
            return ExitCode.DONE
        done = _restore(application, record, order, display_of(ctx, output))
    _say_report(output, done, target)
    return ExitCode.DONE


def _restore(
    application: Application, record: RunRecord, order: RestoreOrder, display: Display
) -> RestoreReport:
    signed = record.require_manifest()
    # Nobody knows beforehand how much of it is wanted.
    total = None if order.include else signed.manifest.bytes
    with stop_on_signals() as stop, display.restoring(total) as step:
        patience = Patience(stop=stop, warn=display.warned)
        place = destination(application, record.row.run.store, signed.manifest.server, patience)
        return restore_run(place, signed, order, lambda now: step(now.bytes))


def _describe(manifest: Manifest) -> str:
    return (
        f"{manifest.files:,} files, {size(manifest.bytes)}, of {manifest.server} ({manifest.run})"
    )


def _say_report(output: Output, done: RestoreReport, target: Path) -> None:
    output.note(
        f"Restored {done.files:,} files, {size(done.bytes)}, {done.folders:,} folders, "
        f"{done.others + done.links:,} links and others into {target}."
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
