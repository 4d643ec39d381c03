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
    included.below(b"srv")
    assert list(included.unmet()) == []


def test_paths_that_were_not_met_are_told():
    included = include_paths((b"/srv/www", b"/etc", b"/home/x"))
    included.below(b"etc")
    included.below(b"home")

    assert list(included.unmet()) == [b"home/x", b"srv/www"]


@pytest.mark.parametrize(
    ("pattern", "path", "how_much"),
    [
        (b"/etc/*.conf", "etc/a.conf", "all"),
        (b"/etc/*.conf", "etc/below/a.conf", "nothing"),
        (b"/etc/*.d", "etc/cron.d/job", "all"),
        (b"/srv/**/id_*", "srv/id_rsa", "all"),
        (b"/srv/**/id_*", "srv/a/b/id_rsa", "all"),
        (b"/srv/**/id_*", "srv/a/b/other", "some"),
        (b"/srv/**", "srv/a", "all"),
        (b"a[12]?", "a2x", "all"),
        (b"a[12]?", "a3x", "nothing"),
        (b"odd[1]*name", "odd[1]*name", "all"),
    ],
)
def test_wildcards_stand_for_characters_of_a_name_and_two_stars_for_folders(
    pattern, path, how_much
):
    assert wanted(include_paths((pattern,)), path) == how_much


def test_what_is_excluded_is_left_out_with_all_below_even_where_it_is_included():
    included = include_paths((b"/srv",), (b"/srv/cache", b"**/*.log"))

    assert wanted(included, "srv/data/a") == "all"
    assert wanted(included, "srv/cache/a") == "nothing"
    assert wanted(included, "srv/data/x.log") == "nothing"
    assert wanted(include_paths((), (b"**/tmp",)), "a/tmp") == "nothing"
