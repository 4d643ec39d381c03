"""What is in a checkpoint: all that had come by its cut, which is made as late as can be."""

import os
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from backends.capture.cadence import CheckpointInterval
from backends.capture.checkpoints import CheckpointPlan, CheckpointReport
from backends.capture.pipeline import Capture
from backends.capture.progress import CaptureProgress
from backends.capture.staging import Staging
from backends.objectstore.memory import MemoryStore
from backends.repository.pack import PACKS
from backends.repository.reader import BlobReader
from backends.repository.writer import RepositoryWriter
from backends.types import ObjectInfo
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


def test_what_comes_while_packs_are_sent_off_is_in_the_checkpoint(tmp_path: Path) -> None:
    store, taken = Gated(), list[int]()
    repository, progress = make_repository(store), CaptureProgress()
    staging, index = Staging(tmp_path / "staging"), repository.load_index()
    staging.prepare()
    for name in "0123":
        put(tmp_path / "source/srv" / name, b"content" if name == "0" else os.urandom(DUE), 10**18)

    def take(report: CheckpointReport) -> int:
        taken.append(report.base.files)
        return 0

    def before(file: Path) -> None:
        if file.name == "1":
            wait_until(lambda: progress.read().stored_files == 1)
        if file.name == "2":
            assert store.asked.wait(LONG), "the first file is not sent off"
        if file.name == "3":
            wait_until(lambda: progress.read().stored_files == 3)
            store.open.set()
            wait_until(lambda: bool(taken))

    reader = BlobReader(repository, index)
    with RepositoryWriter(repository, index) as writer, staging.open_journal() as journal:
        capture = Capture(
            staging=staging,
            writer=writer,
            index=index,
            load_tree=reader.load_tree,
            load_blob=reader.load,
            progress=progress,
            on_file=lambda _: None,
        )
        interval = CheckpointInterval(every=timedelta(days=1), size=DUE)
        capture.make_checkpoints(CheckpointPlan(interval=interval, base=None, take=take))
        source, image = tmp_path / "source", staging.image
        pull = FolderPull(source=source, image=image, journal=journal.write, before=before)
        assert capture.run(SPEC, pull, None).files == 4
    assert taken[0] == 3
