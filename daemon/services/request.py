"""What is asked of a server, by its record."""

from pathlib import Path
from typing import Final

from backends.capture.grafting import PLACE
from backends.types import PullSpec, SshTarget
from daemon.domain.server import Server

#: A server that was restored to has what an earlier one's dumps were: never a file of its own.
OURS: Final = f"/{PLACE.decode()}"


def pull_spec(
    server: Server, image: Path, identity: Path, bandwidth: int | None = None
) -> PullSpec:
    """What is asked of the server; `bandwidth` limits it beside the server's own limit."""
    limits = [limit for limit in (server.bandwidth, bandwidth) if limit]
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
