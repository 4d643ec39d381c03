"""Reading rsync's complaints, of any age and on either side."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.rsync.complaints import Complaint, parse_complaints

#: Lines that rsync printed (3.5.0 unless said), and what they say.
RECORDED = [
    (
        b'rsync: [sender] opendir "/tmp/src2/ud" failed: Permission denied (13)',
        (False, "opendir", b"/tmp/src2/ud", "Permission denied", 13),
    ),
    (
        b'rsync: [sender] send_files failed to open "/tmp/un "q" \\#012 r": Permission denied (13)',
        (False, "send_files failed to open", b'/tmp/un "q" \n r', "Permission denied", 13),
    ),
    (
        b'rsync: [sender] link_stat "/srv/a: b (2)" failed: No such file or directory (2)',
        (False, "link_stat", b"/srv/a: b (2)", "No such file or directory", 2),
    ),
    (
        b'rsync: [sender] change_dir "/run/nosnap" failed: No such file or directory (2)',
        (False, "change_dir", b"/run/nosnap", "No such file or directory", 2),
    ),
    (
        b'rsync: [sender] readlink_stat("/srv/x") failed: Permission denied (13)',
        (False, "readlink_stat", b"/srv/x", "Permission denied", 13),
    ),
    (
        b'rsync: [sender] read errors mapping "/srv/bad": Input/output error (5)',
        (False, "read errors mapping", b"/srv/bad", "Input/output error", 5),
    ),
    (
        b'rsync: [sender] get_xattr_names: llistxattr("/a",1024) failed: Permission denied (13)',
        (False, "get_xattr_names: llistxattr", b"/a", "Permission denied", 13),
    ),
    (
        b'rsync: [receiver] write failed on "/stage/srv/big": No space left on device (28)',
        (True, "write failed on", b"/stage/srv/big", "No space left on device", 28),
    ),
    (
        b'rsync: [receiver] rsync_xal_set: lsetxattr("/a","user.b") failed: Not supported (95)',
        (True, "rsync_xal_set: lsetxattr", b"/a", "Not supported", 95),
    ),
    (
        b'rsync: [Receiver] mkdir "/proc/x" failed: No such file or directory (2)',
        (True, "mkdir", b"/proc/x", "No such file or directory", 2),
    ),
    # As rsync 3.1 on a server puts it: without saying who.
    (
        b'rsync: opendir "/srv/old" failed: Permission denied (13)',
        (False, "opendir", b"/srv/old", "Permission denied", 13),
    ),
    (
        b"ERROR: srv/log failed verification -- update discarded.",
        (False, "", b"srv/log", "it changed while it was sent, twice", 0),
    ),
]


@pytest.mark.parametrize(("line", "expected"), RECORDED)
def test_a_complaint_names_side_path_and_reason(
    line: bytes, expected: tuple[bool, str, bytes, str, int]
) -> None:
    (complaint,) = parse_complaints(line + b"\n").complaints

    here, operation, path, reason, number = expected
    assert complaint == Complaint(
        here=here, operation=operation, path=path, reason=reason, number=number
    )


def test_vanished_files_are_listed_apart() -> None:
    stderr = (
        b'file has vanished: "/srv/www/sess\\#012ion"\n'
        b"rsync warning: some files vanished before they could be transferred (code 24) "
        b"at main.c(1956) [generator=3.5.0]\n"
    )

    found = parse_complaints(stderr)

    assert found.vanished == (b"/srv/www/sess\nion",)
    assert found.complaints == ()


def test_the_same_complaint_twice_counts_once() -> None:
    line = RECORDED[0][0] + b"\n"

    assert len(parse_complaints(line * 3).complaints) == 1


@pytest.mark.parametrize(
    "line",
    [
        b"rsync error: received SIGINT, SIGTERM, or SIGHUP (code 20) at rsync.c(716)",
        b"rsync: connection unexpectedly closed (0 bytes received so far) [Receiver]",
        b"rsync: [Receiver] write error: Broken pipe (32)",
        b"bash: line 1: rsync: command not found",
        b"",
    ],
)
def test_lines_about_no_file_are_left_to_others(line: bytes) -> None:
    assert parse_complaints(line).complaints == ()


@given(st.binary(max_size=300))
def test_nothing_that_a_server_prints_breaks_the_reader(stderr: bytes) -> None:
    parse_complaints(b'rsync: [sender] opendir "' + stderr + b'" failed: x (1)\n' + stderr)
