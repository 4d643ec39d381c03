"""Whole captures of a server whose files never stand still: frozen, pulled, stored, restored."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from backends.capture.pipeline import Capture
from backends.capture.progress import CaptureProgress
from backends.capture.report import CaptureReport
from backends.capture.staging import Staging
from backends.repository.reader import BlobReader
from backends.repository.repository import Repository
from backends.repository.restore import restore_tree
from backends.repository.writer import RepositoryWriter
from backends.rsync.pull import RsyncPull
from backends.shell import RemoteShell
from backends.snapshot.commands import Commands
from backends.snapshot.hold import hold, leftovers, release
from backends.snapshot.view import Leftover, SnapshotRequest
from backends.snapshot.watch import Watch, WatchedPull
from backends.types import BlobId, PullSpec, SshTarget


@dataclass(kw_only=True)
class FrozenCaptures:
    """Captures of one folder of a server, each from a view of its own, into one repository.

    Attributes:
        target: The server.
        source: The folder there.
        folder: For staging and what is restored.
        repository: Where they go.
        kind: Of the source snapshot.
        run: The name that all views carry, one after the other.
        warnings: What was warned of.
    """

    target: SshTarget
    source: Path
    folder: Path
    repository: Repository
    kind: str
    run: str
    warnings: list[str] = field(default_factory=list)
    _commands: Commands = field(init=False, repr=False)
    _parent: BlobId | None = None
    _count: int = 0

    def __post_init__(self) -> None:
        self._commands = self._connect()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._commands.__exit__(None, None, None)

    def capture_and_restore(self, during: Callable[[], object] = lambda: None) -> Path:
        """One capture; where the folder's files are after it was restored.

        Args:
            during: Called while the view is held, before anything is read from it.
        """
        report = self.capture(during)
        assert report.pull.complete, report.omissions
        return self.restore(report.tree)

    def capture(
        self, during: Callable[[], object] = lambda: None, *, bandwidth: int | None = None
    ) -> CaptureReport:
        """One capture, at so many bytes a second at most; `during` as above."""
        with self._held(bandwidth) as (spec, watch):
            during()
            report = self._store(spec, watch)
        self._parent = report.tree
        return report

    def restore(self, tree: BlobId) -> Path:
        """Where the folder's files are after a capture was restored."""
        self._count += 1
        place = self.folder / f"restored-{self._count}"
        reader = BlobReader(self.repository, self.repository.load_index())
        assert restore_tree(reader, tree, place, durable=False).complete
        return place / self.source.relative_to("/")

    def arrived(self) -> list[Path]:
        """Files in staging that are complete."""
        image = Staging(self.folder / "staging").image / self.source.relative_to("/")
        return [file for file in image.glob("[!.]*") if file.is_file()]

    def left(self) -> list[Leftover]:
        """What these captures have left on the server."""
        return [each for each in leftovers(self._commands) if each.name == self.run]

    def abandon(self) -> None:
        """Leave a view behind, as a run does that is ended by kill -9."""
        if (child := os.fork()) == 0:
            try:
                doomed = Commands(lambda: RemoteShell(self.target))
                with hold(self._request(), doomed, now=_now, warn=print):
                    os.kill(os.getpid(), signal.SIGKILL)
            finally:
                os._exit(1)
        os.waitpid(child, 0)

    def remove_left(self) -> None:
        """What the next run does first."""
        for each in self.left():
            release(each, self._commands)

    @contextmanager
    def _held(self, bandwidth: int | None) -> Iterator[tuple[PullSpec, Watch]]:
        warn, request = self.warnings.append, self._request()
        with hold(request, self._commands, now=_now, warn=warn) as view:
            spec = PullSpec(
                target=self.target,
                paths=request.paths,
                staging=str(Staging(self.folder / "staging").image),
                source_root=view.root,
                bandwidth=bandwidth,
            )
            yield spec, Watch(view.checks, self._connect, warn=warn, interval=0.5)

    def _request(self) -> SnapshotRequest:
        paths = (str(self.source),)
        return SnapshotRequest(name=self.run, paths=paths, kind=self.kind, fallback=False)

    def _store(self, spec: PullSpec, watch: Watch) -> CaptureReport:
        staging, index = Staging(self.folder / "staging"), self.repository.load_index()
        staging.prepare()
        reader = BlobReader(self.repository, index)
        with RepositoryWriter(self.repository, index) as writer, staging.open_journal() as journal:
            capture = Capture(
                staging=staging,
                writer=writer,
                index=index,
                load_tree=reader.load_tree,
                progress=CaptureProgress(),
                on_file=lambda _: None,
                sha256_before=(lambda _: None) if self._parent else None,
            )
            pull = RsyncPull(journal=journal.write, stop=watch)
            report = capture.run(spec, WatchedPull(inner=pull, watch=watch), self._parent)
        staging.forget_journal()
        return report

    def _connect(self) -> Commands:
        return Commands(lambda: RemoteShell(self.target))


def _now() -> datetime:
    return datetime.now(UTC)
