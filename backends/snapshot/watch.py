"""Looks after snapshots that can run out of room, for as long as they are read."""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self

from backends.errors import BackendError, SshError
from backends.protocols import SourcePull, StopSignal
from backends.snapshot.commands import Commands
from backends.snapshot.view import Check, Fill
from backends.source_errors import SnapshotError, SnapshotLost
from backends.types import Arrival, PullReport, PullSpec

#: Seconds between two looks.
INTERVAL: Final = 15.0
#: How full a snapshot may be before somebody is told, in per cent.
_NEARLY_FULL: Final = 80.0


class Watch:
    """Looks at snapshots again and again in a thread of its own, while a block lasts.

    Not to be able to look is told once and ends nothing: the last look decides.

    Args:
        checks: Of the snapshots.
        connect: Opens the command line that the thread has to itself.
        warn: Is told, once for each, of what is nearly full.
        interval: Seconds between two looks.
    """

    def __init__(
        self,
        checks: tuple[Check, ...],
        connect: Callable[[], AbstractContextManager[Commands]],
        *,
        warn: Callable[[str], None],
        interval: float = INTERVAL,
    ) -> None:
        self._checks = checks
        self._connect = connect
        self._warn = warn
        self._interval = interval
        self._warned: set[str] = set()
        self._lost: SnapshotLost | None = None
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._over.clear()
        self._thread = threading.Thread(target=self._work, name="snapshots", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join()

    def is_set(self) -> bool:
        """Whether a snapshot is lost, so that nothing more is to be read."""
        return self._lost is not None

    def look(self) -> None:
        """Look at all of them once more.

        Raises:
            SnapshotLost: one is no longer what it was, or does not show whether it is.
            SshError: the server cannot be asked.
        """
        try:
            if self._lost is None:
                with self._connect() as commands:
                    self._look(commands)
        except SnapshotError as error:
            self._lost = SnapshotLost(f"Nothing shows that a snapshot has lasted: {error}")
        if self._lost is not None:
            raise self._lost

    def _work(self) -> None:
        with self._connect() as commands:
            while not self._over.wait(self._interval) and self._lost is None:
                try:
                    self._look(commands)
                except BackendError as error:
                    self._warn_once("", f"The snapshots on the server are not watched: {error}")

    def _look(self, commands: Commands) -> None:
        try:
            for check in self._checks:
                self._note(check(commands))
        except SnapshotLost as lost:
            self._lost = lost

    def _note(self, fill: Fill) -> None:
        if fill.per_cent >= _NEARLY_FULL:
            message = f"{fill.place} on the server is {fill.per_cent:g} per cent full"
            self._warn_once(fill.place, f"{message}; when it is full, the snapshot is lost.")

    def _warn_once(self, what: str, message: str) -> None:
        if what not in self._warned:
            self._warned.add(what)
            self._warn(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Either:
    """A signal to stop that is given once one of several is."""

    signals: tuple[StopSignal, ...]

    def is_set(self) -> bool:
        """See `StopSignal.is_set`."""
        return any(signal.is_set() for signal in self.signals)


@dataclass(slots=True, kw_only=True)
class WatchedPull:
    """A pull that ends once a snapshot it reads from is lost; a SourcePull.

    Attributes:
        inner: Pulls, and stops as soon as `watch` is set.
        watch: Of the snapshots.
    """

    inner: SourcePull
    watch: Watch = field(repr=False)

    @property
    def rsync_version(self) -> str:
        """See `SourcePull.rsync_version`."""
        return self.inner.rsync_version

    def pull(self, spec: PullSpec, on_arrival: Callable[[Arrival], None]) -> PullReport:
        """See `SourcePull.pull`.

        Raises:
            SnapshotLost: whatever else happened, since it is the reason for it.
        """
        try:
            with self.watch:
                report = self.inner.pull(spec, on_arrival)
        except BackendError as error:
            self._blame_snapshot(error)
            raise
        self.watch.look()
        return report

    def _blame_snapshot(self, error: BackendError) -> None:
        try:
            self.watch.look()
        except SnapshotLost as lost:
            raise lost from error
        except SshError:
            return  # a server that cannot be asked has failed the pull as well
