"""`lapseguard restore`: give a run's data back."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

import typer

from backends.repository.filling_beside import fill_beside
from backends.repository.restore_report import RestoreReport
from daemon.bootstrap import Application, destination
from daemon.cli.open_restore import OpenRestore
from daemon.cli.opening import open_application, open_configuration
from daemon.cli.output import JsonOption, Output, YesOption, size
from daemon.cli.progress import display_of
from daemon.cli.restore_options import (
    DryRunOption,
    IncludeOption,
    LeaveOutOption,
    MaybeTargetOption,
    OverwriteOption,
    OwnersOption,
    StagingLimitOption,
    StagingOption,
    SudoThereOption,
    ToOption,
    bytes_from,
    order_from,
)
from daemon.cli.restore_output import (
    kept_words,
    preview_json,
    restore_json,
    run_subject,
    say_loading,
    say_preview,
)
from daemon.cli.server_options import HostKeyOption, IdentityOption, PortOption, ScanOption
from daemon.cli.stopping import stop_on_signals
from daemon.cli.verification import RunArgument
from daemon.domain.pathtext import write_path
from daemon.errors import ExitCode, RunIncomplete, UsageError
from daemon.services.destination import Destination, Patience
from daemon.services.early_key import EarlyKeys
from daemon.services.overview import RunRecord
from daemon.services.restoration import (
    Restoration,
    RestoreOrder,
    alone,
    check_target,
    open_restoration,
)
from daemon.services.restore_preview import LateTotal, preview_target

app: Final = typer.Typer(name="restore")

_SHOWN: Final = 10


@app.command()
def restore(
    ctx: typer.Context,
    run: RunArgument,
    *,
    target: MaybeTargetOption = None,
    to: ToOption = None,
    include: IncludeOption = None,
    exclude: LeaveOutOption = None,
    owners: OwnersOption = None,
    port: PortOption = 22,
    identity: IdentityOption = None,
    host_key: HostKeyOption = None,
    scan: ScanOption = False,
    sudo: SudoThereOption = False,
    overwrite: OverwriteOption = False,
    staging: StagingOption = None,
    staging_limit: StagingLimitOption = None,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> int:
    """Restore a run into a folder or onto another server; paths below it are the server's."""
    output = Output.of(ctx, as_json=as_json)
    if (target is None) == (to is None):
        raise UsageError("Exactly one of --target and --to is needed.")
    order = order_from(target or Path(to or ""), include, exclude, owners=owners)
    if target is not None and not dry_run:
        check_target(target)
    with _open(ctx, run, output, reads_only=dry_run) as opened:
        if dry_run:
            return _say_preview(output, opened.restoration, order, local=to is None)
        if to is None:
            return _restore(ctx, output, opened.restoration, order)
        from daemon.cli.replacement import Login, Wanted, restore_to  # noqa: PLC0415 - paramiko

        wanted = Wanted(
            to=to,
            login=Login(port=port, identity=identity, host_key=host_key, scan=scan, yes=yes),
            sudo=sudo,
            overwrite=overwrite,
            include=order.include,
            exclude=order.exclude,
            staging=staging,
            staging_limit=bytes_from(staging_limit),
        )
        return restore_to(ctx, opened, wanted, output)


@contextmanager
def _open(
    ctx: typer.Context, run: str, output: Output, *, reads_only: bool
) -> Iterator[OpenRestore]:
    patience_warn = display_of(ctx, output).warned
    configuration = open_configuration(ctx)
    with (
        EarlyKeys(configuration) as keys,
        open_application(ctx, configuration) as application,
        stop_on_signals() as stop,
    ):
        keys.guess(run)
        record = application.overview.run_or_latest(run)
        signed = record.require_manifest()
        place = _destination(application, record, keys, Patience(stop=stop, warn=patience_warn))
        filling = alone if reads_only else fill_beside
        with open_restoration(place, signed, filling) as restoration:
            yield OpenRestore(application=application, restoration=restoration, stop=stop)


def _restore(
    ctx: typer.Context, output: Output, restoration: Restoration, order: RestoreOrder
) -> ExitCode:
    total = LateTotal(lambda: restoration.preview(order))
    with display_of(ctx, output).restoring(total) as step:
        done = restoration.restore(order, step)
    dumps = restoration.loadings(order, str(order.target))
    if output.as_json:
        output.document(restore_json(done, run_subject(restoration.manifest, dumps)))
        return ExitCode.DONE if done.complete else ExitCode.INCOMPLETE
    _say_report(output, done, order.target)
    say_loading(output, dumps)
    _require_complete(done)
    return ExitCode.DONE


def _destination(
    application: Application, record: RunRecord, keys: EarlyKeys, patience: Patience
) -> Destination:
    run = record.row.run
    found = keys.at(partial(destination, application, patience=patience, paced=False))
    return found(run.store, run.server)


def _say_preview(
    output: Output, restoration: Restoration, order: RestoreOrder, *, local: bool
) -> ExitCode:
    root = str(order.target) if local else "/" + str(order.target).partition(":/")[2]
    dumps, found = restoration.loadings(order, root), restoration.preview(order)
    subject = run_subject(restoration.manifest, dumps)
    met = preview_target(order.target, restoration.tree) if local else None
    if output.as_json:
        output.document(preview_json(found, met, subject))
    else:
        say_preview(output, found, met, subject, order.target)
        say_loading(output, dumps)
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


def _require_complete(done: RestoreReport) -> None:
    if not done.complete:
        first = done.failures[0]
        raise RunIncomplete(
            f"{len(done.failures):,} entries could not be restored, the first: "
            f"{write_path(first.path)}: {first.reason}",
            hint="Everything else is there. `lapseguard verify --depth hashed` lists the damage.",
        )
