"""What a capture keeps in memory for each file and each byte, whatever the size of the server."""

import os
import random
import time
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
import xxhash

from backends.capture.cadence import CheckpointInterval
from backends.capture.checkpoints import CheckpointPlan, CheckpointReport
from backends.capture.pipeline import Capture
from backends.capture.progress import CaptureProgress
from backends.capture.staging import Staging
from backends.capture.window import Window
from backends.objectstore.directory import DirectoryStore
from backends.repository.filetimes import format_time
from backends.repository.reader import BlobReader
from backends.repository.repository import Repository
from backends.repository.writer import RepositoryWriter
from backends.rsync.changes import ChangedPaths
from backends.rsync.output import parse_line
from backends.types import Arrival, PullReport, PullSpec, SshTarget
from daemon.services.earlier_sums import EarlierSums, empty_listing
from daemon.services.listing import SumsListing, edit_listing
from tests.parts.repository import CHEAP, PASSWORD

TARGET = SshTarget(
    alias="web-1", host="192.0.2.7", user="backup", identity="/none", host_key="ssh-ed25519 AAAA"
)
SPEC = PullSpec(target=TARGET, paths=("/srv",), staging="")
#: Entries of one folder have to be in memory at the same time.
FOLDER = 100
#: Bytes of a pack: few, so that what differs from run to run stays small beside what is measured.
PACK = 64 << 10


@dataclass(kw_only=True)
class Sender:
    """A server that sends made-up files, none of which it keeps in memory."""

    image: Path
    journal: Callable[[bytes], object]
    files: int
    size: int
    #: Called before the last file is sent, and after it.
    pause: tuple[Callable[[], None], Callable[[], None]]
    rsync_version: str = "3.5.0"

    def pull(self, _: PullSpec, on_arrival: Callable[[Arrival], None]) -> PullReport:
        changes = ChangedPaths()
        for number, (path, content) in enumerate(self.sent(), start=1):
            if number == self.files:
                self.pause[0]()
            self.write(f"{self.image}/{path}", content)
            checksum = xxhash.xxh3_128_hexdigest(content)
            line = f">f+++++++++ {len(content)} {len(content)} {checksum} {path}\n".encode()
            arrival = parse_line(line)
            assert isinstance(arrival, Arrival)
            self.journal(line)
            changes.note(arrival)
            on_arrival(arrival)
        self.pause[1]()
        return PullReport(
            complete=True,
            arrivals=self.files,
            received_bytes=0,
            omissions=(),
            vanished=(),
            seconds=1.0,
            attempts=1,
            rsync_version=self.rsync_version,
            changed=changes.all(),
        )

    def write(self, place: str, content: bytes) -> None:
        """Without pathlib, whose table of names would be measured as well."""
        os.makedirs(os.path.dirname(place), exist_ok=True)  # noqa: PTH103, PTH120 - see above
        with open(place, "wb") as file:  # noqa: PTH123 - see above
            file.write(content)

    def sent(self) -> Iterator[tuple[str, bytes]]:
        """Each path with its content, which does not compress and repeats nowhere."""
        chance = random.Random(self.files)  # noqa: S311 - repeatable test data
        for number in range(self.files):
            path = f"srv/folder-{number // FOLDER:05}/some-file-{number:07}.txt"
            yield path, chance.randbytes(self.size)


def wait_until(is_so: Callable[[], bool]) -> None:
    """Look again and again."""
    deadline = time.monotonic() + 120
    while not is_so():
        assert time.monotonic() < deadline, "It did not come about."
        time.sleep(0.01)


def peak_of(folder: Path, *, files: int, size: int, checkpoint: bool = False) -> int:
    """The most bytes that Python held at a time in a first capture of so many files.

    With a checkpoint, one is made of all of them as soon as the last has arrived.
    """
    (folder / "store").mkdir(parents=True)
    repository = Repository.create(DirectoryStore(folder / "store"), PASSWORD, cost=CHEAP)
    staging, index = Staging(folder / "staging"), repository.load_index()
    staging.prepare()
    reader = BlobReader(repository, index)
    listing = SumsListing(staging.image, EarlierSums(None))
    progress = CaptureProgress()
    all_stored = partial(wait_until, lambda: progress.read().stored_files >= files - 1)
    checkpoint_made = partial(wait_until, lambda: progress.read().safe_files >= files - 1)
    window = Window(limit=None, floor=0, staging=staging, flush=lambda: None)
    with (
        RepositoryWriter(repository, index, workers=1, uploads=1, pack_target=PACK) as writer,
        staging.open_journal() as journal,
    ):
        capture = Capture(
            staging=staging,
            writer=writer,
            index=index,
            load_tree=reader.load_tree,
            progress=progress,
            on_file=listing.add,
            workers=1,
            window=window,
        )
        capture.make_checkpoints(
            CheckpointPlan(
                interval=CheckpointInterval(
                    every=timedelta(days=1), size=files * size if checkpoint else 1 << 60
                ),
                base=None,
                take=lambda report: keep_listing(report, staging),
            )
        )
        sender = Sender(
            image=staging.image,
            journal=journal.write,
            files=files,
            size=size,
            pause=(all_stored, checkpoint_made) if checkpoint else (lambda: None, lambda: None),
        )
        format_time.cache_clear()  # or it is full of what was put there before anybody counted
        tracemalloc.start()
        try:
            report = capture.run(SPEC, sender, None)
            sums = listing.finish()
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert (report.files, report.comparison.compared) == (files, files)
    assert sums
    return peak


def keep_listing(report: CheckpointReport, staging: Staging) -> int:
    """What a run does with every file of a checkpoint."""
    listing = edit_listing(EarlierSums(empty_listing), report.edition, staging.image)
    return len(listing.large)


@pytest.fixture(autouse=True)
def small_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is bounded is so by few files already: a thousand show what a million would."""
    monkeypatch.setattr("backends.repository.uploads.INDEX_BLOBS", 200)
    monkeypatch.setattr("backends.capture.intake.QUEUE_LENGTH", 200)
    # How many trees wait to be sealed depends on which thread gets its turn: let few bytes wait.
    monkeypatch.setattr("backends.repository.sealing._BATCH_BYTES", 4 << 10)


def bytes_a_file(folder: Path, *, checkpoint: bool = False) -> float:
    """What one more file takes, where what is loaded on first use is there already."""
    few, many = 4_500, 6_500
    peak_of(folder / "first", files=FOLDER, size=64, checkpoint=checkpoint)
    less = peak_of(folder / "few", files=few, size=64, checkpoint=checkpoint)
    more = peak_of(folder / "many", files=many, size=64, checkpoint=checkpoint)
    return (more - less) / (many - few)


def test_a_file_more_costs_a_few_hundred_bytes(tmp_path: Path) -> None:
    """Its place in the index and the ledger, its path, its line in the listing.

    As values these took 760. Caches of times and names are full in either case.
    """
    assert bytes_a_file(tmp_path) < 450


def test_a_checkpoint_costs_little_more_for_each_file_in_it(tmp_path: Path) -> None:
    """Its name among those that are looked at, and its digest, a few times for a moment.

    As values and lines in memory all at once, its files took 930 each.
    """
    assert bytes_a_file(tmp_path, checkpoint=True) < 600


def test_bytes_cost_nothing(tmp_path: Path) -> None:
    """Three times as much of the same kind, in files that are cut."""
    less = peak_of(tmp_path / "less", files=10, size=2 << 20)
    more = peak_of(tmp_path / "more", files=30, size=2 << 20)

    # As many pieces are under way at a time, but not always the same ones.
    assert more - less < 16 << 20
