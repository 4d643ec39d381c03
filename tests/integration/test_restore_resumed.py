"""A restore that was interrupted goes on: what is right stays, and nothing is taken on trust."""

import ctypes
import fcntl
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from backends.errors import LocalPathUnusable, TargetNotEmpty
from backends.objectstore.directory import DirectoryStore
from backends.objectstore.memory import MemoryStore
from backends.repository.marker import marker_name
from backends.repository.reader import BlobReader
from backends.repository.repository import Repository
from backends.repository.restore import restore_tree
from backends.repository.snapshot import find_snapshot
from tests.parts.restic_repositories import ResticRepository
from tests.parts.tree_comparison import compare_trees
from tests.parts.unprivileged import NOBODY, act_as_nobody

MIB = 1 << 20
_SET_DUMPABLE = 4
#: Restores, and is killed by its own hand once so many bytes are written.
_VICTIM = """
import os, signal, sys
from pathlib import Path
from backends.objectstore.directory import DirectoryStore
from backends.repository.reader import BlobReader
from backends.repository.repository import Repository
from backends.repository.restore import restore_tree
from backends.repository.snapshot import find_snapshot

place, password, target, limit = sys.argv[1:]
repository = Repository.open(DirectoryStore(Path(place)), password)
reader = BlobReader(repository, repository.load_index())

def look(now):
    if now.bytes >= int(limit):
        os.kill(os.getpid(), signal.SIGKILL)

restore_tree(reader, find_snapshot(repository, "latest").tree, Path(target), progress=look)
"""


@pytest.fixture
def source(tmp_path) -> Path:
    """Many small files, a large one, a sparse one, links."""
    chance = random.Random(7)  # noqa: S311 - the same files every time
    folder = tmp_path / "source"
    for number in range(300):
        place = folder / f"{number // 50}"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{number}").write_bytes(chance.randbytes(chance.randrange(20_000)))
    (folder / "large").write_bytes(chance.randbytes(40 * MIB))
    with (folder / "sparse").open("wb") as file:
        file.write(chance.randbytes(3 * MIB))
        file.seek(30 * MIB)
        file.write(chance.randbytes(MIB))
    (folder / "link").symlink_to("large")
    (folder / "0" / "other name").hardlink_to(folder / "5" / "299")
    (folder / "locked").mkdir()
    (folder / "locked" / "secret").write_bytes(b"s" * 5000)
    (folder / "locked" / "secret").chmod(0o400)
    (folder / "locked").chmod(0o500)
    return folder


@pytest.fixture
def repository(new_restic_repository, source) -> ResticRepository:
    repository = new_restic_repository("version 2")
    repository.run("backup", str(source))
    return repository


def kill_a_restore(repository: ResticRepository, target: Path, after: int) -> None:
    place, words = str(repository.place), (str(target), str(after))
    argv = [sys.executable, "-c", _VICTIM, place, repository.password, *words]
    assert subprocess.run(argv, check=False).returncode == -9


def restore(repository: ResticRepository, target: Path, **options):
    tree = find_snapshot(repository.open(), "latest").tree
    return restore_tree(repository.reader(), tree, target, **options)


def in_memory(repository: ResticRepository) -> BlobReader:
    """A reader that needs no rights on a folder."""
    kept, place = MemoryStore(), DirectoryStore(repository.place)
    for info in place.list(""):
        kept.put(info.key, place.get(info.key))
    opened = Repository.open(kept, repository.password)
    return BlobReader(opened, opened.load_index())


@pytest.mark.parametrize("after", [1, 10 * MIB, 60 * MIB])
def test_a_killed_restore_goes_on_and_ends_with_an_equal_tree(repository, source, tmp_path, after):
    target = tmp_path / "target"
    kill_a_restore(repository, target, after)

    report = restore(repository, target)

    assert report.complete
    # What the killed one had told as written is not written again, up to what was in its hands.
    assert report.kept.bytes >= after - 1
    assert compare_trees(source, target / source.relative_to("/"), sparse=True) == []
    assert [entry.name for entry in target.iterdir()] == [source.parts[1]]


def test_what_was_written_is_not_written_again(repository, source, tmp_path):
    target = tmp_path / "target"
    kill_a_restore(repository, target, 60 * MIB)
    restored = target / source.relative_to("/")
    before = {path: path.stat().st_ino for path in restored.rglob("*") if path.is_file()}

    report = restore(repository, target)

    assert report.kept.files > len(before) // 2
    assert sum(path.stat().st_ino == inode for path, inode in before.items()) > len(before) // 2


def test_a_file_of_right_size_and_time_with_other_bytes_is_put_right(repository, source, tmp_path):
    target = tmp_path / "target"
    kill_a_restore(repository, target, 60 * MIB)
    restored = target / source.relative_to("/")
    files = sorted(path for path in restored.rglob("[0-9]*") if path.is_file())
    for path in (restored / "large", files[0], files[-1]):
        facts = path.stat()
        with path.open("r+b") as file:
            file.seek(facts.st_size // 2)
            file.write(b"\xff" * min(3, facts.st_size // 2))
        os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))

    assert restore(repository, target).complete

    assert compare_trees(source, restored, sparse=True) == []


def test_without_root_it_goes_on_in_folders_that_were_closed_already(repository, source, tmp_path):
    target = tmp_path / "target"
    tree = find_snapshot(repository.open(), "latest").tree
    restore(repository, target)
    (target / os.fsdecode(marker_name(tree))).touch()
    restored = target / source.relative_to("/")
    (restored / "large").unlink()
    (restored / "locked" / "secret").unlink()
    for path in (target, *target.rglob("*")):
        os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
    reader = in_memory(repository)
    for folder in tmp_path.parents[:-1]:
        if folder.stat().st_uid == os.geteuid():
            folder.chmod(folder.stat().st_mode | 0o011)
    tmp_path.chmod(0o777)

    def go_on():
        # A thread that gives up rights loses sight of its own descriptors in /proc otherwise.
        ctypes.CDLL(None).prctl(_SET_DUMPABLE, 1)
        return restore_tree(reader, tree, target, owners=False)

    report = act_as_nobody(go_on)

    assert report.complete
    assert report.kept.files > 300
    modes = [path.stat().st_mode & 0o777 for path in (restored / "locked", restored / "0")]
    assert modes == [0o500, 0o755]
    assert (restored / "locked" / "secret").read_bytes() == b"s" * 5000


def test_a_folder_with_anything_else_is_refused(repository, tmp_path):
    target = tmp_path / "target"
    (target / "mine").mkdir(parents=True)

    with pytest.raises(TargetNotEmpty, match="not empty"):
        restore(repository, target)
    (target / "mine").rmdir()
    (target / os.fsdecode(marker_name(bytes(32)))).touch()
    with pytest.raises(TargetNotEmpty, match="another snapshot was interrupted"):
        restore(repository, target)


def test_two_restores_into_one_folder_do_not_mix(repository, tmp_path):
    target = tmp_path / "target"
    target.mkdir()
    tree = find_snapshot(repository.open(), "latest").tree
    with (target / os.fsdecode(marker_name(tree))).open("w") as marker:
        fcntl.flock(marker, fcntl.LOCK_EX)
        with pytest.raises(LocalPathUnusable, match="under way"):
            restore(repository, target)

    assert restore(repository, target).complete


def test_something_planted_in_an_unfinished_target_is_not_followed(repository, source, tmp_path):
    target, victim = tmp_path / "target", tmp_path / "victim"
    kill_a_restore(repository, target, 60 * MIB)
    restored = target / source.relative_to("/")
    victim.write_bytes(b"precious")
    (restored / "large").unlink()
    (restored / "large").symlink_to(victim)

    report = restore(repository, target)

    assert [failure.path.rpartition(b"/")[2] for failure in report.failures] == [b"large"]
    assert "in its place" in report.failures[0].reason
    assert victim.read_bytes() == b"precious"
