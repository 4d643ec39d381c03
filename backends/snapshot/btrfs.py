"""Frozen views by btrfs: a read-only snapshot of a subvolume and of every subvolume in it.

A snapshot shows nested subvolumes as empty folders, so each gets a snapshot of its own, which is
mounted in its place. Each is atomic by itself; between two of them moments pass. Nested ones that
are read-only already, such as snapshots that other programs keep, are shown as they are.

Snapshots live in `<mount point>/.lapseguard/<name>/`, since they must be on the same file system.
The folder stays, so that the time of the mount point does not change with each run.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Final

from backends.errors import (
    BackendError,
)
from backends.snapshot.commands import Commands
from backends.snapshot.freezer import Frozen, Layer, Undo
from backends.snapshot.view import (
    Consistency,
    Leftover,
    SnapshotRequest,
    check_name,
    is_in_view,
    is_name,
)
from backends.snapshot.volume import Volume
from backends.source_errors import (
    SnapshotFailed,
)

KIND: Final = "btrfs"
FOLDER: Final = ".lapseguard"

_LISTED: Final = re.compile(r"^ID \d+ gen \d+ (?:cgen \d+ )?.*?\bpath (?P<path>.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class BtrfsFreezer:
    """See `Freezer`."""

    kind: str = KIND

    def suits(self, volume: Volume) -> bool:
        """Whether the volume is on btrfs; only a try tells whether it is a subvolume."""
        return volume.fstype == KIND

    def examine(self, volume: Volume, commands: Commands) -> None:
        """See `Freezer.examine`."""
        list_nested(volume, commands)

    @contextmanager
    def freeze(
        self, volume: Volume, request: SnapshotRequest, commands: Commands, undo: Undo
    ) -> Iterator[Frozen]:
        """See `Freezer.freeze`."""
        folder = f"{_folder(volume)}/{check_name(request.name)}"
        nested = [f"{volume.target.rstrip('/')}/{place}" for place in list_nested(volume, commands)]
        with ExitStack() as made:
            commands.run("mkdir", "-p", "-m", "700", "--", _folder(volume), folder)
            made.callback(undo, "rmdir", "--", folder)
            layers = [_snapshot(commands, made, undo, volume.target, f"{folder}/0")]
            for number, place in enumerate(filter(request.reads, nested), start=1):
                if _is_read_only(commands, place):
                    layers.append(Layer(source=place, target=place))
                    continue
                layers.append(_snapshot(commands, made, undo, place, f"{folder}/{number}"))
            yield Frozen(
                id=folder,
                layers=tuple(layers),
                consistency=Consistency.CRASH,
                excludes=(f"{_folder(volume)}/",),
            )

    def leftovers(self, mounts: Iterable[Volume], commands: Commands) -> Iterator[Leftover]:
        """See `Freezer.leftovers`."""
        found = (mount for mount in mounts if mount.fstype == KIND and not is_in_view(mount.target))
        for folder in map(_folder, found):
            finished = commands.try_run("ls", "-1", "--", folder)
            if finished.exit_code != 0:
                continue  # there is no such folder, so nothing was left in it
            for name in finished.stdout.decode("utf-8", "replace").splitlines():
                if is_name(name):
                    yield Leftover(name=name, kind=KIND, place=f"{folder}/{name}")

    def release(self, leftover: Leftover, commands: Commands) -> None:
        """See `Freezer.release`."""
        for name in commands.run("ls", "-1", "--", leftover.place).splitlines():
            if not name.isdecimal():
                raise SnapshotFailed(f"{leftover.place}/{name} is not a snapshot of ours")
            commands.run("btrfs", "subvolume", "delete", "--", f"{leftover.place}/{name}")
        commands.run("rmdir", "--", leftover.place)


def list_nested(volume: Volume, commands: Commands) -> tuple[str, ...]:
    """Subvolumes within this one, relative to its mount point, outer before inner.

    Raises:
        SnapshotError, SshError: they cannot be listed.
    """
    printed = commands.run("btrfs", "subvolume", "list", "-a", "--", volume.target)
    return parse_nested(printed, volume.fsroot)


def parse_nested(printed: str, fsroot: str) -> tuple[str, ...]:
    """The same from what `btrfs subvolume list -a` prints. Pure.

    Paths there count from the top of the file system; those outside the mounted subvolume are
    marked `<FS_TREE>/`, which depends on where one stands and means nothing here.
    """
    prefix = f"{fsroot.strip('/')}/".lstrip("/")
    found = (line["path"].removeprefix("<FS_TREE>/") for line in _LISTED.finditer(printed))
    inside = (path.removeprefix(prefix) for path in found if path.startswith(prefix) and path)
    return tuple(sorted(path for path in inside if not _is_ours(path)))


def _is_ours(path: str) -> bool:
    return path.startswith(f"{FOLDER}/") or f"/{FOLDER}/" in path


def _folder(volume: Volume) -> str:
    return f"{volume.target.rstrip('/')}/{FOLDER}"


def _snapshot(commands: Commands, made: ExitStack, undo: Undo, source: str, place: str) -> Layer:
    commands.run("btrfs", "subvolume", "snapshot", "-r", "--", source, place)
    made.callback(undo, "btrfs", "subvolume", "delete", "--", place)
    return Layer(source=place, target=source)


def _is_read_only(commands: Commands, place: str) -> bool:
    try:
        said = commands.run("btrfs", "property", "get", "-ts", place, "ro")
    except BackendError:
        # Safe to pass over: a snapshot of it is tried, and that says what is wrong.
        return False
    return said.strip() == "ro=true"
