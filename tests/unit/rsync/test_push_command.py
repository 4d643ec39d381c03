"""The argument list of a push."""

from dataclasses import replace

import pytest

from backends.errors import SourcePathInvalid
from backends.rsync.push_command import PushSpec, check_destination, push_argv
from backends.types import SshTarget

TARGET = SshTarget(
    alias="replacement", host="2001:db8::7", user="root", identity="/key", host_key="unused"
)
SPEC = PushSpec(target=TARGET, image="/state/push-1/", names=(b"etc", b"\xff -n"), destination="/")


def argv(spec: PushSpec = SPEC, **options: bool) -> tuple[str, ...]:
    return push_argv(spec, ssh=("ssh", "-l", "root"), **options)


def test_each_top_entry_is_sent_by_itself_and_the_folder_they_lie_in_is_not():
    *_, first, second, there = argv()

    assert (first, second) == ("/state/push-1/./etc", "/state/push-1/./\udcff -n")
    assert there == "[2001:db8::7]:/"
    assert "--relative" in argv()


def test_nothing_is_ever_deleted_there():
    every = (*argv(), *argv(checksum=True, dry=True), *argv(replace(SPEC, sudo=True)))

    assert not [word for word in every if "delete" in word or "remove" in word]


def test_owners_are_restored_out_of_the_disguise():
    words = argv()

    assert {"--fake-super", "-M--super", "--numeric-ids", "--owner", "--acls"} <= set(words)


def test_options_follow_what_is_asked_for():
    assert "--checksum" not in argv()
    assert {"--checksum", "--dry-run"} <= set(argv(checksum=True, dry=True))
    assert "--rsync-path=sudo -n rsync" in argv(replace(SPEC, sudo=True))
    assert "--bwlimit=2" in argv(replace(SPEC, bandwidth=2048))


@pytest.mark.parametrize("path", ["relative", "/a/../b", "/a*", "/a?", "/a[b", "/a\nb", "/a\\b"])
def test_a_folder_that_the_servers_shell_could_read_otherwise_is_refused(path):
    with pytest.raises(SourcePathInvalid):
        check_destination(path)


def test_a_folder_with_spaces_is_fine():
    assert check_destination("/srv/my data//") == "/srv/my data"
