"""What is asked of a server, by its record."""

from dataclasses import replace
from pathlib import Path
from typing import Final

from backends.capture.places import PLACE
from backends.capture.window import StagingMode
from backends.pacing import Rate
from backends.types import PullSpec, SshTarget
from daemon.domain.bandwidth import Bandwidth
from daemon.domain.server import Server
from daemon.services.backup_tools import BackupTools

#: A server that was restored to has what an earlier one's dumps were: never a file of its own.
OURS: Final = f"/{PLACE.decode()}"


def pull_spec(
    server: Server, image: Path, identity: Path, bandwidth: int | None = None
) -> PullSpec:
    """What is asked of the server; `bandwidth` limits it beside the server's own limit.

    Rates that change by the time of the day are none of it; see `tools_for`.
    """
    own = None if server.rates else server.bandwidth
    limits = [limit for limit in (own, bandwidth) if limit]
    target = SshTarget(
        alias=server.name,
        host=server.host,
        port=server.port,
        user=server.user,
        identity=server.identity or str(identity),
        host_key=server.host_key,
    )
    return PullSpec(
        target=target,
        paths=server.paths,
        excludes=(*server.excludes, *([OURS] if "/" in server.paths else [])),
        staging=str(image),
        sudo=server.sudo,
        one_file_system=server.one_file_system,
        bandwidth=min(limits, default=None),
    )


def tools_for(tools: BackupTools, server: Server) -> BackupTools:
    """The same with what the server's record says in place of the settings, or beside them."""
    if server.staging is not None:
        mode = StagingMode(server.staging.value)
        tools = replace(tools, tuning=replace(tools.tuning, staging=mode))
    if server.rates:
        own = Bandwidth(stretches=server.rates, timezone=tools.timezone)
        rate = slower(tools.pull_rate, lambda: own.at(tools.clock.now()))
        tools = replace(tools, pull_rate=rate)
    return tools


def slower(first: Rate, second: Rate) -> Rate:
    """The lower of two rates at any time."""

    def lower() -> int | None:
        return min((limit for limit in (first(), second()) if limit is not None), default=None)

    return lower
