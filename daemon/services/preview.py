"""What a backup would do, without doing any of it; shows no secret."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from backends.rsync.command import Scratch, rsync_argv
from backends.ssh import ssh_argv
from daemon.domain.run import Run, RunState
from daemon.domain.verification import Depth
from daemon.services.backup import BackupTools
from daemon.services.dumps import dump_of
from daemon.services.request import pull_spec


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupPreview:
    """One backup to come.

    Attributes:
        server: Its name.
        login: `user@host:port`.
        paths, excludes: What is asked of it.
        repository: URL of the repository, without secrets.
        depth: How deep the result will be verified, at least.
        command: The rsync call, as one would type it.
        dumps: Each database's file, and the command that the login runs for it on the server.
        last: The newest verified run; what it stored is not sent again.
    """

    server: str
    login: str
    paths: tuple[str, ...]
    excludes: tuple[str, ...]
    repository: str
    depth: Depth
    command: str
    dumps: Mapping[str, str]
    last: Run | None


def preview_backup(tools: BackupTools, name: str, *, depth: Depth | None = None) -> BackupPreview:
    """Describe the backup that `back_up` would make now.

    Raises:
        NotFound: no such server, or the settings have no such store.
    """
    with tools.units(read_only=True) as work:
        server = work.servers.get(name)
        last = work.runs.newest(name, RunState.VERIFIED)
    staging = tools.staging / name
    spec = pull_spec(server, staging / "image", tools.identity)
    scratch = Scratch(
        incoming=str(staging / "image~pull" / "incoming"),
        partial=str(staging / "image~pull" / "partial"),
    )
    ssh = ssh_argv(spec.target, "KNOWN_HOSTS")
    return BackupPreview(
        server=name,
        login=f"{server.user}@{server.host}:{server.port}",
        paths=server.paths,
        excludes=server.excludes,
        repository=tools.repository_url(server.store, name),
        depth=depth or server.verify_depth or tools.depth,
        command=shlex.join(rsync_argv(spec, ssh=ssh, scratch=scratch)),
        dumps={dump.name: shlex.join(dump_of(dump).argv) for dump in server.dumps},
        last=last,
    )
