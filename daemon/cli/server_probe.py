"""`lapseguard server probe`: what a server can do for a backup, and what it cannot."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from backends.probe import Answer, PathProbe, ServerProbe, probe_server
from backends.source_probe import SourceProbe, look_at
from daemon.bootstrap import Application
from daemon.cli.opening import open_application
from daemon.cli.output import Json, Output, size
from daemon.cli.server_output import answer
from daemon.cli.source_output import say_source, source_json
from daemon.domain.server import Server
from daemon.errors import ExitCode, code_for, hint_for
from daemon.printable import printable
from daemon.services.measurement import record_size
from daemon.services.recommendation import missing_snapshots
from daemon.services.request import pull_spec

#: Seconds by which a clock may be off before anybody should care.
_TOLERATED_OFFSET = 2.0


def probe_and_say(ctx: typer.Context, name: str, output: Output) -> ExitCode:
    """Ask a registered server, and show the answers; its size is kept for planning.

    Returns:
        FAILED where a backup could not work: no login, no rsync, or a path that is not there.

    Raises:
        NotFound: there is no such server. SshTargetInvalid: its record cannot be used.
    """
    with open_application(ctx) as application:
        server = application.registry.server(name)
        identity = application.configuration.state_folder.ssh_identity
        spec = pull_spec(server, Path(), identity)
        found = probe_server(
            spec.target,
            spec.paths,
            sudo=spec.sudo,
            one_file_system=spec.one_file_system,
            now=application.clock.now,
        )
        record_size(application.units, name, found.size)
    faults = tuple(faults_of(server, found))
    if output.as_json:
        output.document(_probe_json(server, found, faults))
    else:
        _say_probe(output, server, found, faults)
    return ExitCode.FAILED if faults else ExitCode.DONE


def look_and_say(output: Output, application: Application, server: Server) -> None:
    """Show a server that was registered just now, and what it could freeze and dump."""
    identity = application.configuration.state_folder.ssh_identity
    spec = pull_spec(server, Path(), identity)
    found = look_at(spec.target, spec.paths, one_file_system=spec.one_file_system)
    answer(output, application, server, source=source_json(server, found))
    if not output.as_json:
        say_source(output, server, found)


def faults_of(server: Server, found: ServerProbe) -> Iterator[str]:
    """What a backup of this server would fail on, as sentences. Pure."""
    if found.problem is not None:
        yield f"The server cannot be used: {found.problem}"
        return
    if found.forced_command is not None:
        return  # nothing could be asked, which says nothing against a pull
    if found.rsync.value is None:
        yield f"rsync does not answer on the server: {found.rsync.problem}"
    if server.sudo and found.sudo.value is False:
        yield f"`sudo -n rsync` does not work on the server: {found.sudo.problem}"
    for path in found.paths:
        if not _is_there(path):
            yield f"{path.path} cannot be saved: {path.kind.problem}"
        elif not server.sudo and path.readable.value is False:
            yield f"{path.path} may not be read by {server.user}"
    if found.source is not None:
        yield from missing_snapshots(server, found.source)


def _is_there(path: PathProbe) -> bool:
    """Only root may see some paths; that `du` could add it up by sudo is proof as well."""
    return path.kind.value is not None or path.size.value is not None


def _say_probe(output: Output, server: Server, found: ServerProbe, faults: tuple[str, ...]) -> None:
    answers = [
        ("login", f"{server.user}@{server.host} port {server.port}"),
        ("reachable", "yes" if found.reachable else "NO"),
        ("host key", found.fingerprint + ("" if found.reachable else " is pinned")),
        *(_answers(server, found) if found.reachable else ()),
    ]
    output.table((f"server {server.name}", "answer"), answers)
    if found.reachable and found.forced_command is None:
        output.say("")
        columns = ("path", "kind", "readable", ">size", ">free there")
        output.table(columns, [_path_cells(path) for path in found.paths])
    if found.reachable:
        say_source(output, server, _source(found))
    output.say("" if faults else "\nNo fault was found.")
    for fault in faults:
        output.say(f"fault: {fault}")
    if found.problem is not None:
        output.say(f" next: {hint_for(found.problem)}")


def _source(found: ServerProbe) -> SourceProbe:
    """What could be frozen and dumped, or why nobody could ask."""
    if found.source is not None:
        return found.source
    reason = "its key runs only a forced command"
    return SourceProbe(problem=reason if found.problem is None else str(found.problem))


def _answers(server: Server, found: ServerProbe) -> Iterator[tuple[str, str]]:
    if found.forced_command is not None:
        said = printable(found.forced_command)
        yield "questions", f"none: the key runs nothing but its forced command, which said: {said}"
        yield "pull", "works all the same where that command is rrsync"
        return
    yield "system", _text(found.system)
    yield "rsync", _text(found.rsync) + (f"\n{found.rsync_advice}" if found.rsync_advice else "")
    yield "sudo", "works without a password" if found.sudo.value else _sudo_text(server, found)
    yield "rrsync", _text(found.rrsync)
    yield "clock", _clock_text(found.clock_offset)


def _sudo_text(server: Server, found: ServerProbe) -> str:
    need = "NEEDED, and does not work" if server.sudo else "does not work; not asked for"
    return f"{need} ({found.sudo.problem})"


def _clock_text(offset: Answer[float]) -> str:
    if offset.value is None:
        return _text(offset)
    if abs(offset.value) < _TOLERATED_OFFSET:
        return "agrees with ours"
    direction = "ahead of" if offset.value > 0 else "behind"
    return f"{abs(offset.value):,.0f} s {direction} ours; set up NTP on both sides"


def _text(answer: Answer[Any]) -> str:
    return f"unknown: {answer.problem}" if answer.value is None else str(answer.value)


def _path_cells(path: PathProbe) -> tuple[str, ...]:
    readable = {True: "yes", False: "no", None: "unknown"}
    kind = path.kind.value or path.kind.problem
    doubt = "" if path.size.problem == kind else path.size.problem
    return (
        path.path,
        f"{kind} to {path.link_target}; only the link is saved" if path.link_target else kind,
        readable[path.readable.value],
        "\n".join(part for part in (size(path.size.value), doubt) if part),
        size(path.free.value),
    )


def _probe_json(server: Server, found: ServerProbe, faults: tuple[str, ...]) -> Json:
    return {
        "server": server.name,
        "reachable": found.reachable,
        "error": _error_json(found.problem),
        "faults": [printable(fault) for fault in faults],
        "fingerprint": found.fingerprint,
        "forced_command": None if found.forced_command is None else printable(found.forced_command),
        "system": _answer_json(found.system),
        "rsync": {
            "version": None if found.rsync.value is None else str(found.rsync.value),
            "problem": printable(found.rsync.problem),
            "advice": found.rsync_advice,
        },
        "sudo": _answer_json(found.sudo),
        "rrsync": _answer_json(found.rrsync),
        "clock_offset_seconds": found.clock_offset.value,
        "paths": [_path_json(path) for path in found.paths],
        "source": source_json(server, _source(found)),
    }


def _error_json(problem: BaseException | None) -> Json:
    if problem is None:
        return None
    return {"code": code_for(problem), "message": str(problem), "hint": hint_for(problem)}


def _answer_json(answer: Answer[Any]) -> Json:
    value = printable(answer.value) if isinstance(answer.value, str) else answer.value
    return {"value": value, "problem": printable(answer.problem)}


def _path_json(path: PathProbe) -> Json:
    return {
        "path": path.path,
        "kind": path.kind.value,
        "readable": path.readable.value,
        "link_target": None if path.link_target is None else printable(path.link_target),
        "bytes": path.size.value,
        "free_bytes": path.free.value,
        "problems": [
            printable(answer.problem)
            for answer in (path.kind, path.readable, path.size, path.free)
            if answer.problem
        ],
    }
