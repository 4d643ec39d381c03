"""Which entries of the staging image belong to a copy."""

import os
from pathlib import Path

from backends.capture.entries import list_folder
from backends.capture.selection import select


def test_a_path_selects_itself_its_parents_by_name_and_everything_below() -> None:
    root = select(("/srv/www",))

    assert root.names(b"srv")
    assert not root.names(b"etc")
    assert not root.below(b"srv").names(b"db")
    assert root.below(b"srv").below(b"www").names(b"anything")


def test_leftovers_of_a_path_that_is_no_longer_asked_for_stay_out() -> None:
    root = select(("/srv/www", "/etc"))

    assert root.below(b"etc").whole
    assert not root.below(b"srv").whole


def test_the_root_folder_selects_everything() -> None:
    assert select(("/",)).whole
    assert select(("/etc", "/")).names(b"whatever")


def test_an_outer_path_swallows_an_inner_one_in_either_order() -> None:
    for paths in (("/srv", "/srv/www"), ("/srv/www", "/srv")):
        assert select(paths).below(b"srv").names(b"db"), paths


def test_a_name_that_is_not_utf8_is_selected_by_its_bytes() -> None:
    assert select(("/srv/caf\udce9",)).below(b"srv").names(b"caf\xe9")


def test_of_a_staged_folder_only_what_is_selected_is_listed_by_name(tmp_path: Path) -> None:
    for name in ("srv", "old", "etc"):
        (tmp_path / name).mkdir()
    place = os.fsencode(tmp_path)

    assert [found.name for found in list_folder(place, select(("/srv/www", "/etc")))] == [
        b"etc",
        b"srv",
    ]
    assert [found.name for found in list_folder(place, select(("/",)))] == [b"etc", b"old", b"srv"]
