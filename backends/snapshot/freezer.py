"""What every kind of source snapshot does, and the values it gives back."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from backends.snapshot.commands import Commands
from backends.snapshot.view import Check, Consistency, Leftover, SnapshotRequest
from backends.snapshot.volume import Volume

#: Runs a command on the way out: it is tried again, and a failure is told and not raised.
Undo = Callable[..., None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One thing to mount in a view.

    Attributes:
        source: A folder, device or dataset snapshot.
        target: The path whose place it takes.
        fstype: For what is no folder; a folder is bound.
        options: Of the mount, besides those that every layer of a view gets.
    """

    source: str
    target: str
    fstype: str = ""
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Frozen:
    """One file system, frozen.

    Attributes:
        id: The snapshot's name on the server.
        layers: What to mount, outer ones first.
        consistency: Of each layer.
        excludes: rsync patterns of what belongs to the snapshot itself.
        check: Says whether it is still what it was; None for what cannot be lost.
    """

    id: str
    layers: tuple[Layer, ...]
    consistency: Consistency
    excludes: tuple[str, ...] = ()
    check: Check | None = None


class Freezer(Protocol):
    """One kind of source snapshot."""

    @property
    def kind(self) -> str:
        """Its name in settings and manifests."""

    def suits(self, volume: Volume) -> bool:
        """Whether this kind may be able to freeze the volume, by how it is mounted."""

    def examine(self, volume: Volume, commands: Commands) -> None:
        """Return if the volume could be frozen now, as far as a look tells; nothing is changed.

        Args:
            volume: One that suits.
            commands: The server's command line.

        Raises:
            SnapshotError: it could not. SshError: the server cannot be asked.
        """

    def freeze(
        self, volume: Volume, request: SnapshotRequest, commands: Commands, undo: Undo
    ) -> AbstractContextManager[Frozen]:
        """Freeze the volume for as long as the block lasts.

        Args:
            volume: One that suits.
            request: What is to be pulled, and by which run.
            commands: The server's command line.
            undo: For what takes things back.

        Raises:
            SnapshotError, SshError: it cannot be frozen; what was begun is taken back.
        """

    def leftovers(self, mounts: Iterable[Volume], commands: Commands) -> Iterator[Leftover]:
        """What runs have left behind; of others' things none is named."""

    def release(self, leftover: Leftover, commands: Commands) -> None:
        """Remove one of `leftovers`.

        Raises:
            SnapshotError, SshError: it stays.
        """
