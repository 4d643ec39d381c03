"""When a checkpoint is cut: as late as can be, and not after the end of the pull."""

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from backends.capture.cadence import CheckpointInterval
from backends.capture.checkpoints import CheckpointPlan, CheckpointReport
from backends.capture.pipeline import Capture
from backends.capture.progress import CaptureProgress
from backends.capture.staging import Staging
from backends.objectstore.memory import MemoryStore
from backends.repository.pack import PACKS
from backends.repository.reader import BlobReader
from backends.repository.writer import RepositoryWriter
from backends.types import Arrival, ObjectInfo, PullReport, PullSpec
from tests.integration.test_capture import SPEC
from tests.parts.folder_pull import FolderPull, put
from tests.parts.repository import make_repository

LONG = 60
#: Bytes of new files after which a checkpoint is made.
DUE = 1000


class Gated(MemoryStore):
    """A store that takes no pack before the test lets it."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.open = threading.Event(), threading.Event()

    def put(self, key: str, data: bytes) -> ObjectInfo:
        if key.startswith(PACKS):
            self.asked.set()
            assert self.open.wait(LONG)
        return super().put(key, data)


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LONG
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@dataclass(kw_only=True)
class Site:
    """A server with a small and three larger files, and a capture whose checkpoints are counted.

    A checkpoint is due once the first of the larger ones has come.

    Attributes:
        taken: How many files each checkpoint had.
        before: Called before each file with its name.
        after: Called once all have been sent.
    """

    folder: Path
    store: Gated = field(default_factory=Gated)
    progress: CaptureProgress = field(default_factory=CaptureProgress)
    taken: list[int] = field(default_factory=list)
    before: Callable[[str], None] = lambda _: None
    after: Callable[[Capture], None] = lambda _: None

    def take(self, report: CheckpointReport) -> int:
        self.taken.append(report.base.files)
        return 0

    def save(self) -> int:
        """Capture it; how many files there are."""
        for name in "0123":
            content = b"content" if name == "0" else os.urandom(DUE)
            put(self.folder / "source/srv" / name, content, 10**18)
        repository = make_repository(self.store)
        staging, index = Staging(self.folder / "staging"), repository.load_index()
        staging.prepare()
        reader = BlobReader(repository, index)
        with RepositoryWriter(repository, index) as writer, staging.open_journal() as journal:
            capture = Capture(
                staging=staging,
                writer=writer,
                index=index,
                load_tree=reader.load_tree,
                load_blob=reader.load,
                progress=self.progress,
                on_file=lambda _: None,
            )
            interval = CheckpointInterval(every=timedelta(days=1), size=DUE)
            capture.make_checkpoints(CheckpointPlan(interval=interval, base=None, take=self.take))
            pull = Ending(
                source=self.folder / "source",
                image=staging.image,
                journal=journal.write,
                before=lambda file: self.before(file.name),
                after=lambda: self.after(capture),
            )
            return capture.run(SPEC, pull, None).files

    def wait_for(self, stored: int) -> None:
        wait_until(lambda: self.progress.read().stored_files == stored)


@dataclass(kw_only=True)
class Ending(FolderPull):
    """Calls `after` once all has been sent."""

    after: Callable[[], None]

    def pull(self, spec: PullSpec, on_arrival: Callable[[Arrival], None]) -> PullReport:
        report = super().pull(spec, on_arrival)
        self.after()
        return report


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(folder=tmp_path)


def test_what_comes_while_packs_are_sent_off_is_in_the_checkpoint(site: Site) -> None:
    def before(name: str) -> None:
        if name == "1":
            site.wait_for(stored=1)
        if name == "2":
            assert site.store.asked.wait(LONG), "the first file is not sent off"
        if name == "3":
            site.wait_for(stored=3)
            site.store.open.set()
            wait_until(lambda: bool(site.taken))

    site.before = before
    assert site.save() == 4
    assert site.taken[0] == 3


def test_none_is_made_once_the_pull_has_ended(site: Site) -> None:
    """Packs are under way for one at that moment; the run itself records all that it would."""

    def open_later(capture: Capture) -> None:
        assert site.store.asked.wait(LONG), "nothing is sent off"
        points = capture._points
        assert points is not None
        points._ended.wait(LONG)
        site.store.open.set()

    def after(capture: Capture) -> None:
        threading.Thread(target=open_later, args=(capture,), daemon=True).start()
        assert site.store.asked.wait(LONG)

    site.before, site.after = lambda name: site.wait_for(stored=int(name)), after
    assert site.save() == 4
    assert site.taken == []
