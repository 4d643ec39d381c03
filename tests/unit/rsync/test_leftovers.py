"""What is removed from an image because the server has not named it, and what stays."""

import os
from pathlib import Path

import pytest

from backends.errors import LocalPathUnusable
from backends.rsync.leftovers import has_leftovers, remove_leftovers
from backends.rsync.pathset import PathSet

LONG_AGO = 1_600_000_000_123_456_789


def make(image: Path, *names: str) -> None:
    for name in names:
        (image / name).parent.mkdir(parents=True, exist_ok=True)
        (image / name).touch()


def named(*paths: bytes) -> PathSet:
    found = PathSet()
    found.add(paths)
    found.seal()
    return found


def remove(image: Path, paths: tuple[str, ...], *names: bytes) -> tuple[bool, list[bytes]]:
    removed: list[bytes] = []
    return remove_leftovers(str(image), paths, named(*names), removed.append), sorted(removed)


def test_all_below_an_unnamed_folder_goes_and_is_told(tmp_path: Path) -> None:
    make(tmp_path, "srv/kept", "srv/old/deep/file", "srv/old/other")

    assert remove(tmp_path, ("/srv", "/srv/kept"), b"srv", b"srv/kept") == (
        True,
        [b"srv/old", b"srv/old/deep", b"srv/old/deep/file", b"srv/old/other"],
    )
    assert [path.name for path in (tmp_path / "srv").iterdir()] == ["kept"]


def test_folders_keep_the_times_that_the_server_gave_them(tmp_path: Path) -> None:
    make(tmp_path, "srv/sub/gone")
    os.utime(tmp_path / "srv/sub", ns=(LONG_AGO, LONG_AGO))

    remove(tmp_path, ("/srv",), b"srv", b"srv/sub")

    assert not (tmp_path / "srv/sub/gone").exists()
    assert (tmp_path / "srv/sub").stat().st_mtime_ns == LONG_AGO


def test_a_folder_stays_whole_where_something_in_it_was_named(tmp_path: Path) -> None:
    """That the folder itself was not named is then no proof that it is gone."""
    make(tmp_path, "srv/odd/named", "srv/odd/unnamed", "srv/gone")

    assert remove(tmp_path, ("/srv",), b"srv", b"srv/odd/named") == (False, [b"srv/gone"])
    assert (tmp_path / "srv/odd/unnamed").exists()


def test_what_lies_beside_the_paths_asked_for_is_left_alone(tmp_path: Path) -> None:
    make(tmp_path, "srv/db/gone", "srv/www/file", "etc/file")

    assert remove(tmp_path, ("/srv/db",), b"srv", b"srv/db") == (True, [b"srv/db/gone"])


def test_the_root_can_be_asked_for(tmp_path: Path) -> None:
    make(tmp_path, "etc/kept", "etc/gone")

    assert remove(tmp_path, ("/",), b".", b"etc", b"etc/kept") == (True, [b"etc/gone"])


def test_to_look_removes_nothing(tmp_path: Path) -> None:
    make(tmp_path, "srv/gone")

    assert has_leftovers(str(tmp_path), ("/srv",), named(b"srv"))
    assert not has_leftovers(str(tmp_path), ("/srv",), named(b"srv", b"srv/gone"))
    assert (tmp_path / "srv/gone").exists()


def test_an_image_that_cannot_be_read_is_said_to_be_ours(tmp_path: Path) -> None:
    (tmp_path / "srv").symlink_to("srv")

    with pytest.raises(LocalPathUnusable):
        remove(tmp_path, ("/srv",), b"srv")
