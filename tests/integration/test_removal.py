"""What the server has no more leaves staging alike, whether rsync deletes it or we do by name."""
# Names are raw bytes here, which pathlib cannot hold.
# ruff: noqa: PTH102, PTH103, PTH118, PTH120, PTH123, PTH211

import dataclasses
import errno
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from backends.rsync.pull import RsyncPull
from backends.types import PullBudget, PullReport, PullSpec
from tests.parts.requirement import require_program
from tests.parts.sshd import Sshd
from tests.parts.tree_comparison import compare_trees

_BEGUN_NS = 1_700_000_000_123_456_789
_NAMES = (b"a", b"b", b"c => a", b"\\#012", b"two\nlines", b"\xff", b" x ", b"-> y", b"f.ABCDEF")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """One entry of a server: where, what, and from when."""

    path: tuple[bytes, ...]
    kind: str
    age: int


_PATHS = st.lists(st.sampled_from(_NAMES), min_size=1, max_size=3).map(tuple)
_KINDS = st.sampled_from(("file", "file", "folder", "symlink", "fifo", "link", "link"))
_TREES = st.lists(
    st.builds(Made, path=_PATHS, kind=_KINDS, age=st.integers(0, 2)), min_size=3, max_size=14
)


@pytest.fixture(autouse=True)
def _programs() -> None:
    require_program("rsync", "rsync")


class Both:
    """One server and two images of it, in one of which rsync itself deletes."""

    def __init__(self, server: Sshd, folder: Path) -> None:
        self.source = folder / "source"
        self.source.mkdir()
        self.by_name, self.by_rsync = folder / "by name/image", folder / "by rsync/image"
        self._server = server

    def pull(self, **changes: object) -> PullReport:
        """Pull into both; they are equal afterwards, and the same is said to have changed."""
        spec = PullSpec(
            target=self._server.target(), paths=(str(self.source),), staging=str(self.by_name)
        )
        spec = dataclasses.replace(spec, **changes)
        # What a pull that did not end in order leaves behind.
        Path(f"{self.by_rsync}~pull/partial").mkdir(parents=True, exist_ok=True)
        report = RsyncPull().pull(spec, lambda _: None)
        expected = RsyncPull().pull(
            dataclasses.replace(spec, staging=str(self.by_rsync)), lambda _: None
        )
        below = self.source.relative_to("/")
        assert compare_trees(self.by_rsync / below, self.by_name / below) == []
        assert self._changed(report) == self._changed(expected)
        assert report.arrivals == expected.arrivals
        return report

    def holds(self, name: str) -> bool:
        """Whether the images have it."""
        return (self.by_name / self.source.relative_to("/") / name).exists()

    def _changed(self, report: PullReport) -> set[bytes] | None:
        """Without the folders above, which are everybody's."""
        if report.changed is None:
            return None
        top = os.fsencode(self.source)[1:]
        return {path for path in report.changed if path.startswith(top)}


def make(top: Path, entries: Sequence[Made]) -> None:
    """Make what can be made of them in a folder, which is empty."""
    files: list[bytes] = []
    for entry in entries:
        place = os.path.join(os.fsencode(top), *entry.path)
        try:
            os.makedirs(os.path.dirname(place), exist_ok=True)
            _make(place, entry, files)
        except OSError as error:
            if error.errno not in {errno.EEXIST, errno.ENOENT, errno.ENOTDIR}:
                raise
    for entry in sorted(entries, key=lambda entry: -len(entry.path)):
        place = os.path.join(os.fsencode(top), *entry.path)
        if os.path.lexists(place):
            _set_time(place, entry.age)
    _set_time(os.fsencode(top), 0)


def _make(place: bytes, entry: Made, files: list[bytes]) -> None:
    match entry.kind:
        case "folder":
            os.mkdir(place)
        case "symlink":
            os.symlink(b"nowhere", place)
        case "fifo":
            os.mkfifo(place)
        case "link" if files:
            os.link(files[entry.age % len(files)], place)
        case _:
            with open(place, "xb") as stream:
                # Of one length: which of two files it is, only its name and time tell.
                stream.write(b"same")
            files.append(place)


def _set_time(place: bytes, age: int) -> None:
    time = _BEGUN_NS + age
    os.utime(place, ns=(time, time), follow_symlinks=False)


@contextmanager
def two_images(server: Sshd) -> Iterator[Both]:
    """In a place that any user can reach, unlike pytest's own."""
    with tempfile.TemporaryDirectory(prefix="lapseguard ") as folder:
        Path(folder).chmod(0o755)
        yield Both(server, Path(folder))


@given(states=st.lists(_TREES, min_size=2, max_size=3), excluded=st.sampled_from((None, "a", "b*")))
# Unshrunk: a pull takes a second, and a tree has no more than a few names.
@settings(max_examples=3, phases=(Phase.explicit, Phase.reuse, Phase.generate))
def test_whatever_becomes_of_a_server_both_images_are_equal(
    sshd: Sshd, states: list[list[Made]], excluded: str | None
) -> None:
    """Files, folders, links and pipes take each other's places, names come and go."""
    with two_images(sshd) as both:
        for entries in states:
            shutil.rmtree(both.source)
            both.source.mkdir()
            make(both.source, entries)
            report = both.pull(excludes=(excluded,) if excluded else ())
            assert report.complete
            assert report.attempts == 1


def test_a_file_takes_the_place_of_a_folder_whatever_that_held(sshd: Sshd) -> None:
    with two_images(sshd) as both:
        (both.source / "place/sub").mkdir(parents=True)
        for name in ("place/sub/file", "place/since excluded.tmp"):
            (both.source / name).touch()
        both.pull()
        shutil.rmtree(both.source / "place")
        (both.source / "place").write_bytes(b"a file now")

        report = both.pull(excludes=("*.tmp",))
        assert report.complete
        assert report.attempts == 1


def test_what_a_folder_that_cannot_be_listed_had_stays(unprivileged_sshd: Sshd) -> None:
    """Rsync deletes nothing then, and neither does anybody else; once it can, both do."""
    with two_images(unprivileged_sshd) as both:
        for name in ("closed", "open"):
            (both.source / name).mkdir()
            (both.source / name / "file").touch()
        both.pull()
        (both.source / "closed").chmod(0)
        (both.source / "open/file").unlink()

        assert not both.pull().complete
        assert both.holds("closed/file")

        (both.source / "closed").chmod(0o755)
        assert both.pull().complete
        assert both.holds("closed/file")
        assert not both.holds("open/file")


def test_a_file_that_has_grown_too_large_stays_as_it_was(sshd: Sshd) -> None:
    with two_images(sshd) as both:
        for name in ("grown", "gone"):
            (both.source / name).write_bytes(b"little")
        both.pull()
        (both.source / "grown").write_bytes(bytes(5000))
        (both.source / "gone").unlink()

        assert not both.pull(budget=PullBudget(max_file_bytes=4000)).complete
        assert both.holds("grown")
        assert not both.holds("gone")


def test_nothing_is_missed_after_a_path_that_was_pulled_by_itself(sshd: Sshd) -> None:
    with two_images(sshd) as both:
        for name in ("first", "second"):
            (both.source / name).mkdir()
            (both.source / name / "gone").touch()
        paths = tuple(str(both.source / name) for name in ("first", "second"))
        both.pull(paths=paths)
        for name in ("first", "second"):
            (both.source / name / "gone").unlink()

        both.pull(paths=paths, only=paths[:1])
        assert both.holds("second/gone")
        # Where something is left undone, rsync deletes the next time, which takes longer.
        assert not Path(f"{both.by_name}~pull/partial").exists()
        assert both.pull(paths=paths).attempts == 1
        assert not both.holds("second/gone")
