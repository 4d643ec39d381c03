"""What real servers could freeze, and which databases they tell of."""

from collections.abc import Callable
from pathlib import Path

from backends.shell import RemoteShell
from backends.source_probe import SourceProbe, VolumeProbe, probe_source
from tests.parts.btrfs import btrfs, subvolume
from tests.parts.databases import PostgresCluster
from tests.parts.requirement import require_program
from tests.parts.sshd import Sshd

__all__ = ["btrfs"]

MakeSshd = Callable[..., Sshd]


def probe(server: Sshd, path: Path | str) -> SourceProbe:
    with RemoteShell(server.target()) as shell:
        return probe_source(shell, [str(path)])


def test_a_subvolume_could_be_frozen_and_a_file_system_without_snapshots_could_not(
    sshd: Sshd, btrfs: Path
) -> None:
    found = probe(sshd, subvolume(btrfs / "srv"))

    assert [(volume.fstype, volume.kind) for volume in found.volumes] == [("btrfs", "btrfs")]
    assert (found.is_root, found.is_wrapped, found.can_freeze) == (True, False, True)
    (memory,) = probe(sshd, "/dev/shm").volumes  # noqa: S108 - only looked at
    assert memory == VolumeProbe(
        target="/dev/shm",  # noqa: S108 - likewise
        fstype="tmpfs",
        problem="tmpfs has no snapshots here",
    )


def test_who_may_not_become_root_is_told_that_nothing_can_be_frozen(
    unprivileged_sshd: Sshd, btrfs: Path
) -> None:
    require_program("sudo", "sudo")

    (volume,) = probe(unprivileged_sshd, btrfs).volumes

    assert volume.kind == ""
    assert "password is required" in volume.problem


def test_a_path_through_a_link_is_named_before_a_backup_meets_it(sshd: Sshd, btrfs: Path) -> None:
    (btrfs / "link").symlink_to(btrfs)

    (volume,) = probe(sshd, btrfs / "link/below").volumes

    assert "leads through a symbolic link" in volume.problem


def test_a_running_postgresql_is_found_with_its_databases(
    make_sshd: MakeSshd, postgres_cluster: PostgresCluster
) -> None:
    for program, package in (("ps", "procps"), ("ss", "iproute2"), ("psql", "postgresql")):
        require_program(program, package)
    login = f"PGHOST={postgres_cluster.folder} PGUSER=lapseguard"
    server = make_sshd(forced_command=f'{login} /bin/sh -c "$SSH_ORIGINAL_COMMAND"')

    found = next(each for each in probe(server, "/srv").databases if each.kind == "postgres")

    assert "postgres" in found.names
    assert not {"template0", "template1"} & set(found.names)
    assert any(".s.PGSQL.5432" in sign for sign in found.seen)
    assert found.problem == ""
