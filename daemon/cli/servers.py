"""`lapseguard server`: what is backed up."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from backends.ssh import fingerprint, scan_host_key
from daemon.bootstrap import Application
from daemon.cli.opening import open_application
from daemon.cli.output import Json, JsonOption, Output, YesOption, instant, require_yes
from daemon.domain.server import Server, host_key_from
from daemon.domain.verification import Depth
from daemon.errors import InvalidValue, UsageError

app: Final = typer.Typer(
    name="server", no_args_is_help=True, help="The servers that are backed up."
)

SSH_PORT: Final = 22

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The server's name here.")]
PortOption = Annotated[int, typer.Option(min=1, max=65535, help="Port of its sshd.")]
IdentityOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="Private key; by default the one made by init.", show_default=False
    ),
]
HostKeyOption = Annotated[
    str | None,
    typer.Option(metavar="KEY", help="Pin this key, like 'ssh-ed25519 AAAA…'.", show_default=False),
]
ScanOption = Annotated[
    bool, typer.Option("--scan", help="Ask the server for its key and pin it once confirmed.")
]
PathOption = Annotated[
    list[str] | None,
    typer.Option("--path", help="Absolute path to save; repeat for more.", show_default=False),
]
ExcludeOption = Annotated[
    list[str] | None,
    typer.Option("--exclude", help="rsync pattern to leave out; repeat.", show_default=False),
]
SudoOption = Annotated[
    bool | None, typer.Option("--sudo/--no-sudo", help="Read by `sudo -n rsync`.")
]
OneFileSystemOption = Annotated[
    bool | None,
    typer.Option("--one-file-system/--all-file-systems", help="Whether to stay on one."),
]
StoreOption = Annotated[
    str | None, typer.Option(help="Store; by default the one in the settings.", show_default=False)
]
VerifyOption = Annotated[
    Depth | None, typer.Option(help="How deep to verify its backups.", show_default=False)
]


@app.command()
def add(
    ctx: typer.Context,
    name: NameArgument,
    *,
    host: Annotated[str, typer.Option(help="DNS name or address.")],
    user: Annotated[str, typer.Option(help="Login name on the server.")],
    path: PathOption = None,
    port: PortOption = 22,
    identity: IdentityOption = None,
    host_key: HostKeyOption = None,
    scan: ScanOption = False,
    exclude: ExcludeOption = None,
    sudo: SudoOption = None,
    one_file_system: OneFileSystemOption = None,
    store: StoreOption = None,
    verify: VerifyOption = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Register a server, with the key it must show from now on."""
    _require_one_key_source(host_key, scan=scan)
    with open_application(ctx) as application:
        application.configuration.store(store or None)
        server = Server(
            name=name,
            host=host,
            port=port,
            user=user,
            identity=_identity(identity),
            host_key=host_key_from(host_key) or _scan(host, port, yes=yes),
            paths=tuple(path or ()),
            excludes=tuple(exclude or ()),
            sudo=bool(sudo),
            one_file_system=bool(one_file_system),
            store=store or None,
            verify_depth=verify,
            created_at=application.clock.now(),
        )
        application.registry.add_server(server)
        _answer(ctx, application, server, as_json=as_json)


@app.command("list")
def list_servers(ctx: typer.Context, *, as_json: JsonOption = False) -> None:
    """List the registered servers."""
    output = Output.of(ctx, as_json=as_json)
    with open_application(ctx) as application:
        servers = application.registry.servers()
        if as_json:
            output.document([_server_json(application, server) for server in servers])
            return
    rows = [(s.name, _login(s), "\n".join(s.paths), s.store or "(default)") for s in servers]
    empty = "No server is registered. Add one: lapseguard server add --help"
    output.table(("server", "login", "paths", "store"), rows, empty=empty)


@app.command()
def show(ctx: typer.Context, name: NameArgument, *, as_json: JsonOption = False) -> None:
    """Show one server."""
    with open_application(ctx) as application:
        _answer(ctx, application, application.registry.server(name), as_json=as_json)


@app.command()
def update(
    ctx: typer.Context,
    name: NameArgument,
    *,
    host: Annotated[
        str | None, typer.Option(help="DNS name or address.", show_default=False)
    ] = None,
    user: Annotated[
        str | None, typer.Option(help="Login name on the server.", show_default=False)
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Port of its sshd.", show_default=False)
    ] = None,
    path: PathOption = None,
    identity: IdentityOption = None,
    host_key: HostKeyOption = None,
    scan: ScanOption = False,
    exclude: ExcludeOption = None,
    sudo: SudoOption = None,
    one_file_system: OneFileSystemOption = None,
    store: StoreOption = None,
    verify: VerifyOption = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Change what is given; paths and excludes replace the old ones. '' means the default."""
    given = {
        "host": host,
        "user": user,
        "port": port,
        "paths": path and tuple(path),
        "excludes": exclude and tuple(pattern for pattern in exclude if pattern),
        "sudo": sudo,
        "one_file_system": one_file_system,
        "verify_depth": verify,
    }
    changes: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    with open_application(ctx) as application:
        before = application.registry.server(name)
        if store is not None:
            changes["store"] = store or None
            application.configuration.store(changes["store"])
        if identity is not None:
            changes["identity"] = _identity(identity)
        if host_key or scan:
            _require_one_key_source(host_key, scan=scan)
            at = replace(before, **changes)
            key = host_key_from(host_key) or _scan(at.host, at.port, yes=yes, old=before.host_key)
            changes["host_key"] = key
        if not changes:
            raise UsageError("Nothing to change is given.")
        after = application.registry.change_server(name, lambda old: replace(old, **changes))
        _answer(ctx, application, after, as_json=as_json)


@app.command()
def remove(ctx: typer.Context, name: NameArgument, *, yes: YesOption = False) -> None:
    """Stop backing a server up. Its history and everything stored of it stay."""
    with open_application(ctx) as application:
        application.registry.server(name)
        require_yes(f"Stop backing up {name}? Its backups and its history stay.", yes=yes)
        application.registry.remove_server(name)
    Output.of(ctx).note(f"{name} is no longer backed up; `lapseguard history {name}` remains.")


@app.command()
def probe(ctx: typer.Context, name: NameArgument, *, as_json: JsonOption = False) -> int:
    """Log in and find out what a backup will meet; exit code 1 where it could not work."""
    from daemon.cli.server_probe import probe_and_say  # noqa: PLC0415 - loads an SSH library

    return probe_and_say(ctx, name, Output.of(ctx, as_json=as_json))


def _require_one_key_source(host_key: str | None, *, scan: bool) -> None:
    if bool(host_key) == scan:
        raise UsageError(
            "Exactly one of --host-key and --scan is needed.",
            hint="--host-key pins a key that you have; --scan asks the server and shows it.",
        )


def _scan(host: str, port: int, *, yes: bool, old: str | None = None) -> str:
    """Ask the server for its key, and a person whether it is the right one."""
    key = scan_host_key(host, port)
    if key == old:
        return key
    shown = f"{host} port {port} shows {key.split()[0]} {fingerprint(key)}."
    if old:
        shown += f" Pinned so far is {fingerprint(old)}."
    require_yes(f"{shown} Compare it with the provider's console. Is it right?", yes=yes)
    return key


def _identity(path: Path | None) -> str | None:
    if path is None or str(path) in {"", "."}:
        return None
    if not path.is_file():
        raise InvalidValue(f"There is no private key {path}.")
    return str(path.absolute())


def _answer(ctx: typer.Context, application: Application, server: Server, *, as_json: bool) -> None:
    output = Output.of(ctx, as_json=as_json)
    document = _server_json(application, server)
    if as_json:
        output.document(document)
        return
    output.fields(
        (
            ("server", server.name),
            ("login", _login(server)),
            ("identity", str(document["identity"])),
            ("host key", f"{server.host_key.split()[0]} {document['fingerprint']}"),
            ("paths", "\n".join(server.paths)),
            ("excludes", "\n".join(server.excludes)),
            ("reads by", "sudo -n rsync" if server.sudo else "rsync"),
            ("stays on", "one file system" if server.one_file_system else ""),
            ("repository", str(document["repository"])),
            ("verify", server.verify_depth.value if server.verify_depth else "(default)"),
            ("registered", instant(server.created_at)),
        )
    )


def _login(server: Server) -> str:
    host = f"[{server.host}]" if ":" in server.host else server.host
    return f"{server.user}@{host}" + (f":{server.port}" if server.port != SSH_PORT else "")


def _server_json(application: Application, server: Server) -> dict[str, Json]:
    return {
        "server": server.name,
        "host": server.host,
        "port": server.port,
        "user": server.user,
        "identity": server.identity or str(application.configuration.state_folder.ssh_identity),
        "host_key": server.host_key,
        "fingerprint": fingerprint(server.host_key),
        "paths": list(server.paths),
        "excludes": list(server.excludes),
        "sudo": server.sudo,
        "one_file_system": server.one_file_system,
        "store": server.store,
        "repository": application.configuration.repository_url(server.name, server.store),
        "verify": server.verify_depth.value if server.verify_depth else None,
        "created_at": instant(server.created_at),
    }
