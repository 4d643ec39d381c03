"""Frozen views by ZFS: one snapshot of each dataset, mounted read-only by its own name.

Commands and outputs are those of OpenZFS 2, zfs-snapshot(8), zfs-list(8), zfs-destroy(8).
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from backends.snapshot.commands import Commands
from backends.snapshot.freezer import Frozen, Layer, Undo
from backends.snapshot.view import (
    Consistency,
    Leftover,
    SnapshotRequest,
    check_name,
    is_name,
)
from backends.snapshot.volume import Volume
from backends.source_errors import (
    SnapshotFailed,
)

KIND: Final = "zfs"
_MARK: Final = "@lapseguard-"


@dataclass(frozen=True, slots=True)
class ZfsFreezer:
    """See `Freezer`."""

    kind: str = KIND

    def suits(self, volume: Volume) -> bool:
        """Whether the volume is a mounted dataset, and not a snapshot of one."""
        return volume.fstype == KIND and "@" not in volume.source

    def examine(self, volume: Volume, commands: Commands) -> None:  # noqa: ARG002 - all at once
        """See `Freezer.examine`."""
        commands.run("zfs", "list", "-H", "-o", "name", "-t", "snapshot")

    @contextmanager
    def freeze(
        self, volume: Volume, request: SnapshotRequest, commands: Commands, undo: Undo
    ) -> Iterator[Frozen]:
        """See `Freezer.freeze`."""
        snapshot = f"{volume.source}{_MARK}{check_name(request.name)}"
        commands.run("zfs", "snapshot", snapshot)
        try:
            layer = Layer(source=snapshot, target=volume.target, fstype=KIND)
            yield Frozen(id=snapshot, layers=(layer,), consistency=Consistency.CRASH)
        finally:
            undo("zfs", "destroy", snapshot)

    def leftovers(self, mounts: Iterable[Volume], commands: Commands) -> Iterator[Leftover]:
        """See `Freezer.leftovers`."""
        if not any(mount.fstype == KIND for mount in mounts):
            return
        printed = commands.run("zfs", "list", "-H", "-o", "name", "-t", "snapshot")
        for snapshot in printed.splitlines():
            _, mark, name = snapshot.partition(_MARK)
            if mark and is_name(name):
                yield Leftover(name=name, kind=KIND, place=snapshot)

    def release(self, leftover: Leftover, commands: Commands) -> None:
        """See `Freezer.release`."""
        if not leftover.place.endswith(f"{_MARK}{check_name(leftover.name)}"):
            # Without an `@` the same command would destroy the dataset.
            raise SnapshotFailed(f"{leftover.place!r} is not a snapshot of ours")
        commands.run("zfs", "destroy", leftover.place)
