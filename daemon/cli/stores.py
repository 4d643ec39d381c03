"""`lapseguard store`: the places that backups are written to."""

import secrets
from contextlib import closing
from typing import Annotated, Final

import typer

from backends.objectstore.findings import ESSENTIAL, Finding, Outcome, StoreProbe
from backends.objectstore.probe import probe_store
from daemon.bootstrap import create_place, open_plain_store, open_store
from daemon.cli.completion import complete_store
from daemon.cli.opening import open_configuration
from daemon.cli.output import Json, JsonOption, Output
from daemon.errors import ExitCode
from daemon.printable import printable
from daemon.services.storage import check_writable
from daemon.settings import Configuration

app: Final = typer.Typer(
    name="store", no_args_is_help=True, help="The places that backups are written to."
)

StoreArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="STORE",
        help="By default the default store.",
        autocompletion=complete_store,
        show_default=False,
    ),
]


@app.command("list")
def list_stores(ctx: typer.Context, *, as_json: JsonOption = False) -> None:
    """List the stores in the settings."""
    output = Output.of(ctx, as_json=as_json)
    configuration = open_configuration(ctx)
    stores = [_store_json(configuration, name) for name in sorted(configuration.settings.stores)]
    if as_json:
        output.document(stores)
        return
    rows = [
        (str(s["store"]), str(s["url"]), str(s["endpoint"] or ""), "yes" if s["default"] else "")
        for s in stores
    ]
    empty = "The settings name no store; add a [stores.NAME] table."
    output.table(("store", "url", "endpoint", "default"), rows, empty=empty)


@app.command()
def init(
    ctx: typer.Context,
    store: StoreArgument = None,
    *,
    create: Annotated[
        bool, typer.Option("--create", help="Make the bucket or folder if it is missing.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Make sure that a store is there and takes, returns and deletes objects."""
    output = Output.of(ctx, as_json=as_json)
    configuration = open_configuration(ctx)
    name, settings = configuration.store(store)
    created = create_place(configuration, name) if create else False
    place = open_store(configuration, name)
    try:
        check_writable(place, secrets.token_bytes(1024))
    finally:
        place.close()
    if as_json:
        output.document({"store": name, "url": settings.url, "created": created, "writable": True})
        return
    done = "was made and is ready" if created else "is there and ready"
    output.note(f"The store {name} ({settings.url}) {done}.")


@app.command()
def probe(ctx: typer.Context, store: StoreArgument = None, *, as_json: JsonOption = False) -> int:
    """Find out what a store really does; exit code 1 where it cannot hold backups.

    A few small objects below `lapseguard/probe/` are written and removed again.
    """
    output = Output.of(ctx, as_json=as_json)
    configuration = open_configuration(ctx)
    name, _ = configuration.store(store)
    with closing(open_plain_store(configuration, name)) as place:
        found = probe_store(place)
    if as_json:
        output.document(_probe_json(name, found))
    else:
        _say_probe(output, name, found)
    return ExitCode.DONE if found.usable else ExitCode.FAILED


def _say_probe(output: Output, name: str, found: StoreProbe) -> None:
    rows = [
        (finding.check.value, finding.outcome.value, _meaning(finding))
        for finding in found.findings
    ]
    output.table((f"store {name}", "outcome", "what it means"), rows)
    lacking = [
        finding.check.value
        for finding in found.findings
        if finding.check in ESSENTIAL and finding.outcome is not Outcome.YES
    ]
    output.say(
        f"\n{found.url} cannot hold backups, for want of: {', '.join(lacking)}."
        if lacking
        else f"\n{found.url} can hold backups."
    )


def _meaning(finding: Finding) -> str:
    needed = "Needed to hold backups." if finding.check in ESSENTIAL else ""
    detail = f"({finding.detail})" if finding.detail else ""
    return "\n".join(part for part in (finding.consequence or needed, detail) if part)


def _probe_json(name: str, found: StoreProbe) -> Json:
    return {
        "store": name,
        "url": found.url,
        "usable": found.usable,
        "findings": [
            {
                "check": finding.check.name.lower(),
                "outcome": finding.outcome.name.lower(),
                "essential": finding.check in ESSENTIAL,
                "meaning": finding.consequence,
                "detail": printable(finding.detail),
            }
            for finding in found.findings
        ],
    }


def _store_json(configuration: Configuration, name: str) -> dict[str, Json]:
    settings = configuration.settings.stores[name]
    password = configuration.store_secret(name, "repository_password")
    return {
        "store": name,
        "url": settings.url,
        "endpoint": settings.endpoint,
        "region": settings.region,
        "default": _is_default(configuration, name),
        "repository_password": None if password is None else password.origin,
    }


def _is_default(configuration: Configuration, name: str) -> bool:
    stores, default = configuration.settings.stores, configuration.settings.defaults.store
    return name == default or (default is None and len(stores) == 1)
