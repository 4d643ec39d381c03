"""Holds a frozen view of a server's paths, and finds what earlier ones left behind."""

import posixpath
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime

from backends.errors import (
    BackendError,
    RemoteCommandFailed,
)
from backends.snapshot.assembly import KIND as VIEW
from backends.snapshot.assembly import assemble, leftover_views, take_down
from backends.snapshot.btrfs import BtrfsFreezer
from backends.snapshot.commands import Commands
from backends.snapshot.freezer import Freezer, Frozen, Undo
from backends.snapshot.lvm import LvmFreezer
from backends.snapshot.none import KIND as NONE
from backends.snapshot.none import read_live
from backends.snapshot.view import (
    VIEWS,
    Consistency,
    FrozenPart,
    FrozenView,
    Leftover,
    SnapshotRequest,
    is_in_view,
)
from backends.snapshot.volume import FINDMNT, Volume, parse_mounts, volumes_of
from backends.snapshot.zfs import ZfsFreezer
from backends.source_errors import (
    SnapshotError,
    SnapshotUnsupported,
    SourcePathLeaves,
)

AUTO = "auto"
#: In the order in which `auto` tries them: the cheapest to find out first.
FREEZERS: Mapping[str, Freezer] = {
    freezer.kind: freezer for freezer in (BtrfsFreezer(), ZfsFreezer(), LvmFreezer())
}
KINDS = (NONE, AUTO, *FREEZERS)
#: How often something busy is let go again, and seconds between two attempts.
_ATTEMPTS = 5
_PAUSE = 1.0


@contextmanager
def hold(
    request: SnapshotRequest,
    commands: Commands,
    *,
    now: Callable[[], datetime],
    warn: Callable[[str], None],
) -> Iterator[FrozenView]:
    """A frozen view for as long as the block lasts; it is released on every way out.

    What cannot be released is told to `warn`, and is among the `leftovers` of the next run.

    Args:
        request: What.
        commands: The server's command line.
        now: The clock.
        warn: Is told what is not as it was asked for, without being an error.

    Raises:
        SnapshotError: something cannot be frozen, and `fallback` does not allow to go on.
        SshError: the server cannot be reached.
    """
    with ExitStack() as held:
        attempt = _Holding(request, commands, now, warn, held)
        try:
            view = attempt.hold()
        except (SnapshotError, RemoteCommandFailed) as error:
            held.close()
            if not request.fallback:
                raise
            warn(f"Everything is read live: {error}.")
            view = attempt.live(str(error))
        yield view


class _Holding:
    """One view under way."""

    def __init__(
        self,
        request: SnapshotRequest,
        commands: Commands,
        now: Callable[[], datetime],
        warn: Callable[[str], None],
        held: ExitStack,
    ) -> None:
        self._request = request
        self._commands = commands
        self._now = now
        self._warn = warn
        self._held = held
        self._undo: Undo = undoing(commands, warn)

    def hold(self) -> FrozenView:
        """Freeze each file system, then put them together."""
        if self._request.kind == NONE:
            return self.live()
        listed = parse_mounts(self._commands.run(*FINDMNT, sudo=False))
        # Another run's view is no part of the server.
        mounts = [mount for mount in listed if not is_in_view(mount.target)]
        check_paths(self._request.paths, self._commands)
        volumes = volumes_of(
            self._request.paths, mounts, one_file_system=self._request.one_file_system
        )
        frozen = [self._freeze(volume) for volume in volumes]
        parts = tuple(part for part, _ in frozen)
        if all(part.kind == NONE for part in parts):
            return FrozenView(root="", parts=parts)
        return self._assemble(parts, [one for _, one in frozen])

    def _assemble(self, parts: tuple[FrozenPart, ...], frozen: Sequence[Frozen]) -> FrozenView:
        layers = [layer for one in frozen for layer in one.layers]
        root = assemble(layers, self._request.name, self._commands, self._held, self._undo)
        checks = tuple(one.check for one in frozen if one.check is not None)
        excludes = tuple(pattern for one in frozen for pattern in one.excludes)
        return FrozenView(root=root, parts=parts, excludes=excludes, checks=checks)

    def live(self, reason: str = "") -> FrozenView:
        """The paths as they are, and why."""
        at = self._now()
        parts = (
            FrozenPart(
                target=path,
                kind=NONE,
                id="",
                taken_at=at,
                consistency=Consistency.NONE,
                reason=reason,
            )
            for path in self._request.paths
        )
        return FrozenView(root="", parts=tuple(parts))

    def _freeze(self, volume: Volume) -> tuple[FrozenPart, Frozen]:
        try:
            return self._freeze_by(self._choose(volume), volume)
        except SnapshotError as error:
            if not self._request.fallback:
                raise
            self._warn(f"{volume.target} is read live: {error}.")
            return self._part(NONE, volume, live := read_live(volume), reason=str(error)), live

    def _freeze_by(self, freezer: Freezer, volume: Volume) -> tuple[FrozenPart, Frozen]:
        freezing = freezer.freeze(volume, self._request, self._commands, self._undo)
        frozen = self._held.enter_context(freezing)
        return self._part(freezer.kind, volume, frozen), frozen

    def _part(self, kind: str, volume: Volume, frozen: Frozen, reason: str = "") -> FrozenPart:
        return FrozenPart(
            target=volume.target,
            kind=kind,
            id=frozen.id,
            taken_at=self._now(),
            consistency=frozen.consistency,
            reason=reason,
        )

    def _choose(self, volume: Volume) -> Freezer:
        kind = self._request.kind
        candidates = FREEZERS.values() if kind == AUTO else (FREEZERS[kind],)
        for freezer in candidates:
            if freezer.suits(volume):
                return freezer
        wanted = "snapshots" if kind == AUTO else f"snapshots by {kind}"
        raise SnapshotUnsupported(
            f"{volume.target} is on {volume.fstype} ({volume.source}), which has no {wanted} here"
        )


def check_paths(paths: Sequence[str], commands: Commands) -> None:
    """Refuse a path that leads through a symbolic link, which would leave the frozen view.

    A link at the very end is saved as what it is.

    Raises:
        SourcePathLeaves: names where it leads to.
        SnapshotError, SshError: the server cannot be asked.
    """
    folders = [posixpath.dirname(path) for path in paths]
    # What is missing counts as real: the pull says better that it is missing.
    found = commands.run("realpath", "-m", "-z", "--", *folders).split("\0")
    for path, folder, real in zip(paths, folders, found, strict=False):
        if real != folder:
            raise SourcePathLeaves(f"{path} leads through a symbolic link to {real}")


def leftovers(commands: Commands) -> tuple[Leftover, ...]:
    """What runs have left on a server: views first, then the snapshots that they showed.

    All of it is ours by its name. Whether its run still goes on is for the caller to know.

    Raises:
        SnapshotError, SshError: the server cannot be looked through.
    """
    mounts = parse_mounts(commands.run(*FINDMNT, sudo=False))
    listed = commands.try_run("ls", "-1", "--", VIEWS).stdout.decode("utf-8", "replace")
    snapshots = (
        leftover
        for freezer in FREEZERS.values()
        for leftover in freezer.leftovers(mounts, commands)
    )
    return (*leftover_views(mounts, listed.splitlines()), *snapshots)


def release(leftover: Leftover, commands: Commands) -> None:
    """Remove one of `leftovers`.

    Raises:
        SnapshotError, SshError: it stays.
    """
    if leftover.kind == VIEW:
        mounts = parse_mounts(commands.run(*FINDMNT, sudo=False))
        take_down(leftover, mounts, commands)
        return
    FREEZERS[leftover.kind].release(leftover, commands)


def undoing(
    commands: Commands, warn: Callable[[str], None], pause: Callable[[float], None] = time.sleep
) -> Undo:
    """Runs a command on the way out, again where it was too early, and tells what stays undone."""

    def undo(*argv: str) -> None:
        for left in reversed(range(_ATTEMPTS)):
            try:
                commands.run(*argv)
            except BackendError as error:
                if error.retryable and left:
                    pause(_PAUSE)
                    continue
                # Safe to go on: it carries the run's name, and the next run finds it by that.
                warn(f"`{' '.join(argv)}` on the server failed, so something stays there: {error}")
            return

    return undo
