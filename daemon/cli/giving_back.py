"""The second half of `lapseguard restore`: loaded while the repository's key is being derived."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import typer

from backends.repository.filling_beside import fill_beside
from backends.repository.restore_report import RestoreReport
from daemon.bootstrap import destination
from daemon.cli.open_restore import OpenRestore
from daemon.cli.opening import open_application
from daemon.cli.output import Output, size
from daemon.cli.progress import display_of
from daemon.cli.restore_output import (
    kept_words,
    preview_json,
    restore_json,
    run_subject,
    say_loading,
    say_preview,
)
from daemon.cli.stopping import stop_on_signals
from daemon.domain.pathtext import write_path
from daemon.errors import ExitCode, RunIncomplete
from daemon.services.destination import Destination, Patience
from daemon.services.early_key import EarlyKeys
from daemon.services.restoration import (
    Restoration,
    RestoreOrder,
    alone,
    check_target,
    open_restoration,
)
from daemon.services.restore_preview import LateTotal, preview_target
from daemon.settings import Configuration

__all__ = ["WantedRun", "check_target", "give_back", "open_run", "say_preview_of"]

_SHOWN: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedRun:
    """Which run is opened, and whether its files are going to be written."""

    named: str
    writes: bool


@contextmanager
def open_run(
    ctx: typer.Context,
    configuration: Configuration,
    wanted: WantedRun,
    keys: EarlyKeys,
    output: Output,
) -> Iterator[OpenRestore]:
    """The run, opened for reading.

    Raises:
        NotFound, StoreError, RepositoryError, SecretError.
    """
    warn = display_of(ctx, output).warned
    with open_application(ctx, configuration) as application, stop_on_signals() as stop:
        record = application.overview.run_or_latest(wanted.named)
        signed, patience = record.require_manifest(), Patience(stop=stop, warn=warn)

        def place(store: str | None, server: str) -> Destination:
            return destination(application, store, server, patience, paced=False)

        run = record.row.run
        filling = fill_beside if wanted.writes else alone
        with open_restoration(
            keys.at(place)(run.store, run.server), signed, filling
        ) as restoration:
            yield OpenRestore(application=application, restoration=restoration, stop=stop)


def give_back(
    ctx: typer.Context, output: Output, restoration: Restoration, order: RestoreOrder
) -> ExitCode:
    """Restore a run into a folder, and say what was done."""
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


def say_preview_of(
    output: Output, opened: OpenRestore, order: RestoreOrder, *, local: bool
) -> ExitCode:
    """Say what would be restored."""
    restoration = opened.restoration
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
