"""`lapseguard server dump`: which databases a server dumps while it is captured."""

from typing import Annotated, Final

import typer

from daemon.cli.completion import complete_dump, complete_one_of, complete_server
from daemon.cli.opening import open_application
from daemon.cli.output import Json, JsonOption, Output
from daemon.cli.server_options import NameArgument, duration_from
from daemon.cli.server_output import dump_json
from daemon.domain.dump import KINDS, USUAL_TIMEOUT, DatabaseDump
from daemon.domain.duration import write_duration
from daemon.domain.server import Server
from daemon.domain.sourcetext import dump_fields, write_line
from daemon.services.server_dumps import add_dump, remove_dump

app: Final = typer.Typer(
    no_args_is_help=True, help="Databases that a server dumps while it is captured."
)


@app.command()
def add(
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
    command: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="-- COMMAND",
            help="With the kind command: prints the copy; words, and no shell.",
            show_default=False,
        ),
    ] = None,
    *,
    name: Annotated[
        str, typer.Option(help="Of its file; by default of kind and database.", show_default=False)
    ] = "",
    database: Annotated[
        str | None, typer.Option(help="Its name; mysql without it takes all.", show_default=False)
    ] = None,
    path: Annotated[
        str | None, typer.Option(help="With sqlite: the database's file.", show_default=False)
    ] = None,
    user: Annotated[
        str | None,
        typer.Option(help="Of the server, who runs it by sudo -n -u.", show_default=False),
    ] = None,
    role: Annotated[
        str | None, typer.Option(help="Who logs in to PostgreSQL.", show_default=False)
    ] = None,
    host: Annotated[
        str | None,
        typer.Option(help="PostgreSQL's address, or its socket's folder.", show_default=False),
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="Of PostgreSQL or Redis.", show_default=False)
    ] = None,
    timeout: Annotated[
        str | None,
        typer.Option(
            metavar="LENGTH",
            help=f"How long it may take, like 90min; else {write_duration(USUAL_TIMEOUT)}.",
            show_default=False,
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Have a database dumped with every backup.

    No password is kept here: the server has ~/.pgpass, ~/.my.cnf or peer rules.
    """
    dump = DatabaseDump(
        kind=kind,
        name=name,
        database=database or None,
        path=path or None,
        user=user or None,
        role=role or None,
        host=host or None,
        port=port,
        argv=tuple(command or ()),
        timeout=duration_from(timeout, USUAL_TIMEOUT),
    )
    output = Output.of(ctx, as_json=as_json)
    with open_application(ctx) as application:
        _answer(output, add_dump(application.registry, server, dump))
    output.note(f"Every backup of {server} has it from now on.")


@app.command("list")
def list_dumps(
    ctx: typer.Context,
    server: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME", help="One server; else all.", autocompletion=complete_server
        ),
    ] = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """List the databases that are dumped."""
    with open_application(ctx) as application:
        registry = application.registry
        servers = registry.servers() if server is None else (registry.server(server),)
    _answer(Output.of(ctx, as_json=as_json), *servers)


@app.command()
def remove(
    ctx: typer.Context,
    server: NameArgument,
    name: Annotated[
        str,
        typer.Argument(metavar="DUMP", help="The dump's name.", autocompletion=complete_dump),
    ],
    *,
    as_json: JsonOption = False,
) -> None:
    """Have a database dumped no more. What was stored of it stays."""
    output = Output.of(ctx, as_json=as_json)
    with open_application(ctx) as application:
        _answer(output, remove_dump(application.registry, server, name))
    output.note(f"Backups of {server} leave {name} out from now on.")


@app.command()
def commands(
    ctx: typer.Context,
    server: NameArgument,
    *,
    sudoers: Annotated[
        bool, typer.Option("--sudoers", help="What sudo needs instead, for the login there.")
    ] = False,
) -> None:
    """Print what root of a server allows a login that is bound to lapseguard-source.

    The lines go into /etc/lapseguard/dumps, or below /etc/sudoers.d; see source-setup.md.
    """
    from daemon.services.permission import sudo_line, wrapper_line  # noqa: PLC0415 - heavy

    with open_application(ctx) as application:
        found = application.registry.server(server)
    lines = (
        (sudo_line(found.user, dump) for dump in found.dumps)
        if sudoers
        else (wrapper_line(dump) for dump in found.dumps)
    )
    for line in dict.fromkeys(filter(None, lines)):
        Output.of(ctx).say(line)


def _answer(output: Output, *servers: Server) -> None:
    found = [(server.name, dump) for server in servers for dump in server.dumps]
    if output.as_json:
        document: list[Json] = [{"server": name, **dump_json(dump)} for name, dump in found]
        output.document(document)
        return
    rows = [(name, dump.name, _what(dump), write_duration(dump.timeout)) for name, dump in found]
    empty = "No database is dumped. Add one: lapseguard server dump add --help"
    output.table(("server", "dump", "of", "at most"), rows, empty=empty)


def _what(dump: DatabaseDump) -> str:
    """Everything but the columns of its own."""
    fields = (each for each in dump_fields(dump) if each[0] not in {"kind", "name", "timeout"})
    return " ".join((dump.kind, write_line(tuple(fields)))).rstrip()
