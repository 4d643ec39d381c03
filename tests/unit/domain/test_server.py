"""What may be registered as a server."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.domain.server import normalise_paths
from daemon.errors import InvalidValue
from tests.factories import NOW, a_server

WORDS = st.sampled_from(["srv", "www", "db", "a.b", "."])
PATHS = st.lists(WORDS, min_size=1).map(lambda words: "/" + "//".join(words))


def test_paths_are_cleaned_and_kept_in_order():
    server = a_server(paths=("/srv//www/", "/etc/./ssh", "/srv/www"))
    assert server.paths == ("/srv/www", "/etc/ssh")


def test_a_path_inside_another_says_nothing_new():
    assert normalise_paths(["/srv/db", "/srv", "/srvx"]) == ("/srv", "/srvx")
    assert normalise_paths(["/", "/srv"]) == ("/",)


def test_a_mounted_file_system_below_is_named_apart_when_mounts_are_not_crossed():
    server = a_server(paths=("/", "/boot", "/boot/"), one_file_system=True)
    assert server.paths == ("/", "/boot")


@given(st.lists(PATHS, min_size=1))
def test_cleaning_twice_changes_nothing(paths):
    once = normalise_paths(paths)
    assert normalise_paths(once) == once


@pytest.mark.parametrize("path", ["srv", "", "/a/../b", "/a\nb", "/a\0", "/\udcff", "host:/srv"])
def test_a_path_that_could_mean_something_else_is_refused(path):
    with pytest.raises(InvalidValue):
        a_server(paths=(path,))


@pytest.mark.parametrize("path", ["/.lapseguard", "/.lapseguard/dumps", "//.lapseguard/./x"])
def test_a_path_where_backups_have_files_of_their_own_is_refused(path):
    with pytest.raises(InvalidValue, match="dumps and the passport"):
        a_server(paths=("/srv", path))


def test_a_folder_of_that_name_anywhere_else_is_fine():
    assert a_server(paths=("/srv/.lapseguard", "/.lapseguard2")).paths[1] == "/.lapseguard2"


def test_a_server_without_paths_is_refused():
    with pytest.raises(InvalidValue, match="No path"):
        a_server(paths=())


@pytest.mark.parametrize(
    "pattern", ["/srv/www", "/srv", "/srv/", "www", "w*", "/s?v/www", "srv/www", "*"]
)
def test_an_exclude_that_speaks_against_a_whole_path_is_refused(pattern):
    with pytest.raises(InvalidValue, match="against the whole path /"):
        a_server(paths=("/etc", "/srv/www"), excludes=(pattern,))


@pytest.mark.parametrize(
    "pattern", ["/srv/www/cache", "*.tmp", "/www", "cache/", "/srv/*/tmp", "srv"]
)
def test_an_exclude_of_something_inside_a_path_is_kept(pattern):
    assert a_server(paths=("/srv/www",), excludes=(pattern,)).excludes == (pattern,)


@pytest.mark.parametrize("pattern", ["", "+ /srv", "- x", "!", "a\nb"])
def test_a_pattern_that_rsync_reads_as_another_rule_is_refused(pattern):
    with pytest.raises(InvalidValue):
        a_server(excludes=(pattern,))


@pytest.mark.parametrize(
    "changes",
    [
        {"host": "-oProxyCommand=x"},
        {"host": "a b"},
        {"user": "-l"},
        {"user": "a;b"},
        {"port": 0},
        {"port": 65536},
        {"name": "Web"},
        {"store": "a/b"},
        {"host_key": "ssh-ed25519"},
        {"host_key": "ssh-ed25519 !!!!"},
        {"host_key": "ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIA"},
        {"created_at": NOW.replace(tzinfo=None)},
    ],
    ids=str,
)
def test_what_could_not_be_used_later_is_refused_at_once(changes):
    with pytest.raises(InvalidValue):
        a_server(**changes)
