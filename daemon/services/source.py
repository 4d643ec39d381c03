"""A server at rest and frozen for one run, as its record asks for it."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from backends.errors import BackendError
from backends.protocols import SourcePull, StopSignal
from backends.snapshot.commands import Commands, Shell
from backends.snapshot.hold import hold, leftovers, release
from backends.snapshot.hook import Quiescence, SnapshotHook, hold_by_hook, quiesced
from backends.snapshot.view import FrozenPart, FrozenView, Leftover, SnapshotRequest
from backends.snapshot.watch import INTERVAL, Either, Watch, WatchedPull
from backends.types import PullSpec, SshTarget
from daemon.domain.freezing import HOOK, NONE, Freezing
from daemon.domain.run import Run
from daemon.domain.server import Server
from daemon.domain.source import LIVE, Consistency, SourcePart, SourceView
from daemon.errors import NotFound
from daemon.services.backup_tools import BackupTools
from daemon.services.units import Units

#: What another installation has made on the same server counts as left behind after so long.
_STRANGERS_AGE: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldSource:
    """What a run reads from.

    Attributes:
        spec: The pull, from the frozen view where there is one.
        view: For the record.
        watch: Looks after snapshots that can be lost; None where there are none.
    """

    spec: PullSpec
    view: SourceView = LIVE
    watch: Watch | None = None

    def watched(self, make: Callable[[StopSignal], SourcePull], stop: StopSignal) -> SourcePull:
        """The pull that `make` makes, ended by `stop` or once what it reads from is lost."""
        if self.watch is None:
            return make(stop)
        inner = make(Either(signals=(stop, self.watch)))
        return WatchedPull(inner=inner, watch=self.watch)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceTools:
    """What holding a source works with.

    Attributes:
        units: Opens transactions.
        now: The clock.
        open_shell: Logs in to a server.
        warn: Is told what is not as it was asked for.
        watch_every: Seconds between two looks at a snapshot that can be lost.
    """

    units: Units
    now: Callable[[], datetime]
    open_shell: Callable[[SshTarget], AbstractContextManager[Shell]]
    warn: Callable[[str], None]
    watch_every: float = INTERVAL

    @classmethod
    def of(cls, tools: BackupTools, warn: Callable[[str], None]) -> "SourceTools":
        """Those of a backup."""
        return cls(
            units=tools.units,
            now=tools.clock.now,
            open_shell=tools.open_shell,
            warn=warn,
            watch_every=tools.watch_every,
        )


@contextmanager
def hold_source(
    tools: SourceTools, run: Run, server: Server, spec: PullSpec
) -> Iterator[HeldSource]:
    """Bring a server to rest, freeze it, and let it go on every way out.

    An application is let go as soon as everything is frozen, or else after the pull. What earlier
    runs left on the server is removed first.

    Args:
        tools: See `SourceTools`.
        run: All that is made on the server carries its id.
        server: How, see `Freezing`.
        spec: What is to be pulled.

    Raises:
        SnapshotError: it cannot be frozen and must be, or a hook failed.
        SshError: the server cannot be reached.
    """
    freezing = server.freezing
    if freezing.is_idle:
        yield HeldSource(spec=spec)
        return
    request = SnapshotRequest(
        name=run.run,
        paths=spec.paths,
        kind=freezing.kind,
        one_file_system=spec.one_file_system,
        fallback=not freezing.required,
    )
    patience = freezing.hook_timeout.total_seconds()
    rest = Quiescence(before=freezing.before, after=freezing.after, timeout=patience)

    def connect() -> Commands:
        return Commands(lambda: tools.open_shell(spec.target), sudo=server.sudo)

    with connect() as commands, ExitStack() as held, ExitStack() as resting:
        if freezing.kind not in {NONE, HOOK}:
            remove_leftovers(tools, server, commands, run.run)
        resting.enter_context(quiesced(rest, request, commands, tools.warn))
        view = held.enter_context(_hold(freezing, request, commands, tools))
        if not any(part.kind == NONE for part in view.parts):
            resting.close()
        watch = Watch(view.checks, connect, warn=tools.warn, interval=tools.watch_every)
        yield _held(spec, view, watch, rested=bool(freezing.before))


def remove_leftovers(tools: SourceTools, server: Server, commands: Commands, run: str) -> None:
    """Remove what runs of ours that have ended left on a server, and what is very old.

    A failure is told and ends nothing: it is tried again by the next run.
    """
    try:
        for leftover in leftovers(commands):
            if leftover.name != run and _is_stale(tools, server, leftover):
                tools.warn(f"Removing what a broken-off run left there: {leftover.place}.")
                release(leftover, commands)
    except BackendError as error:
        tools.warn(f"What earlier runs left on {server.name} was not removed: {error}")


def _is_stale(tools: SourceTools, server: Server, leftover: Leftover) -> bool:
    with tools.units(read_only=True) as work:
        try:
            found = work.runs.get(leftover.name)
        except NotFound:
            return tools.now() - leftover.made_at > _STRANGERS_AGE
    return found.server == server.name and found.is_final


def _hold(
    freezing: Freezing, request: SnapshotRequest, commands: Commands, tools: SourceTools
) -> AbstractContextManager[FrozenView]:
    if freezing.kind != HOOK:
        return hold(request, commands, now=tools.now, warn=tools.warn)
    patience = freezing.hook_timeout.total_seconds()
    hook = SnapshotHook(freeze=freezing.freeze, thaw=freezing.thaw, timeout=patience)
    return hold_by_hook(hook, request, commands, now=tools.now, warn=tools.warn)


def _held(spec: PullSpec, view: FrozenView, watch: Watch, *, rested: bool) -> HeldSource:
    parts = (_part(part, rested=rested) for part in view.parts)
    return HeldSource(
        spec=replace(spec, source_root=view.root, excludes=(*spec.excludes, *view.excludes)),
        view=SourceView.of(parts),
        watch=watch if view.checks else None,
    )


def _part(part: FrozenPart, *, rested: bool) -> SourcePart:
    """What is frozen while its application rests is as good as the application can make it."""
    consistency = Consistency(part.consistency.value)
    if rested and consistency is Consistency.CRASH:
        consistency = Consistency.APPLICATION
    return SourcePart(
        target=part.target,
        kind=part.kind,
        id=part.id,
        taken_at=part.taken_at,
        consistency=consistency,
        reason=part.reason,
    )
