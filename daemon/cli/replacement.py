"""`lapseguard restore --to`: a replacement server, its key pinned before anything is sent."""

import re
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import typer

from backends.ssh import fingerprint, scan_host_key
from backends.types import SshTarget
from daemon.bootstrap import Application
from daemon.cli.open_restore import OpenRestore
from daemon.cli.output import Json, Output, require_yes, size
from daemon.cli.pace import RestoreStep
from daemon.cli.progress import Display, display_of
from daemon.cli.restore_output import Subject, restore_json, run_subject, say_loading, say_restore
from daemon.domain.pathtext import write_path
from daemon.domain.server import host_key_from
from daemon.errors import ExitCode, InvalidValue, UsageError
from daemon.printable import printable
from daemon.services.loading import loadings
from daemon.services.replacement import ReplacementOrder, ReplacementReport, restore_to_server
from daemon.services.restore_preview import RestorePreview

_PLACE: Final = re.compile(
    r"(?P<user>[^@:/]+)@(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<host>[^:/@\[\]]+)):(?P<path>/.*)",
    re.DOTALL,
)
_ALIAS: Final = "replacement"
_SHOWN: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The options of the command that concern a replacement server."""

    to: str
    login: "Login"
    sudo: bool
    overwrite: bool
    include: tuple[bytes, ...]
    exclude: tuple[bytes, ...]
    staging: Path | None
    staging_limit: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """What a person says of the replacement server.

    Attributes:
        port: Of its sshd.
        identity: Private key, or None for the one made by `init`.
        host_key: Its key, or None.
        scan: Ask the server for its key, and a person whether it is right.
        yes: Do not ask.
    """

    port: int
    identity: Path | None
    host_key: str | None
    scan: bool
    yes: bool


def replacement_target(application: Application, to: str, login: Login) -> tuple[SshTarget, str]:
    """How to log in, and the folder there.

    Raises:
        UsageError: it is not `user@host:/path`, or no key can be pinned.
        NotConfirmed: nobody says that the scanned key is right.
        InvalidValue, SshError.
    """
    place = _PLACE.fullmatch(to)
    if place is None:
        raise UsageError(f"{to!r} is no place.", hint="--to looks like root@198.51.100.7:/srv.")
    host = place["six"] or place["host"]
    if login.identity is not None and not login.identity.is_file():
        raise InvalidValue(f"There is no private key {login.identity}.")
    identity = login.identity or application.configuration.state_folder.ssh_identity
    target = SshTarget(
        alias=_ALIAS,
        host=host,
        port=login.port,
        user=place["user"],
        identity=str(identity.absolute()),
        host_key=_host_key(application, host, login),
    )
    return target, place["path"]


def _host_key(application: Application, host: str, login: Login) -> str:
    if given := host_key_from(login.host_key):
        return given
    if login.scan:
        key = scan_host_key(host, login.port)
        shown = f"{host} port {login.port} shows {key.split()[0]} {fingerprint(key)}."
        require_yes(f"{shown} Compare it with the provider's console. Is it right?", yes=login.yes)
        return key
    for server in application.registry.servers():
        if (server.host, server.port) == (host, login.port):
            return server.host_key
    raise UsageError(
        f"No key is known for {host} port {login.port}.",
        hint="--host-key 'ssh-ed25519 AAAA…' pins one; --scan asks the server and shows it.",
    )


def restore_to(ctx: typer.Context, opened: OpenRestore, wanted: Wanted, output: Output) -> ExitCode:
    """Restore to the server that `--to` names, or say what would be restored."""
    target, folder = replacement_target(opened.application, wanted.to, wanted.login)
    order = ReplacementOrder(
        target=target,
        destination=folder,
        sudo=wanted.sudo,
        overwrite=wanted.overwrite,
        include=wanted.include,
        exclude=wanted.exclude,
        staging_limit=wanted.staging_limit,
    )
    scratch = wanted.staging or opened.application.configuration.state_folder.root
    display = display_of(ctx, output)
    done = restore_to_server(
        opened.restoration, order, scratch, _Watcher(display, output), opened.stop
    )
    dumps = loadings(
        opened.restoration.manifest.beside, folder, include=wanted.include, exclude=wanted.exclude
    )
    subject = run_subject(opened.restoration.manifest, dumps)
    if output.as_json:
        output.document(_json(done, restore_json(done.restored, subject)))
    else:
        _say(output, done, subject, wanted.to)
        say_loading(output, dumps)
    return ExitCode.DONE if done.complete else ExitCode.INCOMPLETE


@dataclass(frozen=True, slots=True)
class _Watcher:
    display: Display
    output: Output

    def restoring(self, total: RestorePreview) -> AbstractContextManager[RestoreStep]:
        return self.display.restoring(total)

    def stage(self, what: str) -> None:
        self.output.note(f"{what[:1].upper()}{what[1:]} …")


def _say(output: Output, done: ReplacementReport, subject: Subject, place: str) -> None:
    if not done.restored.complete:
        say_restore(output, done.restored, subject, Path("staging"))
    output.say(
        f"Restored {subject.words} to {place}: {done.restored.files:,} files, "
        f"{size(done.restored.bytes)}; sent {done.pushed.files:,} files, {size(done.pushed.bytes)}."
    )
    if done.parts > 1:
        output.warn(f"staged in {done.parts} parts: hard links between them are separate files now")
    for shortfall in done.restored.shortfalls:
        output.warn(f"{shortfall.reason}: {shortfall.count:,} entries")
    faults = (*done.pushed.omissions, *done.differences)
    for fault in faults[:_SHOWN]:
        output.warn(f"{write_path(fault.path)}: {fault.reason}")
    if done.complete:
        output.say("Compared there, file by file: equal.")
    else:
        output.say(f"Incomplete: {len(faults):,} differences. Run it again to try what is missing.")


def _json(done: ReplacementReport, restored: Mapping[str, Json]) -> Json:
    faults = (*done.pushed.omissions, *done.differences)
    return {
        **restored,
        "complete": done.complete,
        "parts": done.parts,
        "sent_files": done.pushed.files,
        "sent_bytes": done.pushed.bytes,
        "differences": [
            {"path": "/" + write_path(fault.path), "reason": printable(fault.reason)}
            for fault in faults
        ],
    }
