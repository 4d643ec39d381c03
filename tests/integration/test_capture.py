"""A capture from staging to trees: what is compared, taken over, announced twice, or in doubt."""

import os
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from backends.capture.pipeline import Capture
from backends.capture.progress import CaptureProgress
from backends.capture.report import CaptureReport
from backends.capture.staging import Staging
from backends.capture.window import Window
from backends.repository.reader import BlobReader
from backends.repository.repository import Repository
from backends.repository.writer import RepositoryWriter
from backends.types import BlobId, BlobKind, PullSpec, SshTarget
from tests.parts.folder_pull import FolderPull, line_of, put

TARGET = SshTarget(
    alias="web-1", host="192.0.2.7", user="backup", identity="/none", host_key="ssh-ed25519 AAAA"
)
SPEC = PullSpec(target=TARGET, paths=("/srv",), staging="")

#: Where staging has no data, the server is asked again instead, see test_window.
WITH_ITS_DATA = pytest.mark.parametrize("bench", ["full"], indirect=True)


@dataclass(kw_only=True)
class Bench:
    """A server, its staging, and a repository in memory that captures go to."""

    folder: Path
    repository: Repository
    windowed: bool = False
    parent: BlobId | None = None
    sums: dict[bytes, bytes | None] = field(default_factory=dict)

    @property
    def source(self) -> Path:
        return self.folder / "source"

    @property
    def staging(self) -> Path:
        return self.folder / "staging"

    @property
    def image(self) -> Path:
        return self.staging / "image"

    def serve(self, name: str, content: bytes, mtime_ns: int = 10**18) -> None:
        """The server has a file."""
        put(self.source / name, content, mtime_ns)

    def capture(self, *, workers: int = 2, **pull: object) -> tuple[CaptureReport, list[str]]:
        """One capture, and the names of the files that were sent for it."""
        staging, index = Staging(self.staging), self.repository.load_index()
        staging.prepare()
        reader, sums = BlobReader(self.repository, index), {}
        with RepositoryWriter(self.repository, index) as writer, staging.open_journal() as journal:
            capture = Capture(
                staging=staging,
                writer=writer,
                index=index,
                load_tree=reader.load_tree,
                progress=CaptureProgress(),
                on_file=lambda record: sums.update({record.path: record.sha256}),
                sha256_before=dict(self.sums).get if self.parent or self.sums else None,
                workers=workers,
                window=self.window(staging, writer),
            )
            puller = FolderPull(
                source=self.source,
                image=self.image,
                journal=journal.write,
                **pull,  # type: ignore[arg-type]  # as given by the test
            )
            report = capture.run(SPEC, puller, self.parent)
        self.parent, self.sums = report.tree, sums
        return report, puller.sent

    def window(self, staging: Staging, writer: RepositoryWriter) -> Window | None:
        """Staging keeps nothing of what is stored, if this bench wants it so."""
        if not self.windowed:
            return None
        return Window(limit=1, floor=0, staging=staging, flush=writer.flush)

    def finish(self) -> None:
        """The manifest is written."""
        Staging(self.staging).forget_journal()

    def break_off(self, at: str) -> None:
        """A capture that ends before the file `at`, with no time to write anything down."""

        def cut(file: Path) -> None:
            if file == self.source / at:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            self.capture(before=cut)

    def read(self, tree: BlobId, name: str) -> bytes:
        """A file's content in the repository."""
        reader = BlobReader(self.repository, self.repository.load_index())
        node = next(walked.node for walked in reader.walk(tree) if walked.path == name.encode())
        return b"".join(reader.load(blob, BlobKind.DATA) for blob in node.content or ())


@pytest.fixture(params=["full", "window"])
def bench(tmp_path: Path, repository: Repository, request: pytest.FixtureRequest) -> Bench:
    windowed = request.param == "window"
    bench = Bench(folder=tmp_path, repository=repository, windowed=windowed)
    for number in range(3):
        bench.serve(f"srv/{number}", b"content %d" % number)
    return bench


def test_every_file_that_was_sent_is_compared(bench: Bench) -> None:
    report, sent = bench.capture()
    assert sent == ["srv/0", "srv/1", "srv/2"]
    found = report.comparison
    assert (found.compared, found.unchanged, found.uncompared, found.mismatched) == (3, 0, 0, 0)
    assert bench.read(report.tree, "srv/1") == b"content 1"


def test_what_a_cut_pull_delivered_is_compared_by_its_journal(bench: Bench) -> None:
    bench.break_off("srv/2")
    report, sent = bench.capture()
    assert sent == ["srv/2"]
    assert (report.comparison.compared, report.comparison.uncompared) == (3, 0)


def test_a_file_that_changed_since_the_cut_is_no_mismatch(bench: Bench) -> None:
    """The journal has the old content's checksum, and is read when the new content is in place."""
    bench.break_off("srv/2")
    bench.serve("srv/0", b"longer than it was")
    held = bench.image / "srv/held"
    os.mkfifo(held)
    journal = bench.staging / "arrivals.log"
    journal.write_bytes(line_of("srv/held", b"") + journal.read_bytes())

    def release(file: Path) -> None:
        if file.name == "2":
            held.write_bytes(b"")  # returns when the intake, which does one thing at a time, reads

    report, sent = bench.capture(before=release, workers=1)
    assert sent == ["srv/0", "srv/2"]
    assert (report.comparison.compared, report.comparison.mismatched) == (3, 0)
    assert report.omissions == ()
    assert bench.read(report.tree, "srv/0") == b"longer than it was"


def test_a_file_that_became_a_folder_since_the_cut_is_no_obstacle(bench: Bench) -> None:
    bench.break_off("srv/2")
    (bench.source / "srv/0").unlink()
    bench.serve("srv/0/inside", b"new")
    (bench.image / "srv/0").unlink()
    (bench.image / "srv/0").mkdir()
    report, _ = bench.capture()
    assert (report.comparison.compared, report.files) == (3, 3)


def test_a_file_whose_line_was_lost_is_sent_again(bench: Bench) -> None:
    """A killed run leaves a file in place that the journal does not know."""
    bench.break_off("srv/2")
    journal = bench.staging / "arrivals.log"
    first, second = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(first + second[:-20])
    report, sent = bench.capture()
    assert sent == ["srv/1", "srv/2"]
    assert (report.comparison.compared, report.comparison.uncompared) == (3, 0)


def test_what_the_parent_knows_is_not_sent_again_after_a_cut(bench: Bench) -> None:
    bench.capture()
    bench.finish()
    bench.serve("srv/3", b"new")
    bench.serve("srv/4", b"new too")
    bench.break_off("srv/4")
    report, sent = bench.capture()
    assert sent == ["srv/4"]
    assert (report.comparison.compared, report.comparison.unchanged) == (2, 3)


def test_an_image_that_outlives_its_repository_is_compared_anew(bench: Bench) -> None:
    bench.capture()
    bench.finish()
    bench.parent, bench.sums = None, {}
    report, sent = bench.capture()
    assert sent == ["srv/0", "srv/1", "srv/2"]
    assert report.comparison.compared == 3


@WITH_ITS_DATA
def test_a_lost_parent_is_replaced_by_its_listing(bench: Bench) -> None:
    """`restic forget` took the snapshot, but what each file's digest was is still known."""
    bench.capture()
    bench.finish()
    bench.parent = None
    report, sent = bench.capture()
    assert sent == []
    assert (report.comparison.unchanged, report.comparison.uncompared) == (3, 0)


@WITH_ITS_DATA
def test_what_only_staging_vouches_for_is_not_called_compared(bench: Bench) -> None:
    """Neither rsync's line nor the parent knows these bytes."""
    bench.capture()
    bench.finish()
    os.utime(bench.image / "srv/1", ns=(5, 5))
    os.truncate(bench.image / "srv/1", 3)
    os.utime(bench.source / "srv/1", ns=(5, 5))
    os.truncate(bench.source / "srv/1", 3)
    os.utime(bench.source / "srv/1", ns=(5, 5))
    os.utime(bench.image / "srv/1", ns=(5, 5))
    report, sent = bench.capture()
    assert sent == []
    assert (report.comparison.unchanged, report.comparison.uncompared) == (2, 1)


def test_an_orderly_end_leaves_nothing_in_doubt(bench: Bench) -> None:
    bench.capture()
    bench.finish()
    report, sent = bench.capture()
    assert sent == []
    assert (report.comparison.unchanged, report.comparison.uncompared) == (3, 0)


def test_new_attributes_do_not_take_the_comparison_away(bench: Bench) -> None:
    bench.capture()
    bench.finish()
    os.setxattr(bench.image / "srv/1", "user.note", b"new at the source")
    report, _ = bench.capture()
    assert (report.comparison.unchanged, report.comparison.uncompared) == (3, 0)


def test_a_journal_that_speaks_of_older_content_is_not_believed(bench: Bench) -> None:
    """Twice killed: the line of the second content is lost, that of the first one is there."""
    bench.break_off("srv/2")
    for folder in (bench.source, bench.image):
        put(folder / "srv/0", b"CONTENT 0", 5)
    report, sent = bench.capture()
    assert sent == ["srv/2", "srv/0"]
    assert (report.comparison.compared, report.comparison.mismatched) == (3, 0)
    assert report.pull.attempts == 2
    assert bench.read(report.tree, "srv/0") == b"CONTENT 0"


def test_a_file_that_became_a_link_since_the_cut_is_no_mismatch(bench: Bench) -> None:
    """In staging a link is a file too, whose content is the target."""
    bench.break_off("srv/2")
    for folder in (bench.source, bench.image):
        put(folder / "srv/0", b"elsewhere", 5)
        os.setxattr(folder / "srv/0", "user.rsync.%stat", b"120777 0,0 0:0")
    report, _ = bench.capture()
    assert (report.comparison.mismatched, report.omissions) == (0, ())
    assert (report.files, report.others, report.pull.attempts) == (2, 1, 1)


def test_bytes_that_were_spoilt_on_the_way_are_sent_again_at_once(bench: Bench) -> None:
    report, sent = bench.capture(spoilt="srv/1", spoilt_once=True)
    assert sent == ["srv/0", "srv/1", "srv/2", "srv/1"]
    assert (report.comparison.compared, report.comparison.mismatched) == (3, 0)
    assert bench.read(report.tree, "srv/1") == b"content 1"


def test_bytes_that_are_not_the_sources_are_left_out_and_sent_again(bench: Bench) -> None:
    report, _ = bench.capture(spoilt="srv/1")
    assert report.comparison.mismatched == 1
    assert [omission.path for omission in report.omissions] == [b"srv/1"]
    bench.finish()
    report, sent = bench.capture()
    assert (sent, report.omissions) == (["srv/1"], ())
    assert bench.read(report.tree, "srv/1") == b"content 1"
