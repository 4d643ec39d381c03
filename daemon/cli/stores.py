"""`lapseguard store`: the places that backups are written to."""

import secrets
from typing import Annotated, Final

import typer

from daemon.bootstrap import create_place, open_store
from daemon.cli.opening import open_configuration
from daemon.cli.output import Json, JsonOption, Output
from daemon.services.storage import check_writable
from daemon.settings import Configuration

app: Final = typer.Typer(
    name="store", no_args_is_help=True, help="The places that backups are written to."
)

StoreArgument = Annotated[
    str | None,
    typer.Argument(metavar="STORE", help="By default the default store.", show_default=False),
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
