"""`lapseguard repository keys`: the passwords that open a repository."""

from pathlib import Path
from typing import Annotated, Final

import typer

from daemon.cli.output import Json, JsonOption, Output, YesOption, instant, require_yes
from daemon.cli.repository_options import open_repository_at, password_source, takes_repository
from daemon.errors import ExitCode
from daemon.printable import printable
from daemon.services.repository_access import RepositoryAccess
from daemon.services.repository_keys import (
    ListedKey,
    add_password,
    find_key_file,
    list_key_files,
    remove_password,
)

app: Final = typer.Typer(
    name="keys", no_args_is_help=True, help="The passwords that open a repository."
)

_SHOWN_ID: Final = 16


@app.command("list")
@takes_repository
def list_keys(ctx: typer.Context, access: RepositoryAccess, *, as_json: JsonOption = False) -> int:
    """List the keys; each is one password's."""
    output = Output.of(ctx, as_json=as_json)
    with open_repository_at(ctx, access, output) as repository:
        keys = list_key_files(repository)
    if as_json:
        output.document([_key_json(key) for key in keys])
        return ExitCode.DONE
    rows = [
        (key.id[:_SHOWN_ID], "yes" if key.current else "", _made(key), _maker(key)) for key in keys
    ]
    output.table(("key", "in use", "made", "by"), rows)
    return ExitCode.DONE


@app.command()
@takes_repository
def add(
    ctx: typer.Context,
    access: RepositoryAccess,
    *,
    new_password_file: Annotated[
        Path | None,
        typer.Option(
            "--new-password-file",
            metavar="FILE",
            help="Has the password to add; mode 0600.",
            show_default=False,
        ),
    ] = None,
    new_password_command: Annotated[
        str | None,
        typer.Option(
            metavar="COMMAND", help="Program that prints the password to add.", show_default=False
        ),
    ] = None,
) -> int:
    """Let one more password open the repository."""
    output = Output.of(ctx)
    source = password_source(new_password_file, new_password_command, option="--new-password")
    password = source.read()
    with open_repository_at(ctx, access, output) as repository:
        key = add_password(repository, password)
    output.note(f"Key {key[:_SHOWN_ID]} was added; its password opens the repository from now on.")
    return ExitCode.DONE


@app.command()
@takes_repository
def remove(
    ctx: typer.Context,
    access: RepositoryAccess,
    key: Annotated[
        str, typer.Argument(metavar="KEY", help="The beginning of its id, as list prints it.")
    ],
    *,
    yes: YesOption = False,
) -> int:
    """Take a password away, except the one in use.

    Whoever had it and a copy of the repository can still read that copy.
    """
    output = Output.of(ctx)
    with open_repository_at(ctx, access, output) as repository:
        found = find_key_file(repository, key)
        shown = found[:_SHOWN_ID]
        require_yes(f"Remove key {shown}? Its password will open nothing more.", yes=yes)
        remove_password(repository, found)
    output.note(f"Key {shown} was removed.")
    return ExitCode.DONE


def _made(key: ListedKey) -> str:
    return "(damaged)" if key.file is None else instant(key.file.created)


def _maker(key: ListedKey) -> str:
    return "" if key.file is None else f"{key.file.username}@{key.file.hostname}"


def _key_json(key: ListedKey) -> Json:
    file = key.file
    return {
        "key": key.id,
        "in_use": key.current,
        "damaged": file is None,
        "created_at": instant(file.created) if file else None,
        "username": printable(file.username) if file else None,
        "hostname": printable(file.hostname) if file else None,
    }
