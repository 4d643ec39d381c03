"""How it is shown what of a server could be frozen and dumped: to people and to programs."""

from collections.abc import Iterator
from typing import Final

from backends.source_probe import SourceProbe
from daemon.cli.output import Json, Output
from daemon.domain.server import Server
from daemon.printable import printable
from daemon.services.recommendation import recommend

#: File systems that are listed one by one; a host of containers has hundreds.
_MOST: Final = 12


def say_source(output: Output, server: Server, found: SourceProbe) -> None:
    """Tell a person, and what to do next."""
    output.say("")
    if found.problem:
        output.say(f"What could be frozen and dumped is not known: {found.problem}.")
        output.say("deploy/source-setup.md has a login that may do that, and little else. Then:")
        output.say(f"  lapseguard server probe {server.name}")
        return
    output.table(("file system", "type", "could be frozen"), list(_volume_rows(found)))
    if found.databases:
        output.say("")
        rows = [
            (
                each.kind,
                "\n".join(each.seen),
                "\n".join((*each.names, *filter(None, [each.problem]))),
            )
            for each in found.databases
        ]
        output.table(("database", "seen by", "holds"), rows)
    _say_commands(output, server, found)


def source_json(server: Server, found: SourceProbe) -> dict[str, Json]:
    """The same for a program."""
    return {
        "problem": printable(found.problem) or None,
        "root": found.is_root,
        "wrapper": found.is_wrapped,
        "file_systems": [
            {
                "path": printable(volume.target),
                "type": volume.fstype,
                "snapshot": volume.kind or None,
                "problem": printable(volume.problem) or None,
            }
            for volume in found.volumes
        ],
        "databases": [
            {
                "kind": each.kind,
                "seen_by": [printable(sign) for sign in each.seen],
                "user": each.user,
                "port": each.port,
                "names": [printable(name) for name in each.names],
                "problem": printable(each.problem) or None,
            }
            for each in found.databases
        ],
        "recommended": list(recommend(server, found)),
    }


def _volume_rows(found: SourceProbe) -> Iterator[tuple[str, str, str]]:
    """Those that could be frozen first; of too many others, only how many."""
    ordered = sorted(found.volumes, key=lambda volume: not volume.kind)
    for volume in ordered[:_MOST]:
        yield volume.target, volume.fstype, volume.kind or f"no: {volume.problem}"
    if len(ordered) > _MOST:
        yield f"and {len(ordered) - _MOST} more", "", "no"


def _say_commands(output: Output, server: Server, found: SourceProbe) -> None:
    commands = recommend(server, found)
    if not commands:
        return
    output.say("\nFor better copies:")
    for command in commands:
        output.say(f"  {command}")
    if found.is_wrapped and found.databases:
        output.say(f"`lapseguard server dump commands {server.name}` has what root there allows.")
