"""`lapseguard history` and `lapseguard show`: what was done, and what came of it."""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Final

import typer

from daemon.bootstrap import Application
from daemon.cli.beside_output import beside_fields, beside_json
from daemon.cli.completion import complete_run, complete_server
from daemon.cli.opening import open_application
from daemon.cli.output import Json, JsonOption, Output, instant, size, span
from daemon.cli.provider_output import copy_cells, copy_fields, copy_json
from daemon.domain.history import HistoryRow, history_json
from daemon.domain.manifest import Manifest
from daemon.domain.pathtext import write_path
from daemon.domain.source import SourcePart
from daemon.domain.verification import Verification
from daemon.errors import NotFound
from daemon.printable import printable
from daemon.providers import provider_records
from daemon.services.overview import RunRecord
from daemon.services.provider_records import CopyRecord
from daemon.services.recipe import Recipe, restic_recipe
from daemon.settings import Configuration

app: Final = typer.Typer(name="history")

_SHOWN_OMISSIONS: Final = 20


@app.command()
def history(
    ctx: typer.Context,
    server: Annotated[
        str | None,
        typer.Argument(
            metavar="SERVER",
            help="Only of this one.",
            autocompletion=complete_server,
            show_default=False,
        ),
    ] = None,
    *,
    limit: Annotated[
        int | None, typer.Option(min=1, help="At most so many.", show_default=False)
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Past runs, newest first.

    Snapshots that providers made of their own disks stand among them.
    """
    output = Output.of(ctx, as_json=as_json)
    with open_application(ctx) as application:
        rows = _rows(application, server, limit)
    if as_json:
        output.document([_row_json(row) for row in rows])
        return
    columns = ("run", "server", "state", ">files", ">size", ">uploaded", "proof")
    empty = "There is no run yet. Begin one: lapseguard backup-now SERVER"
    output.table(columns, [_cells(row) for row in rows], empty=empty)


@app.command()
def show(
    ctx: typer.Context,
    run: Annotated[
        str,
        typer.Argument(
            metavar="RUN", help="Its id, as history prints it.", autocompletion=complete_run
        ),
    ],
    *,
    passport: Annotated[
        bool, typer.Option("--passport", help="Only what its server then said of itself.")
    ] = False,
    sums: Annotated[
        bool, typer.Option("--sums", help="Only the checksums of its files, for sha256sum -c.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Everything about one run, and how to open it with restic."""
    output = Output.of(ctx, as_json=as_json)
    with open_application(ctx) as application:
        if made := provider_records(application).find(run):
            _show_copy(output, made)
            return
        record = application.overview.run(run)
        if passport:
            from daemon.cli.passport import show_passport  # noqa: PLC0415 - opens the repository

            show_passport(ctx, application, record, output)
            return
        if sums:
            from daemon.cli.sums import show_sums  # noqa: PLC0415 - likewise

            show_sums(ctx, application, record, output)
            return
        recipe = _recipe(application.configuration, record)
    if as_json:
        output.document(_record_json(record, recipe))
        return
    output.fields([*_run_fields(record.row), *_manifest_fields(record)])
    for verification in record.verifications:
        output.say(f"  {_verification_text(verification)}")
        for problem in verification.problems[:_SHOWN_OMISSIONS]:
            output.say(f"    {problem}")
    _say_omissions(output, record)
    _say_recipe(output, recipe)


def _rows(
    application: Application, server: str | None, limit: int | None
) -> list[HistoryRow | CopyRecord]:
    """Runs and provider snapshots together. Raises NotFound where nobody knows of `server`."""
    copies = provider_records(application).history(server=server, limit=limit)
    rows: list[HistoryRow | CopyRecord] = [*copies]
    try:
        rows += application.overview.history(server=server, limit=limit)
    except NotFound:
        if not copies:
            raise
    return sorted(rows, key=_started_at, reverse=True)[:limit]


def _started_at(row: HistoryRow | CopyRecord) -> datetime:
    return row.copy.started_at if isinstance(row, CopyRecord) else row.run.started_at


def _row_json(row: HistoryRow | CopyRecord) -> Json:
    return copy_json(row) if isinstance(row, CopyRecord) else history_json(row)


def _show_copy(output: Output, record: CopyRecord) -> None:
    if output.as_json:
        output.document(copy_json(record))
    else:
        output.fields(copy_fields(record))


def _recipe(configuration: Configuration, record: RunRecord) -> Recipe | None:
    run = record.row.run
    if run.snapshot is None:
        return None
    try:
        return restic_recipe(
            configuration, store=run.store, server=run.server, snapshot=run.snapshot
        )
    except NotFound:
        # The store has left the settings since; the rest of the record still tells its story.
        return None


def _cells(row: HistoryRow | CopyRecord) -> tuple[str, ...]:
    if isinstance(row, CopyRecord):
        return copy_cells(row)
    run = row.run
    proof = (
        f"{row.verification.depth.value} {row.verification.outcome.value}"
        if row.verification
        else ""
    )
    return (
        run.run,
        run.server,
        run.state.value,
        "" if run.files is None else f"{run.files:,}",
        size(run.bytes),
        size(run.stored_bytes),
        proof or (run.error.code if run.error else ""),
    )


def _run_fields(row: HistoryRow) -> Iterator[tuple[str, str]]:
    run = row.run
    yield "run", run.run
    yield "server", run.server
    yield "kind", run.kind.value
    yield "state", run.state.value
    yield "started", instant(run.started_at)
    if run.finished_at is not None:
        took = span(run.finished_at - run.started_at)
        yield "finished", f"{instant(run.finished_at)}, after {took}"
    if run.error is not None:
        yield "error", f"{run.error.code}: {run.error.message}"
        yield "next", run.error.hint
    yield "files", "" if run.files is None else f"{run.files:,}"
    yield "size", size(run.bytes)
    yield "new", size(run.new_bytes)
    yield "uploaded", size(run.stored_bytes)
    yield "store", run.store
    yield "snapshot", run.snapshot or ""


def _manifest_fields(record: RunRecord) -> Iterator[tuple[str, str]]:
    if record.manifest is None:
        return
    manifest = record.manifest.manifest
    yield "repository", manifest.repository.url
    yield "paths", "\n".join(manifest.paths)
    yield "source", f"{manifest.source.kind}, consistency {manifest.source.consistency.value}"
    yield "frozen", "\n".join(map(_part_text, manifest.source.parts))
    yield from beside_fields(manifest.beside)
    yield "compared", _comparison_text(manifest)
    yield "packs", f"{len(manifest.packs):,}, {size(sum(pack.size for pack in manifest.packs))}"
    yield "contracts", "\n".join(f"{c.name}: expires {c.expiry}" for c in manifest.contracts)
    yield "tools", ", ".join(f"{tool.name} {tool.version}" for tool in manifest.tools)
    yield "manifest", f"number {manifest.sequence}, sha256 {record.manifest.sha256}"
    yield "proof", "" if record.verifications else "none"


def _part_text(part: SourcePart) -> str:
    text = f"{part.target}: {part.kind}, {part.consistency.value}, {instant(part.taken_at)}"
    return f"{text} ({part.reason})" if part.reason else text


def _comparison_text(manifest: Manifest) -> str:
    """How many files were held against the checksums that the server computed."""
    found = manifest.comparison
    parts = {
        "equal to the source": found.compared,
        "unchanged": found.unchanged,
        "not compared": found.uncompared,
        "DIFFERENT": found.mismatched,
    }
    return ", ".join(f"{count:,} {what}" for what, count in parts.items() if count)


def _verification_text(verification: Verification) -> str:
    source = {True: ", matches the source", False: ", DIFFERS from the source", None: ""}
    return (
        f"{instant(verification.checked_at)} {verification.depth.value} "
        f"{verification.outcome.value}{source[verification.matches_source]}"
    )


def _say_omissions(output: Output, record: RunRecord) -> None:
    if record.manifest is None or not record.manifest.manifest.omissions:
        return
    omissions = record.manifest.manifest.omissions
    output.say(f"\nNot saved ({len(omissions):,}):")
    for omission in omissions[:_SHOWN_OMISSIONS]:
        output.say(f"  {printable(omission.path)}: {omission.reason}")
    if len(omissions) > _SHOWN_OMISSIONS:
        output.say("  … all of them: lapseguard show RUN --json")


def _say_recipe(output: Output, recipe: Recipe | None) -> None:
    if recipe is None:
        return
    output.say("\nTo open it without Lapseguard, in any shell that may read the secrets:\n")
    for line in (*recipe.environment, *recipe.commands):
        output.say(line)


def _record_json(record: RunRecord, recipe: Recipe | None) -> Json:
    return {
        **history_json(record.row),
        "manifest": None if record.manifest is None else _manifest_json(record.manifest.manifest),
        "verifications": [
            {
                "depth": verification.depth.value,
                "outcome": verification.outcome.value,
                "checked_at": instant(verification.checked_at),
                "matches_source": verification.matches_source,
                "problems": list(verification.problems),
            }
            for verification in record.verifications
        ],
        "restic": None
        if recipe is None
        else {"environment": list(recipe.environment), "commands": list(recipe.commands)},
    }


def _manifest_json(manifest: Manifest) -> Json:
    return {
        "sequence": manifest.sequence,
        "complete": manifest.complete,
        "host": manifest.host,
        "paths": list(manifest.paths),
        "repository": manifest.repository.url,
        "repository_id": manifest.repository.id,
        "tree": manifest.repository.tree,
        "packs": len(manifest.packs),
        "comparison": {
            "compared": manifest.comparison.compared,
            "unchanged": manifest.comparison.unchanged,
            "uncompared": manifest.comparison.uncompared,
            "mismatched": manifest.comparison.mismatched,
        },
        "source": manifest.source.kind,
        "consistency": manifest.source.consistency.value,
        "source_parts": [
            {
                "target": part.target,
                "kind": part.kind,
                "id": part.id,
                "taken_at": instant(part.taken_at),
                "consistency": part.consistency.value,
                "reason": part.reason,
            }
            for part in manifest.source.parts
        ],
        **beside_json(manifest.beside),
        "contracts": [
            {"contract": c.name, "provider": c.provider, "expires": instant(c.expires_at)}
            for c in manifest.contracts
        ],
        "omissions": [
            {"path": write_path(omission.path), "reason": omission.reason}
            for omission in manifest.omissions
        ],
        "vanished": [write_path(path) for path in manifest.vanished],
        "tools": {tool.name: tool.version for tool in manifest.tools},
        "sums": manifest.sums.key,
        "sums_sha256": manifest.sums.text_sha256,
    }
