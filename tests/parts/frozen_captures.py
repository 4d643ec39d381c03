"""Whole captures of a server whose files never stand still: frozen, pulled, stored, restored."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from backends.capture.pipeline import Capture
from backends.capture.progress import CaptureProgress
from backends.capture.staging import Staging
from backends.repository.reader import BlobReader
from backends.repository.repository import Repository
from backends.repository.restore import restore_tree
from backends.repository.writer import RepositoryWriter
from backends.rsync.pull import RsyncPull
from backends.shell import RemoteShell
from backends.snapshot.commands import Commands
from backends.snapshot.hold import hold, leftovers
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

    def __enter__(self) -> "FrozenCaptures":
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._commands.__exit__(None, None, None)

    def capture_and_restore(self, during: Callable[[], object] = lambda: None) -> Path:
        """One capture; where the folder's files are after it was restored.

        Args:
            during: Called while the view is held, before anything is read from it.
        """
        with self._held() as spec, Watch((), self._connect, warn=self.warnings.append) as watch:
            during()
            tree = self._store(spec, watch)
        self._count += 1
        place = self.folder / f"restored-{self._count}"
        reader = BlobReader(self.repository, self.repository.load_index())
        assert restore_tree(reader, tree, place, durable=False).complete
        return place / self.source.relative_to("/")

    def left(self) -> list[Leftover]:
        """What these captures have left on the server."""
        return [each for each in leftovers(self._commands) if each.name == self.run]

    @contextmanager
    def _held(self) -> Iterator[PullSpec]:
        request = SnapshotRequest(
            name=self.run, paths=(str(self.source),), kind=self.kind, fallback=False
        )
        with hold(
            request, self._commands, now=lambda: datetime.now(UTC), warn=self.warnings.append
        ) as view:
            yield PullSpec(
                target=self.target,
                paths=request.paths,
                staging=str(Staging(self.folder / "staging").image),
                source_root=view.root,
            )

    def _store(self, spec: PullSpec, watch: Watch) -> BlobId:
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
        assert report.pull.complete, report.omissions
        staging.forget_journal()
        self._parent = report.tree
        return report.tree

    def _connect(self) -> Commands:
        return Commands(lambda: RemoteShell(self.target))
