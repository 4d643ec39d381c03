"""What is asked of a server, by its record."""

from pathlib import Path

from backends.types import PullSpec, SshTarget
from daemon.domain.server import Server


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
        excludes=server.excludes,
        staging=str(image),
        sudo=server.sudo,
        one_file_system=server.one_file_system,
        bandwidth=min(limits, default=None),
    )
