"""`lapseguard init`: everything a new installation needs, each only where it is missing."""

from pathlib import Path
from typing import Annotated, Final

import typer

from daemon.bootstrap import database_password
from daemon.cli.invocation import invocation_of
from daemon.cli.output import Output
from daemon.services.installation import (
    NewSettings,
    Step,
    database_step,
    perform,
    public_key_line,
    restricted_key_line,
    settings_step,
    settings_text,
    state_steps,
)
from daemon.settings import (
    Configuration,
    Environment,
    configure,
    load_configuration,
    settings_from_text,
)

app: Final = typer.Typer(name="init")

FolderOption = Annotated[
    Path | None, typer.Option(metavar="DIR", help="State folder.", show_default=False)
]
DatabaseOption = Annotated[
    str | None, typer.Option(metavar="URL", help="SQLite or PostgreSQL.", show_default=False)
]
StoreUrlOption = Annotated[
    str | None,
    typer.Option(metavar="URL", help="s3://bucket/prefix or file:///folder.", show_default=False),
]
EndpointOption = Annotated[
    str | None, typer.Option(metavar="URL", help="S3 endpoint.", show_default=False)
]
RegionOption = Annotated[str | None, typer.Option(help="S3 region.", show_default=False)]
SecretFileOption = Annotated[
    Path | None, typer.Option(metavar="FILE", help="File with that secret.", show_default=False)
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")]


@app.command()
def init(
    ctx: typer.Context,
    *,
    state_dir: FolderOption = None,
    database: DatabaseOption = None,
    store_url: StoreUrlOption = None,
    endpoint: EndpointOption = None,
    region: RegionOption = None,
    access_key_id_file: SecretFileOption = None,
    secret_access_key_file: SecretFileOption = None,
    dry_run: DryRunOption = False,
) -> None:
    """Make settings, keys and the database of a new installation.

    What exists already stays as it is, so running it again is safe. At the end it prints the
    line for the authorized_keys file of a server.
    """
    environment = Environment.of_process()
    new = NewSettings(
        state_dir=(state_dir or environment.state_directory[0]).absolute(),
        database=database,
        store_url=store_url,
        endpoint=endpoint,
        region=region,
        access_key_id_file=access_key_id_file and access_key_id_file.absolute(),
        secret_access_key_file=secret_access_key_file and secret_access_key_file.absolute(),
    )
    output = Output.of(ctx)
    first = settings_step(environment.new_settings_file(invocation_of(ctx).config), new)
    configuration = _configuration(first, new, environment)
    if first.done and any((state_dir, database, store_url, endpoint, region)):
        output.warn(f"{first.place} exists and is left as it is; edit it to change it.")
    steps = (
        first,
        *state_steps(configuration.state_folder),
        database_step(configuration, lambda: database_password(configuration)),
    )
    for step in steps:
        if not dry_run:
            perform(step)
        done = "would make" if dry_run else "made"
        output.note(f"{'kept' if step.done else done:<10} {step.what}: {step.place}")
    if not dry_run:
        _explain(output, configuration)


def _configuration(first: Step, new: NewSettings, environment: Environment) -> Configuration:
    """The settings that are there, or those that would be; wrong ones are refused in time."""
    if first.done:
        return load_configuration(Path(first.place), environment)
    return configure(settings_from_text(settings_text(new), Path(first.place)), environment)


def _explain(output: Output, configuration: Configuration) -> None:
    folder = configuration.state_folder
    output.note("")
    output.say("Put one of these lines into ~/.ssh/authorized_keys of the user on each server.")
    output.say(
        "Allowing nothing but reading files (the server needs rrsync, which comes with rsync):"
    )
    output.say(f"\n{restricted_key_line(folder.ssh_identity)}\n")
    output.say("Allowing everything that the user may do (needed for sudo and for server probe):")
    output.say(f"\n{public_key_line(folder.ssh_identity)}\n")
    output.warn(
        f"without the repository password nothing is readable. Keep a copy of "
        f"{folder.repository_password} somewhere else than on this machine."
    )
    if configuration.settings.stores:
        output.note("Next: lapseguard store init, then lapseguard server add --help")
    else:
        output.note(f"Next: name a store in {configuration.files[0]}, then lapseguard store init")
