"""A server goes through a staging folder that could not hold it, and keeps all it is."""

import os
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from backends.capture.ledger import StoredContent
from backends.capture.pipeline import Capture
from backends.capture.progress import CaptureProgress
from backends.capture.report import CaptureReport
from backends.capture.staging import Staging
from backends.capture.vacancy import is_vacated
from backends.capture.window import Window
from backends.errors import BackendError, LocalDiskFull, StoreFull, TransferInterrupted
from backends.objectstore.memory import MemoryStore
from backends.repository.index import Index
from backends.repository.reader import BlobReader
from backends.repository.repository import Repository
from backends.repository.tree import Node, NodeType
from backends.repository.writer import RepositoryWriter
from backends.rsync.pull import RsyncPull
from backends.types import BlobId, BlobKind, PullSpec
from tests.parts.repository import make_repository
from tests.parts.requirement import require_program
from tests.parts.sshd import Sshd

MIB = 1 << 20
LIMIT = 24 * MIB


def noise(seed: int, size: int) -> bytes:
    return random.Random(seed).randbytes(size)  # noqa: S311 - repeatable test data


def allocated(folder: Path) -> int:
    """Bytes that the files below a folder take on disk, each inode once."""
    seen = dict[int, int]()
    # A folder may vanish while it is looked at; `walk` passes over it.
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                stat = os.lstat(Path(place, name))
                seen[stat.st_ino] = stat.st_blocks * 512
    return sum(seen.values())


@dataclass(kw_only=True)
class Site:
    """A server with a real sshd, its staging, and a repository in memory."""

    host: Sshd
    folder: Path
    store: MemoryStore = field(default_factory=MemoryStore)
    parent: BlobId | None = None
    sums: dict[bytes, bytes | None] = field(default_factory=dict)
    peak: int = 0

    tree: Path | None = None

    def __post_init__(self) -> None:
        self.repository = make_repository(self.store)
        self.source.mkdir(parents=True, exist_ok=True)

    @property
    def source(self) -> Path:
        return self.tree or self.folder / "source"

    @property
    def image(self) -> Path:
        return self.folder / "staging/image"

    def staged(self, name: str) -> Path:
        return self.image / str(self.source).lstrip("/") / name

    def serve(self, name: str, content: bytes) -> None:
        path = self.source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def capture(
        self,
        *,
        limit: int | None = LIMIT,
        stop: threading.Event | None = None,
        lost: BlobId | None = None,
    ) -> CaptureReport:
        """One capture through a window; the pack with `lost` has turned out damaged."""
        staging, index = Staging(self.folder / "staging"), without(self.repository, lost)
        staging.prepare()
        spec = PullSpec(
            target=self.host.target(), paths=(str(self.source),), staging=str(self.image)
        )
        reader, sums = BlobReader(self.repository, index), {}
        with (
            RepositoryWriter(self.repository, index, pack_target=MIB) as writer,
            staging.open_journal() as journal,
            self.watched(),
        ):
            window = Window(limit=limit, floor=0, staging=staging, flush=writer.flush)
            capture = Capture(
                staging=staging,
                writer=writer,
                index=index,
                load_tree=reader.load_tree,
                progress=CaptureProgress(),
                on_file=lambda record: sums.update({record.path: record.sha256}),
                sha256_before=dict(self.sums).get if self.parent or self.sums else None,
                window=window,
            )
            pull = RsyncPull(journal=journal.write, stop=stop, room=window)
            report = capture.run(spec, pull, self.parent)
        self.parent, self.sums = report.tree, sums
        if report.cut is None:
            staging.forget_journal()
        return report

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Note the most that staging takes meanwhile."""
        over = threading.Event()

        def look() -> None:
            pause = 0.02
            while not over.wait(pause):
                begun = time.monotonic()
                self.peak = max(self.peak, allocated(self.folder / "staging"))
                pause = max(0.02, 5 * (time.monotonic() - begun))

        thread = threading.Thread(target=look)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def nodes(self) -> dict[bytes, Node]:
        """Every entry below the source in the newest tree, without what is staging's own."""
        assert self.parent is not None
        reader = BlobReader(self.repository, self.repository.load_index())
        start = os.fsencode(self.source).lstrip(b"/")
        return {
            walked.path: replace(
                walked.node,
                inode=0,
                ctime_ns=0,
                atime_ns=0,
                subtree=None,
                mtime_ns=_own(walked.node),
            )
            for walked in reader.walk(self.parent)
            # Above it others work: their tests open and close the folders of the machine.
            if walked.path.startswith(start)
        }

    def saved(self) -> dict[str, bytes]:
        """The regular files of the newest tree."""
        assert self.parent is not None
        reader = BlobReader(self.repository, self.repository.load_index())
        start = f"{self.source}/".lstrip("/").encode()
        return {
            walked.path.removeprefix(start).decode(): b"".join(
                reader.load(blob, BlobKind.DATA) for blob in walked.node.content or ()
            )
            for walked in reader.walk(self.parent)
            if walked.node.type is NodeType.FILE
        }

    def served(self) -> dict[str, bytes]:
        files = (path for path in self.source.rglob("*") if path.is_file())
        return {str(path.relative_to(self.source)): path.read_bytes() for path in files}

    def stored(self) -> int:
        return sum(info.size for info in self.store.list("data/"))


def without(repository: Repository, lost: BlobId | None) -> Index:
    """The index of a repository, without the pack that holds a blob."""
    found, sound = repository.load_index(), Index()
    for pack in found.packs():
        if lost is None or pack.pack != found.pack_of(BlobKind.DATA, lost):
            sound.add_pack(pack.pack, pack.blobs)
    return sound


def _own(node: Node) -> int:
    """Its time, but for folders above the paths, which the pull has made."""
    return 0 if node.type is NodeType.DIR else node.mtime_ns


@pytest.fixture
def site(sshd: Sshd, tmp_path: Path) -> Site:
    require_program("rsync", "rsync")
    return Site(host=sshd, folder=tmp_path)


def test_a_server_larger_than_staging_goes_through_it(site: Site) -> None:
    """Two files are larger than the window each; what stays behind takes no room."""
    for number in range(2):
        site.serve(f"large{number}", noise(number, 72 * MIB))
    for number in range(300):
        site.serve(f"small/{number}", noise(number, 20_000))
    report = site.capture()
    assert report.comparison.compared == 302
    assert site.saved() == site.served()
    assert site.peak < 2 * LIMIT
    assert allocated(site.image) < MIB
    for name in ("large0", "large1"):
        assert site.staged(name).stat().st_mtime_ns == (site.source / name).stat().st_mtime_ns
    assert site.capture().pull.arrivals == 0


def test_what_is_unchanged_is_neither_sent_nor_read_again(site: Site) -> None:
    for number in range(5):
        site.serve(f"{number}", noise(number, 3 * MIB))
    site.capture()
    before = site.stored()
    site.serve("3", noise(9, 3 * MIB))
    (site.source / "4").chmod(0o640)
    (site.source / "link").hardlink_to(site.source / "2")
    (site.source / "0").unlink()
    report = site.capture()
    assert (report.pull.arrivals, report.files) == (1, 5)
    assert site.saved() == site.served()
    assert site.stored() < before + 4 * MIB


def test_nothing_that_files_can_be_at_a_server_is_lost(
    sshd: Sshd, tmp_path: Path, nasty_tree: Path
) -> None:
    """Modes, owners, times, links, devices, sparse files, attributes and names."""
    require_program("rsync", "rsync")
    through = Site(host=sshd, folder=tmp_path / "window", tree=nasty_tree)
    full = Site(host=sshd, folder=tmp_path / "full", tree=nasty_tree)
    through.capture()
    full.capture(limit=None)
    assert len(full.nodes()) > 500
    assert through.nodes() == full.nodes()
    assert through.capture().pull.arrivals == 0
    assert through.nodes() == full.nodes()


def test_a_staging_folder_that_was_full_is_emptied(site: Site) -> None:
    for number in range(5):
        site.serve(f"{number}", noise(number, 3 * MIB))
    site.capture(limit=None)
    assert allocated(site.image) > 14 * MIB
    report = site.capture()
    assert (report.pull.arrivals, report.comparison.unchanged) == (0, 5)
    assert allocated(site.image) < MIB
    assert site.saved() == site.served()


def test_a_pull_that_was_cut_is_continued_though_its_data_is_gone(site: Site) -> None:
    for number in range(40):
        site.serve(f"{number:02}", noise(number, 2 * MIB))
    stop = threading.Event()
    timer = threading.Thread(target=stop_after, args=(site, 24 * MIB, stop))
    timer.start()
    report = site.capture(stop=stop)
    timer.join()
    assert isinstance(report.cut, TransferInterrupted)
    report = site.capture()
    assert 0 < report.pull.arrivals < 40
    assert site.saved() == site.served()
    assert site.stored() < 82 * MIB


def test_a_run_that_was_killed_finds_again_what_it_had_stored(site: Site) -> None:
    """No snapshot knows the files yet: only the list beside the image does."""
    for number in range(40):
        site.serve(f"{number:02}", noise(number, 2 * MIB))
    stop = threading.Event()
    timer = threading.Thread(target=stop_after, args=(site, 24 * MIB, stop))
    timer.start()
    site.capture(stop=stop)
    timer.join()
    site.parent, site.sums = None, {}
    report = site.capture()
    assert 0 < report.pull.arrivals < 40
    assert site.saved() == site.served()


def test_what_the_repository_has_lost_is_sent_again(site: Site) -> None:
    for number in range(5):
        site.serve(f"{number}", noise(number, 3 * MIB))
    site.capture()
    site.store = MemoryStore()
    site.repository = make_repository(site.store)
    site.parent, site.sums = None, {}
    report = site.capture()
    assert report.pull.arrivals == 5
    assert site.saved() == site.served()


def test_a_file_in_a_damaged_pack_is_sent_again(site: Site) -> None:
    for number in range(5):
        site.serve(f"{number}", noise(number, 3 * MIB))
    site.capture()
    (blob, *_) = site.nodes()[str(site.staged("3").relative_to(site.image)).encode()].content or ()
    report = site.capture(lost=blob)
    assert 1 <= report.pull.arrivals < 5
    assert site.saved() == site.served()


def test_data_goes_only_once_it_is_stored(tmp_path: Path) -> None:
    staging = Staging(tmp_path)
    staging.prepare()
    place = os.fsencode(staging.image / "file")
    (staging.image / "file").write_bytes(b"content")
    stat = os.lstat(place)
    content = StoredContent(
        inode=stat.st_ino,
        size=7,
        mtime_ns=stat.st_mtime_ns,
        blobs=(),
        sha256=bytes(32),
        compared=True,
    )
    gone: list[bool] = []

    def flush() -> None:
        gone.append(is_vacated(place))
        if len(gone) == 1:
            raise StoreFull("no room")

    window = Window(limit=1, floor=0, staging=staging, flush=flush)
    window.store(place, content)
    with pytest.raises(StoreFull):
        window.settle()
    assert (staging.image / "file").read_bytes() == b"content"
    window.store(place, content)
    window.settle()
    assert (gone, is_vacated(place)) == ([False, False], True)
    assert list(staging.vacated.read()) == [content]


def test_zeros_in_staging_are_never_taken_for_data(site: Site) -> None:
    """Also by a run that knows nothing of windows and whose parent is gone."""
    site.serve("a", noise(1, 3 * MIB))
    site.capture()
    assert is_vacated(os.fsencode(site.staged("a")))
    assert site.staged("a").read_bytes() == bytes(3 * MIB)
    (site.folder / "staging/vacated.log").unlink()
    site.parent = None
    with pytest.raises(BackendError, match="is gone"):
        capture_without_window(site)
    capture_without_window(site)
    assert site.saved() == site.served()


def stop_after(site: Site, size: int, stop: threading.Event) -> None:
    while site.stored() < size:
        threading.Event().wait(0.01)
    stop.set()


def capture_without_window(site: Site) -> None:
    site.capture(limit=None)


def test_too_small_a_disk_is_refused_with_figures(tmp_path: Path) -> None:
    from backends.capture.window import ensure_room  # noqa: PLC0415

    with pytest.raises(LocalDiskFull, match=r"1000 files need \d+"):
        ensure_room(tmp_path, limit=1 << 60, files=1000)
