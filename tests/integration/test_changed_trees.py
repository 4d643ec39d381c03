"""A tree made from what rsync names as changed is the tree of the whole image, to the byte.

Real rsync, real sshd; whatever happens at the source between two pulls.
"""

import os
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from backends.capture.edition import ImageBase
from backends.capture.pipeline import Capture
from backends.capture.progress import CaptureProgress
from backends.capture.report import CaptureReport
from backends.capture.staging import Staging
from backends.objectstore.memory import MemoryStore
from backends.protocols import SourcePull
from backends.repository.reader import BlobReader
from backends.repository.repository import Repository
from backends.repository.writer import RepositoryWriter
from backends.rsync.pull import RsyncPull
from backends.types import Arrival, BlobId, BlobKind, PullReport, PullSpec
from daemon.services.earlier_sums import EarlierSums, read_listing
from daemon.services.listing import Listing, SumsListing, edit_listing
from tests.parts.repository import make_repository
from tests.parts.requirement import require_program
from tests.parts.sshd import Sshd

NAMES = ["a", "b", "c", "d", "é", "two\nlines", "a.txt", "a-"]
Act = Callable[["Site", random.Random], None]


class Nothing:
    """A pull that brings nothing, after which the whole image is walked."""

    rsync_version = "3.5.0"

    def pull(self, spec: PullSpec, on_arrival: Callable[[Arrival], None]) -> PullReport:
        del spec, on_arrival
        return PullReport(
            complete=True,
            arrivals=0,
            received_bytes=0,
            omissions=(),
            vanished=(),
            seconds=0,
            attempts=1,
            rsync_version="3.5.0",
        )


@dataclass
class Site:
    """A source, its staging, and a repository that both ways of recording write to."""

    folder: Path
    sshd: Sshd
    repository: Repository
    excludes: tuple[str, ...] = ()
    parent: BlobId | None = None
    base: ImageBase | None = None
    listing: Listing | None = None
    clock: int = 10**18
    edited: int = field(default=0)

    @property
    def source(self) -> Path:
        return self.folder / "source"

    @property
    def top(self) -> Path:
        return self.source / "srv"

    @property
    def staging(self) -> Path:
        return self.folder / "staging"

    @property
    def spec(self) -> PullSpec:
        return PullSpec(
            target=self.sshd.target("web-1"),
            paths=("/srv",),
            staging=str(self.staging / "image"),
            source_root=str(self.source),
            excludes=self.excludes,
        )

    def touch(self, path: Path) -> None:
        """Another time each time, since nothing else tells rsync of a change."""
        self.clock += 1_000_000_007
        os.utime(path, ns=(self.clock, self.clock), follow_symlinks=False)

    def record(self, pull: SourcePull, base: ImageBase | None) -> tuple[CaptureReport, Listing]:
        """One capture against the parent, and its listing of checksums."""
        staging, index = Staging(self.staging), self.repository.load_index()
        staging.prepare()
        reader = BlobReader(self.repository, index)
        kept = self.listing
        sums = kept.kept_in(staging.root) if kept else EarlierSums(None)
        listing = SumsListing(staging.image, sums)
        with RepositoryWriter(self.repository, index) as writer:
            report = Capture(
                staging=staging,
                writer=writer,
                index=index,
                load_tree=reader.load_tree,
                load_blob=lambda tree: reader.load(tree, BlobKind.TREE),
                progress=CaptureProgress(),
                on_file=listing.add,
                sha256_before=sums.find,
                base=base,
            ).run(self.spec, pull, self.parent)
        if report.edition:
            return report, edit_listing(sums, report.edition, staging.image)
        found = listing.finish()
        # What an auditor is given, with nothing but the repository and the stored lines.
        alone = EarlierSums(lambda: found.large, sha256=found.sha256)
        assert list(alone.read(lambda: reader.walk(report.tree))) == list(
            found.kept_in(staging.root).read(list)
        )
        return report, found

    def save(self) -> CaptureReport:
        """A run; its tree is compared with that of a walk over everything."""
        report, listing = self.record(RsyncPull(), self.base)
        whole, listed = self.record(Nothing(), None)
        assert report.base
        assert whole.base
        assert report.tree == whole.tree
        assert listing.sha256 == listed.sha256
        assert list(read_listing(listing.large)) == list(read_listing(listed.large))
        assert whole.base.packs <= report.base.packs
        assert replace(report.base, packs=frozenset()) == replace(whole.base, packs=frozenset())
        assert report.files == sum(
            (report.comparison.compared, report.comparison.unchanged, report.comparison.uncompared)
        )
        self.parent, self.base, self.listing = report.tree, report.base, listing
        self.edited += report.edition is not None
        return report

    def files(self) -> list[Path]:
        return sorted(p for p in self.top.rglob("*") if p.is_file() and not p.is_symlink())

    def entries(self) -> list[Path]:
        return sorted(self.top.rglob("*"))

    def folders(self) -> list[Path]:
        return [self.top, *sorted(p for p in self.entries() if p.is_dir() and not p.is_symlink())]


def remove(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def free(site: Site, rng: random.Random) -> Path:
    """A place with nothing there."""
    folder = rng.choice(site.folders())
    place = folder / rng.choice(NAMES)
    if os.path.lexists(place):
        remove(place)
    return place


def make_file(site: Site, rng: random.Random) -> None:
    place = free(site, rng)
    place.write_bytes(rng.randbytes(rng.choice([0, 7, 700])))
    site.touch(place)


def make_folder(site: Site, rng: random.Random) -> None:
    place = free(site, rng)
    place.mkdir()
    if rng.random() < 0.7:
        (place / "inside").write_bytes(b"x")


def change_content(site: Site, rng: random.Random) -> None:
    if files := site.files():
        place = rng.choice(files)
        place.write_bytes(rng.randbytes(9))
        site.touch(place)


def change_attributes(site: Site, rng: random.Random) -> None:
    place = rng.choice(site.folders() + site.files())
    kind = rng.randrange(4)
    if kind == 0:
        place.chmod(rng.choice([0o700, 0o755, 0o1777, 0o4711]))
    elif kind == 1:
        os.chown(place, rng.randrange(9), rng.randrange(9))
    elif kind == 2:
        os.setxattr(place, "user.colour", rng.randbytes(3))
    else:
        site.touch(place)


def make_link(site: Site, rng: random.Random) -> None:
    place = free(site, rng)
    place.symlink_to(rng.choice(NAMES))


def make_pipe(site: Site, rng: random.Random) -> None:
    os.mkfifo(free(site, rng))


def make_hard_link(site: Site, rng: random.Random) -> None:
    place = free(site, rng)
    if files := site.files():
        place.hardlink_to(rng.choice(files))


def delete(site: Site, rng: random.Random) -> None:
    if entries := site.entries():
        remove(rng.choice(entries))


def rename(site: Site, rng: random.Random) -> None:
    if entries := site.entries():
        moved = rng.choice(entries)
        place = free(site, rng)
        if os.path.lexists(moved) and not place.is_relative_to(moved):
            moved.rename(place)


def change_excludes(site: Site, rng: random.Random) -> None:
    site.excludes = rng.choice([(), ("a",), ("/srv/b", "*.txt")])


ACTS: list[Act] = [
    make_file,
    make_folder,
    change_content,
    change_attributes,
    make_link,
    make_pipe,
    make_hard_link,
    delete,
    rename,
    change_excludes,
]


@contextmanager
def a_site(sshd: Sshd) -> Iterator[Site]:
    folder = Path(tempfile.mkdtemp(prefix="lapseguard-"))
    try:
        site = Site(folder=folder, sshd=sshd, repository=make_repository(MemoryStore()))
        for name in ("1", "deep/2", "deep/er/3", "deep/er/4", "twin/5"):
            place = site.top / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(name.encode())
        (site.top / "twin/6").hardlink_to(site.top / "twin/5")
        (site.top / "deep/7").hardlink_to(site.top / "twin/5")
        yield site
    finally:
        shutil.rmtree(folder)


@pytest.fixture(autouse=True)
def _programs() -> None:
    require_program("rsync", "rsync")


@settings(
    max_examples=12,
    deadline=None,
    # Each example is a few pulls; a failing one is told by its acts and seed, not by its size.
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    rounds=st.lists(st.lists(st.sampled_from(ACTS), max_size=5), min_size=1, max_size=4),
    seed=st.integers(0, 2**32),
)
def test_whatever_changes_the_tree_is_that_of_the_whole_image(
    sshd: Sshd, rounds: list[list[Act]], seed: int
) -> None:
    rng = random.Random(seed)  # noqa: S311 - the same changes each time
    with a_site(sshd) as site:
        site.save()
        for acts in rounds:
            for act in acts:
                act(site, rng)
            site.save()


def test_only_what_changed_is_looked_at(sshd: Sshd) -> None:
    with a_site(sshd) as site:
        site.save()
        place = site.top / "deep/er/3"
        place.write_bytes(b"changed")
        site.touch(place)
        report = site.save()
        assert report.edition
        assert [record.path for record in report.edition.records] == [b"srv/deep/er/3"]
        assert (report.comparison.compared, report.comparison.unchanged) == (1, 6)


def test_a_file_changed_by_one_name_is_changed_by_all(sshd: Sshd) -> None:
    with a_site(sshd) as site:
        site.save()
        (site.top / "twin/6").chmod(0o600)
        report = site.save()
        assert report.edition
        names = {b"srv/twin/5", b"srv/twin/6", b"srv/deep/7"}
        assert {record.path for record in report.edition.records} == names


def test_a_name_that_goes_changes_the_others(sshd: Sshd) -> None:
    with a_site(sshd) as site:
        site.save()
        (site.top / "twin/6").unlink()
        report = site.save()
        assert report.edition
        assert {record.path for record in report.edition.records} == {b"srv/twin/5", b"srv/deep/7"}


def test_a_second_name_of_which_the_first_is_unknown_calls_for_a_walk(sshd: Sshd) -> None:
    with a_site(sshd) as site:
        site.save()
        (site.top / "deep/er/again").hardlink_to(site.top / "1")
        assert site.save().edition is None
        (site.top / "deep/er/and again").hardlink_to(site.top / "1")
        assert site.save().edition is not None
