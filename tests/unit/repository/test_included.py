"""Which part of a snapshot is wanted."""

import pytest

from backends.repository.included import include_paths


def wanted(included, path: str) -> str:
    """How much of a path is wanted: nothing, some of what is below it, or all of it."""
    for name in filter(None, path.encode().split(b"/")):
        included = included.below(name)
        if included is None:
            return "nothing"
    return "all" if included.whole else "some"


@pytest.mark.parametrize("paths", [(), (b"/",), (b"",), (b"srv", b"/")])
def test_no_path_and_the_root_mean_everything(paths):
    assert wanted(include_paths(paths), "etc/passwd") == "all"


@pytest.mark.parametrize("path", [b"srv/www", b"/srv/www", b"srv//www/", b"/srv/www//"])
def test_a_path_means_itself_what_is_below_it_and_the_folders_above_it(path):
    included = include_paths((path,))

    assert wanted(included, "srv") == "some"
    assert wanted(included, "srv/www") == "all"
    assert wanted(included, "srv/www/a/b") == "all"
    assert wanted(included, "srv/www2") == "nothing"
    assert wanted(included, "srv/db") == "nothing"
    assert wanted(included, "etc") == "nothing"


def test_a_path_below_another_adds_nothing():
    included = include_paths((b"srv/www/a", b"srv", b"srv/db"))

    assert wanted(included, "srv/mail") == "all"
    included.below(b"srv").met = True
    assert list(included.unmet()) == []


def test_paths_that_were_not_met_are_told():
    included = include_paths((b"/srv/www", b"/etc", b"/home/x"))
    included.below(b"etc").met = True
    included.below(b"home").met = True

    assert list(included.unmet()) == [b"home/x", b"srv/www"]
