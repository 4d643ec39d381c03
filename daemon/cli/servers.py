"""`lapseguard server`: what is backed up."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from backends.ssh import fingerprint, scan_host_key
from daemon.cli import server_dumps, server_machine
from daemon.cli.freezing_options import (
    AfterOption,
    BeforeOption,
    FreezeOption,
    HookTimeoutOption,
    RequiredOption,
    SnapshotOption,
    ThawOption,
    words_from,
)
from daemon.cli.opening import open_application
from daemon.cli.output import JsonOption, Output, YesOption, require_yes
from daemon.cli.repeated import texts_from
from daemon.cli.server_options import (
    BandwidthOption,
    ExcludeOption,
    HostKeyOption,
    IdentityOption,
    LabelOption,
    NameArgument,
    OneFileSystemOption,
    PathOption,
    PortOption,
    PriorityOption,
    SameFateOption,
    ScanOption,
    StagingOption,
    StoreOption,
    SudoOption,
    ValueOption,
    VerifyOption,
    duration_from,
    rates_from,
    staging_from,
)
from daemon.cli.server_output import answer, login_of, server_json
from daemon.domain.freezing import NONE, USUAL_HOOK_TIMEOUT, Freezing
from daemon.domain.server import Server, host_key_from
from daemon.errors import InvalidValue, UsageError

app: Final = typer.Typer(
    name="server", no_args_is_help=True, help="The servers that are backed up."
)
app.add_typer(server_dumps.app, name="dump")
app.add_typer(server_machine.app, name="machine")


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
    label: LabelOption = None,
    value: ValueOption = None,
    priority: PriorityOption = None,
    bandwidth: BandwidthOption = None,
    staging: StagingOption = None,
    snapshot: SnapshotOption = None,
    accept_same_fate: SameFateOption = None,
    probe: Annotated[
        bool | None,
        typer.Option(
            "--probe/--no-probe",
            help="Log in at once and say what could be frozen and dumped; by default with --scan.",
            show_default=False,
        ),
    ] = None,
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
            labels=tuple(label or ()),
            value=value or 0,
            priority=tuple(priority or ()),
            rates=rates_from(bandwidth),
            staging=staging_from(staging),
            freezing=Freezing(kind=snapshot or NONE),
            fate_accepted=bool(accept_same_fate),
            created_at=application.clock.now(),
        )
        application.registry.add_server(server)
        output = Output.of(ctx, as_json=as_json)
        if scan if probe is None else probe:
            from daemon.cli.server_probe import look_and_say  # noqa: PLC0415 - an SSH library

            look_and_say(output, application, server)
        else:
            answer(output, application, server)


@app.command("list")
def list_servers(ctx: typer.Context, *, as_json: JsonOption = False) -> None:
    """List the registered servers."""
    output = Output.of(ctx, as_json=as_json)
    with open_application(ctx) as application:
        servers = application.registry.servers()
        if as_json:
            output.document([server_json(application, server) for server in servers])
            return
    rows = [(s.name, login_of(s), "\n".join(s.paths), s.store or "(default)") for s in servers]
    empty = "No server is registered. Add one: lapseguard server add --help"
    output.table(("server", "login", "paths", "store"), rows, empty=empty)


@app.command()
def show(ctx: typer.Context, name: NameArgument, *, as_json: JsonOption = False) -> None:
    """Show one server."""
    with open_application(ctx) as application:
        answer(Output.of(ctx, as_json=as_json), application, application.registry.server(name))


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
    label: LabelOption = None,
    value: ValueOption = None,
    priority: PriorityOption = None,
    bandwidth: BandwidthOption = None,
    staging: StagingOption = None,
    accept_same_fate: SameFateOption = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Change what is given; lists replace the old ones, '' stands for the default or nothing."""
    given = {
        "host": host,
        "user": user,
        "port": port,
        "paths": path and tuple(path),
        "excludes": exclude and tuple(pattern for pattern in exclude if pattern),
        "sudo": sudo,
        "one_file_system": one_file_system,
        "verify_depth": verify,
        "labels": texts_from(label),
        "value": value,
        "priority": texts_from(priority),
        "fate_accepted": accept_same_fate,
    }
    changes: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    with open_application(ctx) as application:
        before = application.registry.server(name)
        if bandwidth is not None:
            changes |= {"bandwidth": None, "rates": rates_from(bandwidth)}
        if staging is not None:
            changes["staging"] = staging_from(staging)
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
        after = application.registry.change_server(
            name, lambda old: replace(old, **changes), accept_same_fate=bool(accept_same_fate)
        )
        answer(Output.of(ctx, as_json=as_json), application, after)


@app.command()
def freeze(
    ctx: typer.Context,
    name: NameArgument,
    *,
    snapshot: SnapshotOption = None,
    required: RequiredOption = None,
    before: BeforeOption = None,
    after: AfterOption = None,
    freeze: FreezeOption = None,
    thaw: ThawOption = None,
    hook_timeout: HookTimeoutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say how a server is brought to rest and frozen while it is captured.

    Commands run on the server, as words and never by a shell; '' takes one away.
    """
    given = {
        "kind": snapshot,
        "required": required,
        "before": words_from(before),
        "after": words_from(after),
        "freeze": words_from(freeze),
        "thaw": words_from(thaw),
        "hook_timeout": None
        if hook_timeout is None
        else duration_from(hook_timeout, USUAL_HOOK_TIMEOUT),
    }
    changes: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    if not changes:
        raise UsageError("Nothing to change is given.")
    with open_application(ctx) as application:
        after_change = application.registry.change_server(
            name, lambda old: replace(old, freezing=replace(old.freezing, **changes))
        )
        answer(Output.of(ctx, as_json=as_json), application, after_change)


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
