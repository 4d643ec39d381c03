"""The folder that a restore fills, with somebody else at work in it."""

import os
from pathlib import Path

import pytest

from backends.repository.descriptors import Descriptors
from backends.repository.target import Target
from backends.types import BlobId


@pytest.fixture
def target(tmp_path):
    target = Target(tmp_path / "target", BlobId(bytes(32)))
    yield target
    target.close()


def test_a_planted_file_or_link_is_never_written_to(target, tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (target.path / "link").symlink_to(victim)
    (target.path / "hard").hardlink_to(victim)

    for name in (b"link", b"hard"):
        with pytest.raises(FileExistsError):
            target.create_file(b"", name)
    with pytest.raises(OSError, match="symbolic links"), target.hold_file(b"", b"link"):
        pass

    assert victim.read_text() == "precious"


def test_a_folder_exchanged_for_a_link_is_not_entered(target, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    target.make_folder(b"", b"a")
    target.make_folder(b"a", b"b")
    target.release_folder(b"a")
    (target.path / "a" / "b").rmdir()
    (target.path / "a").rmdir()
    (target.path / "a").symlink_to(tmp_path / "elsewhere")

    for folder in (b"a", b"a/b"):
        with pytest.raises(OSError, match=r"symbolic links|Not a directory"):
            target.create_file(folder, b"file")

    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_paths_longer_than_the_system_takes_are_reached_step_by_step(target):
    name, folder = b"n" * 250, b""
    for _ in range(40):
        target.make_folder(folder, name)
        folder = folder + b"/" + name if folder else name

    os.close(target.create_file(folder, b"file"))

    assert len(folder) > 4096 * 2


def opener(folder: Path):
    return lambda path: os.open(folder / os.fsdecode(path), os.O_RDONLY | os.O_CREAT)


def open_now() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_no_more_descriptors_stay_open_than_allowed(tmp_path):
    descriptors, before = Descriptors(3), open_now()

    for number in range(20):
        with descriptors.hold(b"%d" % number, opener(tmp_path)):
            pass
    assert open_now() - before == 3
    descriptors.close()

    assert open_now() == before


def test_what_is_held_stays_open_and_is_opened_once(tmp_path):
    descriptors = Descriptors(1)

    with descriptors.hold(b"held", opener(tmp_path)) as held:
        for number in range(5):
            with descriptors.hold(b"%d" % number, opener(tmp_path)):
                pass
        descriptors.drop(b"held")
        with descriptors.hold(b"held", opener(tmp_path)) as again:
            assert again == held
        os.fstat(held)
    descriptors.close()
