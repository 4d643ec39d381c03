"""`lapseguard server machine`: what the provider calls a server, so that it can copy its disks."""

from dataclasses import replace
from typing import Annotated, Final

import typer

from daemon.cli.completion import complete_one_of
from daemon.cli.freezing_options import words_from
from daemon.cli.opening import open_application
from daemon.cli.output import JsonOption, Output
from daemon.cli.server_options import NameArgument
from daemon.cli.server_output import answer
from daemon.domain.machine import KINDS, ProviderMachine

app: Final = typer.Typer(
    no_args_is_help=True, help="What the provider calls a server, so that it can copy its disks."
)


def _command(help_text: str) -> typer.models.OptionInfo:
    option: typer.models.OptionInfo = typer.Option(
        metavar="COMMAND", help=f"With the kind command: {help_text}", show_default=False
    )
    return option


@app.command("set")
def set_machine(
    ctx: typer.Context,
    server: NameArgument,
    kind: Annotated[
        str,
        typer.Argument(
            metavar="KIND",
            help=f"One of {', '.join(KINDS)}.",
            autocompletion=complete_one_of(KINDS),
        ),
    ],
    machine: Annotated[
        str, typer.Argument(metavar="MACHINE", help="Its id at the provider, like i-0123….")
    ],
    *,
    region: Annotated[
        str | None, typer.Option(help="With ebs: where it is.", show_default=False)
    ] = None,
    profile: Annotated[
        str | None,
        typer.Option(help="With ebs: a named profile of this host.", show_default=False),
    ] = None,
    account: Annotated[
        str | None,
        typer.Option(
            help="In which the copies live, where it is not the server's.", show_default=False
        ),
    ] = None,
    create: Annotated[str | None, _command("begins a snapshot; runs on this host.")] = None,
    find: Annotated[str | None, _command("tells how far it is.")] = None,
    delete: Annotated[str | None, _command("removes it.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Let the provider copy a server's disks, as when ssh no longer works.

    No credentials are kept here: ebs takes them from where every AWS program does.

    With the kind command, three programs of your own run on this host.
    LAPSEGUARD_RUN tells them the run, and LAPSEGUARD_MACHINE what to copy.
    To create and to find print JSON:
    {"machine": "…", "copies": [{"id": "…", "volume": "…", "size": 1073741824,
    "state": "pending", "begun_at": "2026-11-23T06:01:01Z"}]}
    The state is pending, completed or failed. To find nothing, print nothing.
    """
    known = ProviderMachine(
        kind=kind,
        id=machine,
        region=region,
        profile=profile,
        account=account,
        create=words_from(create) or (),
        find=words_from(find) or (),
        delete=words_from(delete) or (),
    )
    _change(ctx, server, known, as_json=as_json)


@app.command()
def clear(ctx: typer.Context, server: NameArgument, *, as_json: JsonOption = False) -> None:
    """Ask the provider for no copy of a server any more. Those that there are stay."""
    _change(ctx, server, None, as_json=as_json)


def _change(
    ctx: typer.Context, server: str, machine: ProviderMachine | None, *, as_json: bool
) -> None:
    with open_application(ctx) as application:
        changed = application.registry.change_server(
            server, lambda old: replace(old, machine=machine)
        )
        answer(Output.of(ctx, as_json=as_json), application, changed)
