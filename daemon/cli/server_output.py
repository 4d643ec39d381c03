"""How servers are shown: as fields for people, as JSON for programs."""

import shlex
from typing import Final

from backends.ssh import fingerprint
from daemon.bootstrap import Application
from daemon.cli.output import Json, Output, instant, size
from daemon.domain.bandwidth import write_stretches
from daemon.domain.dump import DatabaseDump
from daemon.domain.duration import write_duration
from daemon.domain.freezing import USUAL_HOOK_TIMEOUT, Freezing
from daemon.domain.machine import ProviderMachine
from daemon.domain.server import Server
from daemon.domain.sourcetext import dump_fields, machine_fields, write_line

_SSH_PORT: Final = 22


def answer(
    output: Output, application: Application, server: Server, *, source: Json = None
) -> None:
    """Print one server.

    Args:
        output: Where.
        application: Knows what holds for all servers.
        server: What.
        source: What it could freeze and dump, where it was asked; for programs alone.
    """
    document = server_json(application, server)
    if source is not None:
        document["source"] = source
    if output.as_json:
        output.document(document)
        return
    output.fields(
        (
            ("server", server.name),
            ("login", login_of(server)),
            ("identity", str(document["identity"])),
            ("host key", f"{server.host_key.split()[0]} {document['fingerprint']}"),
            ("paths", "\n".join(server.paths)),
            ("excludes", "\n".join(server.excludes)),
            ("reads by", "sudo -n rsync" if server.sudo else "rsync"),
            ("stays on", "one file system" if server.one_file_system else ""),
            ("repository", str(document["repository"])),
            ("verify", server.verify_depth.value if server.verify_depth else "(default)"),
            ("labels", ", ".join(server.labels)),
            ("value", str(server.value or "")),
            ("first of all", "\n".join(server.priority)),
            ("bandwidth", _bandwidth(server)),
            ("staging", server.staging.value if server.staging else "(default)"),
            *freezing_fields(server.freezing),
            ("dumps", "\n".join(write_line(dump_fields(dump)) for dump in server.dumps)),
            ("at provider", write_line(machine_fields(server.machine)) if server.machine else ""),
            ("same fate", "accepted" if server.fate_accepted else ""),
            ("registered", instant(server.created_at)),
        )
    )


def _bandwidth(server: Server) -> str:
    if server.rates:
        return f"{write_stretches(server.rates)} (a second)"
    return f"{size(server.bandwidth)}/s" if server.bandwidth else ""


def freezing_fields(freezing: Freezing) -> tuple[tuple[str, str], ...]:
    """How a server is frozen, for people; nothing where it is not."""
    usual = freezing.hook_timeout == USUAL_HOOK_TIMEOUT
    kind = freezing.kind + (", or fail" if freezing.required else "")
    return (
        ("frozen by", "" if freezing.is_idle else kind),
        ("before", shlex.join(freezing.before)),
        ("after", shlex.join(freezing.after)),
        ("freeze", shlex.join(freezing.freeze)),
        ("thaw", shlex.join(freezing.thaw)),
        ("hooks get", "" if usual else write_duration(freezing.hook_timeout)),
    )


def freezing_json(freezing: Freezing) -> dict[str, Json]:
    """The same for programs; commands are argument lists."""
    return {
        "snapshot": freezing.kind,
        "snapshot_required": freezing.required,
        "before_capture": list(freezing.before),
        "after_capture": list(freezing.after),
        "freeze_command": list(freezing.freeze),
        "thaw_command": list(freezing.thaw),
        "hook_timeout_seconds": int(freezing.hook_timeout.total_seconds()),
    }


def dump_json(dump: DatabaseDump) -> dict[str, Json]:
    """A dump for programs."""
    return {
        "dump": dump.name,
        "kind": dump.kind,
        "database": dump.database,
        "path": dump.path,
        "user": dump.user,
        "role": dump.role,
        "host": dump.host,
        "port": dump.port,
        "command": list(dump.argv),
        "timeout_seconds": int(dump.timeout.total_seconds()),
    }


def machine_json(machine: ProviderMachine) -> dict[str, Json]:
    """A machine at its provider for programs."""
    return {
        "kind": machine.kind,
        "id": machine.id,
        "region": machine.region,
        "profile": machine.profile,
        "account": machine.account,
        "create": list(machine.create),
        "find": list(machine.find),
        "delete": list(machine.delete),
    }


def login_of(server: Server) -> str:
    """`user@host`, with the port where it is not the usual one."""
    host = f"[{server.host}]" if ":" in server.host else server.host
    return f"{server.user}@{host}" + (f":{server.port}" if server.port != _SSH_PORT else "")


def server_json(application: Application, server: Server) -> dict[str, Json]:
    """One server, with where it is saved to."""
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
        "labels": list(server.labels),
        "value": server.value,
        "priority": list(server.priority),
        "bandwidth": server.bandwidth,
        "rates": [
            {"begin": f"{each.begin:%H:%M}", "bytes_per_second": each.rate} for each in server.rates
        ],
        "staging": server.staging.value if server.staging else None,
        **freezing_json(server.freezing),
        "dumps": [dump_json(dump) for dump in server.dumps],
        "machine": machine_json(server.machine) if server.machine else None,
        "fate_accepted": server.fate_accepted,
        "created_at": instant(server.created_at),
    }
