"""The image is what was asked for, no more, and says when it is less."""

import dataclasses
import os
from pathlib import Path

import pytest

from backends.errors import LocalPathUnusable
from backends.rsync.image import forget_unasked, uncovered_links
from tests.parts.requirement import require
from tests.unit.rsync.test_command import SPEC


def fill(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(path)


def content(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def test_paths_of_earlier_pulls_are_removed(tmp_path: Path) -> None:
    fill(tmp_path, "srv/www/a", "srv/db/b", "srv/file", "etc/c", "top")

    forget_unasked(str(tmp_path), ["/srv/www"])

    assert content(tmp_path) == {"srv/www/a"}


def test_whatever_is_below_a_path_is_left_to_rsync(tmp_path: Path) -> None:
    fill(tmp_path, "srv/www/a", "srv/www/deep/b", "etc/c")

    forget_unasked(str(tmp_path), ["/srv", "/srv/www", "/etc/c"])

    assert content(tmp_path) == {"srv/www/a", "srv/www/deep/b", "etc/c"}


def test_asking_for_everything_removes_nothing(tmp_path: Path) -> None:
    fill(tmp_path, "srv/a", "top")

    forget_unasked(str(tmp_path), ["/"])

    assert content(tmp_path) == {"srv/a", "top"}


def test_a_link_in_the_way_is_removed_and_never_followed(tmp_path: Path) -> None:
    fill(tmp_path, "outside/kept", "image/srv/www/a")
    (tmp_path / "image/etc").symlink_to(tmp_path / "outside")
    (tmp_path / "image/opt").symlink_to(tmp_path / "outside")

    forget_unasked(str(tmp_path / "image"), ["/srv/www", "/opt/x"])

    assert content(tmp_path / "outside") == {"kept"}
    assert not (tmp_path / "image/etc").is_symlink()


def test_names_that_are_not_text_are_handled(tmp_path: Path) -> None:
    place = os.fsencode(tmp_path) + b"/\xff\xfe"
    os.mkdir(place)  # noqa: PTH102 - raw bytes

    forget_unasked(str(tmp_path), ["/srv"])

    assert list(tmp_path.iterdir()) == []


def test_a_staging_folder_that_is_not_there_is_reported(tmp_path: Path) -> None:
    with pytest.raises(LocalPathUnusable):
        forget_unasked(str(tmp_path / "none"), ["/srv"])


def stage_link(root: Path, path: str, target: str) -> None:
    """As rsync stores a symbolic link: the target as content, the true mode in an attribute."""
    fill(root, path)
    (root / path).write_text(target)
    try:
        os.setxattr(root / path, "user.rsync.%stat", b"120777 0,0 0:0")
    except OSError:
        require(False, "user extended attributes", f"they are not kept under {root}")


@pytest.mark.parametrize("target", ["/data/www", "../data/www"])
def test_a_path_that_is_only_a_link_is_reported(tmp_path: Path, target: str) -> None:
    stage_link(tmp_path, "srv/www", target)
    spec = dataclasses.replace(SPEC, staging=str(tmp_path), paths=("/srv/www", "/etc"))

    (omission,) = uncovered_links(spec)

    assert omission.path == b"srv/www"
    assert "/data/www, which is not among the paths" in omission.reason


def test_a_link_into_another_path_is_fine(tmp_path: Path) -> None:
    stage_link(tmp_path, "srv/www", "/data/www")
    spec = dataclasses.replace(SPEC, staging=str(tmp_path), paths=("/srv/www", "/data"))

    assert uncovered_links(spec) == ()


def test_files_and_folders_are_no_links(tmp_path: Path) -> None:
    fill(tmp_path, "srv/www", "etc/a")

    assert uncovered_links(dataclasses.replace(SPEC, staging=str(tmp_path))) == ()
