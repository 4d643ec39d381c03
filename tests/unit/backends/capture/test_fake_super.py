"""What a staged file's record says of its source, as pure decoding."""

import os
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.capture.fake_super import (
    StoredStat,
    decode_attributes,
    parse_stat,
    plain_attributes,
    true_name,
)

FOLDER = stat.S_IFDIR | 0o755
FILE = stat.S_IFREG | 0o644


def staged(mode: int = FILE, uid: int = 990, gid: int = 991) -> os.stat_result:
    return os.stat_result((mode, 1, 1, 1, uid, gid, 5, 0, 0, 0))


def test_owner_mode_and_device_come_from_the_record() -> None:
    assert parse_stat(b"60640 259,70000 3:4") == StoredStat(
        mode=stat.S_IFBLK | 0o640, uid=3, gid=4, rdev=(259, 70000)
    )


def test_only_devices_have_a_device_number() -> None:
    parsed = parse_stat(b"100644 0,0 1:2")

    assert parsed is not None
    assert parsed.rdev is None


def test_the_highest_owner_is_the_same_in_both_printed_forms() -> None:
    assert parse_stat(b"100644 0,0 4294967294:4294967295") == parse_stat(b"100644 0,0 -2:-1")


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"100644",
        b"100648 0,0 1:1",
        b"100644 0,0 1:1\n",
        b"100644 0,0 1:1 ",
        b"100644 0,0 5294967296:1",
        b"100644 0,0 1:-3294967296",
        b"100644 9999999999,0 1:1",
        b"77777777777 0,0 1:1",
        "100644 0,0 \u0661:1".encode(),
    ],
)
def test_a_record_rsync_cannot_have_written_is_not_believed(value: bytes) -> None:
    assert parse_stat(value) is None
    attributes = decode_attributes(staged(), value)
    assert (attributes.mode, attributes.uid, attributes.gid) == (FILE, 990, 991)
    assert len(attributes.problems) == 1


def test_a_file_without_a_record_is_what_it_is() -> None:
    assert decode_attributes(staged(), None) == plain_attributes(staged())


@pytest.mark.parametrize(
    ("record", "own", "expected"),
    [
        (b"40755 0,0 1:2", FILE, stat.S_IFREG | 0o755),
        (b"100644 0,0 1:2", FOLDER, stat.S_IFDIR | 0o644),
        (b"60644 8,1 1:2", FOLDER, stat.S_IFDIR | 0o644),
        (b"644 0,0 1:2", FILE, stat.S_IFREG | 0o644),
        (b"130644 0,0 1:2", FILE, stat.S_IFREG | 0o644),
    ],
    ids=["folder as file", "file as folder", "device as folder", "no kind", "unknown kind"],
)
def test_an_impossible_kind_keeps_the_staged_kind_and_says_so(
    record: bytes, own: int, expected: int
) -> None:
    attributes = decode_attributes(staged(own), record)

    assert attributes.mode == expected
    assert (attributes.uid, attributes.gid, attributes.rdev) == (1, 2, None)
    assert len(attributes.problems) == 1


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        (b"user.rsync.security.capability", b"security.capability"),
        (b"user.rsync.trusted.x", b"trusted.x"),
        (b"user.rsync.trusted.a\nb", b"trusted.a\nb"),
        (b"user.mime_type", b"user.mime_type"),
        (b"user.rsync.foo", b"user.rsync.foo"),
        (b"user.rsync.trusted.", b"user.rsync.trusted."),
        (b"user.rsync.system.posix_acl_access", b"user.rsync.system.posix_acl_access"),
    ],
)
def test_only_namespaces_that_rsync_hides_are_uncovered(stored: bytes, expected: bytes) -> None:
    assert true_name(stored) == expected


def test_attributes_come_sorted_under_their_true_names() -> None:
    stored = [(b"user.z", b"1"), (b"user.rsync.trusted.t", b"\0"), (b"user.a", b"")]

    attributes = decode_attributes(staged(), None, stored)

    assert attributes.xattrs == ((b"trusted.t", b"\0"), (b"user.a", b""), (b"user.z", b"1"))


def test_an_unreadable_acl_is_left_out_with_a_reason_and_the_rest_is_kept() -> None:
    stored = [(b"user.rsync.%aacl", b"???"), (b"user.kept", b"1")]

    attributes = decode_attributes(staged(), b"100600 0,0 5:6", stored)

    assert attributes.xattrs == ((b"user.kept", b"1"),)
    assert attributes.mode == stat.S_IFREG | 0o600
    assert "ACL" in attributes.problems[0]


_names = st.binary(min_size=1, max_size=40).map(lambda tail: b"user." + tail) | st.sampled_from(
    [b"user.rsync.%aacl", b"user.rsync.%dacl", b"user.rsync.%stat", b"user.rsync.trusted.x"]
)


@given(
    st.none() | st.binary(max_size=60) | st.from_regex(rb"\A[0-7]{1,9} \d{1,3},\d{1,11} -?\d+:\d+"),
    st.dictionaries(_names, st.binary(max_size=80), max_size=6),
    st.sampled_from([FILE, FOLDER, stat.S_IFLNK | 0o777]),
)
def test_whatever_a_server_sends_the_answer_is_a_usable_file(
    record: bytes | None, stored: dict[bytes, bytes], own: int
) -> None:
    attributes = decode_attributes(staged(own), record, stored.items())

    kind = stat.S_IFMT(attributes.mode)
    assert stat.filemode(attributes.mode)[0] in "-dlpscb"
    assert (kind == stat.S_IFDIR) == (own == FOLDER)
    assert (attributes.rdev is not None) == (kind in (stat.S_IFCHR, stat.S_IFBLK))
    assert 0 <= attributes.uid < 2**32
    assert 0 <= attributes.gid < 2**32


@given(
    st.integers(0, 0o7777),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**32 - 1),
    st.integers(0, 4095),
    st.integers(0, 2**20 - 1),
)
def test_every_record_rsync_prints_is_read_back(
    bits: int, uid: int, gid: int, major: int, minor: int
) -> None:
    mode = stat.S_IFCHR | bits

    parsed = parse_stat(b"%o %d,%d %d:%d" % (mode, major, minor, uid, gid))

    assert parsed == StoredStat(mode=mode, uid=uid, gid=gid, rdev=(major, minor))
