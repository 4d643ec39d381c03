"""What of a server could be frozen, and which databases run there; every answer is best effort.

Only looks: nothing here changes a server. The forced command of `deploy/source` lets them through.
"""

import secrets
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Final

from backends.database_probe import DatabaseProbe, look_for_databases
from backends.errors import BackendError, RemoteCommandFailed
from backends.process import readable
from backends.questions import ask, printed, refusal
from backends.shell import RemoteShell
from backends.snapshot.commands import Commands, Shell
from backends.snapshot.freezer import Freezer
from backends.snapshot.hold import FREEZERS, check_paths
from backends.snapshot.view import is_in_view
from backends.snapshot.volume import FINDMNT, Volume, parse_mounts, volumes_of
from backends.source_errors import SnapshotError
from backends.types import SshTarget

#: The wrapper says this first of all that it refuses.
_WRAPPER: Final = "lapseguard-source"


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeProbe:
    """One file system that a backup reads.

    Attributes:
        target: Where it is mounted.
        fstype: `ext4`, `btrfs` and so on.
        kind: What could freeze it; empty where nothing could.
        problem: Why nothing could; else empty.
    """

    target: str
    fstype: str
    kind: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceProbe:
    """What could make a copy consistent.

    Attributes:
        problem: Why nothing could be asked; else empty.
        volumes: Outer ones before those inside.
        databases: By kind and port.
        is_root: Whether the login is root; else it needs sudo to freeze.
        is_wrapped: Whether the login's key runs nothing but what `lapseguard-source` allows.
    """

    problem: str = ""
    volumes: tuple[VolumeProbe, ...] = ()
    databases: tuple[DatabaseProbe, ...] = ()
    is_root: bool = False
    is_wrapped: bool = False

    @property
    def can_freeze(self) -> bool:
        """Whether any file system could be frozen."""
        return any(volume.kind for volume in self.volumes)


def look_at(
    target: SshTarget, paths: Sequence[str], *, one_file_system: bool = False
) -> SourceProbe:
    """Log in and look; a server that cannot be reached or asked is an answer, not an error.

    Args:
        target: The server.
        paths: See `probe_source`.
        one_file_system: Likewise.

    Raises:
        SshTargetInvalid: it cannot be asked for.
    """
    shell = RemoteShell(target)
    try:
        with shell:
            forced = refusal(shell)
            if forced is not None:
                return SourceProbe(problem=f"the key runs only a forced command ({forced})")
            return probe_source(shell, paths, one_file_system=one_file_system)
    except BackendError as error:
        return SourceProbe(problem=str(error))


def probe_source(
    shell: Shell, paths: Sequence[str], *, one_file_system: bool = False
) -> SourceProbe:
    """Look at a server over a connection that runs commands.

    Args:
        shell: Runs them.
        paths: What is to be saved; absolute and clean.
        one_file_system: See `volumes_of`.

    Raises:
        SshError: the connection broke.
    """
    is_root = printed(shell, "id", "-u").strip() == "0"
    with Commands(lambda: nullcontext(shell), sudo=not is_root) as commands:
        volumes = _look_at_volumes(commands, paths, one_file_system=one_file_system)
    return SourceProbe(
        volumes=volumes,
        databases=look_for_databases(shell),
        is_root=is_root,
        is_wrapped=_is_wrapped(shell),
    )


def _look_at_volumes(
    commands: Commands, paths: Sequence[str], *, one_file_system: bool
) -> tuple[VolumeProbe, ...]:
    """Each file system below the paths, and what could freeze it."""
    try:
        listed = parse_mounts(commands.run(*FINDMNT, sudo=False))
        mounts = [mount for mount in listed if not is_in_view(mount.target)]
        volumes = volumes_of(paths, mounts, one_file_system=one_file_system)
    except (SnapshotError, RemoteCommandFailed) as error:
        return (VolumeProbe(target="/", fstype="unknown", problem=str(error)),)
    denied = _denial(paths, commands)
    return tuple(_examine(volume, commands, denied) for volume in volumes)


def _denial(paths: Sequence[str], commands: Commands) -> str:
    """Why nothing may be frozen, by the first command that every snapshot needs; else empty."""
    try:
        check_paths(paths, commands)
    except (SnapshotError, RemoteCommandFailed) as error:
        return str(error)
    return ""


def _examine(volume: Volume, commands: Commands, denied: str) -> VolumeProbe:
    probe = VolumeProbe(target=volume.target, fstype=volume.fstype)
    freezer = next((each for each in FREEZERS.values() if each.suits(volume)), None)
    if freezer is None:
        return replace(probe, problem=f"{volume.fstype} has no snapshots here")
    if denied:
        return replace(probe, problem=denied)
    return _try(freezer, volume, commands, probe)


def _try(freezer: Freezer, volume: Volume, commands: Commands, probe: VolumeProbe) -> VolumeProbe:
    try:
        freezer.examine(volume, commands)
    except (SnapshotError, RemoteCommandFailed) as error:
        return replace(probe, problem=str(error))
    return replace(probe, kind=freezer.kind)


def _is_wrapped(shell: Shell) -> bool:
    """Whether the wrapper refuses this, naming it; without it there is no such command."""
    token = secrets.token_hex(8)
    said = readable(ask(shell, _WRAPPER, token).stderr)
    return said.startswith(f"{_WRAPPER}: not permitted") and token in said
