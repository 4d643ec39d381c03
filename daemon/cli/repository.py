"""`lapseguard repository`: any restic repository, with nothing but its URL and password."""

from contextlib import AbstractContextManager, ExitStack, nullcontext
from typing import Annotated, Final

import typer

from backends.protocols import ObjectStore
from backends.repository.check import check_repository
from backends.repository.check_packs import present_packs
from backends.repository.judging_beside import BesideJudge, judge_beside
from backends.repository.reader import BlobReader
from backends.repository.repository import Repository
from backends.repository.snapshot import LATEST, Snapshot, list_snapshots
from daemon.cli import repository_keys
from daemon.cli.check_output import check_json, say_check, watch_check
from daemon.cli.output import Json, JsonOption, Output, instant, size
from daemon.cli.progress import display_of
from daemon.cli.repository_options import open_repository_at, takes_repository
from daemon.cli.restore_options import (
    DryRunOption,
    IncludeOption,
    LeaveOutOption,
    OwnersOption,
    TargetOption,
    order_from,
)
from daemon.cli.restore_output import (
    preview_json,
    restore_json,
    say_preview,
    say_restore,
    snapshot_subject,
)
from daemon.domain.pathtext import write_path
from daemon.errors import ExitCode
from daemon.printable import printable
from daemon.services.repository_access import RepositoryAccess, hold_lock_if_allowed
from daemon.services.repository_restore import (
    choose_snapshot,
    open_reader,
    restore_snapshot,
)
from daemon.services.restoration import RestoreOrder, check_target
from daemon.services.restore_preview import (
    LateTotal,
    RestorePreview,
    preview_restore,
    preview_target,
)

app: Final = typer.Typer(
    name="repository", no_args_is_help=True, help="Any restic repository: no settings needed."
)
app.add_typer(repository_keys.app, name="keys")

HostOption = Annotated[
    str | None, typer.Option("--host", help="Only of this host.", show_default=False)
]
NoLockOption = Annotated[
    bool, typer.Option("--no-lock", help="Store nothing in the repository, not even a lock.")
]
_SHOWN_ID: Final = 8


@app.command()
@takes_repository
def snapshots(
    ctx: typer.Context,
    access: RepositoryAccess,
    *,
    host: HostOption = None,
    as_json: JsonOption = False,
) -> int:
    """List the snapshots, oldest first; exit code 3 where some cannot be read."""
    output = Output.of(ctx, as_json=as_json)
    damaged: list[str] = []
    with open_repository_at(ctx, access, output) as repository:
        found = list_snapshots(repository, on_damaged=lambda _, error: damaged.append(str(error)))
    wanted = [each for each in found if host in (None, each.hostname)]
    for fault in damaged:
        output.warn(fault)
    if as_json:
        output.document([_snapshot_json(each) for each in wanted])
    else:
        columns = ("snapshot", "time", "host", "paths", "tags", ">size")
        output.table(columns, map(_snapshot_cells, wanted), empty="There is no snapshot.")
    return ExitCode.INCOMPLETE if damaged else ExitCode.DONE


@app.command()
@takes_repository
def check(
    ctx: typer.Context,
    access: RepositoryAccess,
    *,
    read_data: Annotated[
        bool, typer.Option("--read-data", help="Also read every pack and open all that is in it.")
    ] = False,
    no_lock: NoLockOption = False,
    as_json: JsonOption = False,
) -> int:
    """Look for damage, and name the files that it costs; exit code 1 where there is any."""
    output = Output.of(ctx, as_json=as_json)
    with ExitStack() as stack:
        beside: list[BesideJudge | None] = [None]

        def connected(store: ObjectStore) -> None:
            if read_data:
                beside[0] = stack.enter_context(judge_beside(store))

        repository = stack.enter_context(open_repository_at(ctx, access, output, connected))
        if beside[0] is not None:
            # A pack never changes: whether it is listed is asked once the lock is held.
            beside[0].begin(repository.master, present_packs(repository))
        stack.enter_context(_lock(repository, output, wanted=not no_lock))
        progress = stack.enter_context(watch_check(ctx, output))
        report = check_repository(
            repository, read_data=read_data, progress=progress, beside=beside[0]
        )
    if as_json:
        output.document(check_json(report, read_data=read_data))
    else:
        say_check(output, report, read_data=read_data)
    return ExitCode.DONE if report.sound else ExitCode.FAILED


@app.command()
@takes_repository
def restore(
    ctx: typer.Context,
    access: RepositoryAccess,
    *,
    target: TargetOption,
    snapshot: Annotated[str, typer.Option(metavar="ID", help="Or the beginning of one.")] = LATEST,
    host: HostOption = None,
    include: IncludeOption = None,
    exclude: LeaveOutOption = None,
    owners: OwnersOption = None,
    no_lock: NoLockOption = False,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> int:
    """Restore a snapshot into an empty folder; exit code 3 where something is missing."""
    output = Output.of(ctx, as_json=as_json)
    order = order_from(target, include, exclude, owners=owners)
    if not dry_run:
        check_target(target)
    with open_repository_at(ctx, access, output) as repository:
        chosen = choose_snapshot(repository, snapshot, hostname=host, warn=output.warn)
        if dry_run:
            return _preview(repository, chosen, order, output)
        with _lock(repository, output, wanted=not no_lock):
            return _restore(ctx, repository, chosen, order, output)


def _lock(repository: Repository, output: Output, *, wanted: bool) -> AbstractContextManager[None]:
    return hold_lock_if_allowed(repository, output.warn) if wanted else nullcontext()


def _preview(
    repository: Repository, snapshot: Snapshot, order: RestoreOrder, output: Output
) -> ExitCode:
    found = _preview_of(open_reader(repository, output.warn), snapshot, order)
    met = preview_target(order.target, snapshot.tree)
    subject = snapshot_subject(snapshot)
    if output.as_json:
        output.document(preview_json(found, met, subject))
    else:
        say_preview(output, found, met, subject, order.target)
    return ExitCode.DONE if found.complete else ExitCode.INCOMPLETE


def _preview_of(reader: BlobReader, snapshot: Snapshot, order: RestoreOrder) -> RestorePreview:
    return preview_restore(reader, snapshot.tree, order.include, order.exclude)


def _restore(
    ctx: typer.Context,
    repository: Repository,
    snapshot: Snapshot,
    order: RestoreOrder,
    output: Output,
) -> ExitCode:
    reader = open_reader(repository, output.warn)
    total = LateTotal(lambda: _preview_of(reader, snapshot, order))
    with display_of(ctx, output).restoring(total) as step:
        report = restore_snapshot(reader, snapshot, order, step)
    subject = snapshot_subject(snapshot)
    if output.as_json:
        output.document(restore_json(report, subject))
    else:
        say_restore(output, report, subject, order.target)
    return ExitCode.DONE if report.complete else ExitCode.INCOMPLETE


def _snapshot_cells(snapshot: Snapshot) -> tuple[str, ...]:
    return (
        snapshot.id[:_SHOWN_ID],
        instant(snapshot.time),
        snapshot.hostname,
        "\n".join(printable(path) for path in snapshot.paths),
        "\n".join(snapshot.tags),
        size(snapshot.summary.total_bytes_processed if snapshot.summary else None),
    )


def _snapshot_json(snapshot: Snapshot) -> Json:
    summary = snapshot.summary
    return {
        "snapshot": snapshot.id,
        "time": instant(snapshot.time),
        "hostname": printable(snapshot.hostname),
        "username": printable(snapshot.username),
        "paths": [write_path(path.encode(errors="surrogateescape")) for path in snapshot.paths],
        "tags": [printable(tag) for tag in snapshot.tags],
        "tree": snapshot.tree.hex(),
        "parent": snapshot.parent,
        "program_version": printable(snapshot.program_version),
        "files": summary.total_files_processed if summary else None,
        "bytes": summary.total_bytes_processed if summary else None,
    }
