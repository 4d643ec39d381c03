"""ACLs as rsync stores them become what the kernel stores."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.capture.acl import MalformedAcl, access_acl, default_acl, parse_acl

ABSENT = 0x80
IS_USER = 1 << 31


def stored(owner: int, group: int, mask: int, other: int, *named: tuple[int, int]) -> bytes:
    head = struct.pack("<4I", owner, group, mask, other)
    return head + b"".join(struct.pack("<2I", *entry) for entry in named)


def kernel(*entries: tuple[int, int, int]) -> bytes:
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


NO_ID = 0xFFFFFFFF
GROUP_READ = stored(ABSENT, 4, 5, ABSENT, (1234, 7 | IS_USER), (2345, 4))

permissions = st.integers(0, 7)
plain = permissions | st.just(ABSENT)
named_entries = st.lists(
    st.tuples(st.integers(0, 2**32 - 1), permissions, st.booleans()).map(
        lambda entry: (entry[0], entry[1] | (IS_USER if entry[2] else 0))
    ),
    max_size=20,
)


def test_what_the_mode_says_is_filled_in_from_the_mode() -> None:
    assert access_acl(GROUP_READ, 0o100654) == kernel(
        (0x01, 6, NO_ID),
        (0x02, 7, 1234),
        (0x04, 4, NO_ID),
        (0x08, 4, 2345),
        (0x10, 5, NO_ID),
        (0x20, 4, NO_ID),
    )


def test_the_mask_is_the_modes_even_where_another_files_was_recorded() -> None:
    named = (7, 4 | IS_USER)

    recorded = access_acl(stored(ABSENT, 7, 1, ABSENT, named), 0o100660)

    assert recorded == access_acl(stored(ABSENT, 7, 6, ABSENT, named), 0o100660)


def test_a_mask_left_out_is_the_group_bits_of_the_mode() -> None:
    value = access_acl(stored(ABSENT, 0, ABSENT, ABSENT, (7, 4 | IS_USER)), 0o100640)

    assert value is not None
    assert kernel((0x10, 4, NO_ID))[4:] in value


def test_a_file_whose_acl_was_removed_at_the_source_has_none() -> None:
    assert access_acl(stored(ABSENT, ABSENT, ABSENT, ABSENT), 0o100644) is None


def test_a_folder_without_a_default_acl_has_none() -> None:
    assert default_acl(stored(ABSENT, ABSENT, ABSENT, ABSENT)) is None


def test_a_default_acl_without_named_entries_needs_no_mask() -> None:
    assert default_acl(stored(7, 5, ABSENT, 0)) == kernel(
        (0x01, 7, NO_ID), (0x04, 5, NO_ID), (0x20, 0, NO_ID)
    )


def test_a_default_acl_with_names_but_no_mask_gets_one_that_hides_nothing() -> None:
    value = default_acl(stored(7, 1, ABSENT, 0, (9, 4)))

    assert value is not None
    assert kernel((0x10, 5, NO_ID))[4:] in value


@pytest.mark.parametrize(
    "value",
    [b"", b"\0" * 15, b"\0" * 17, stored(8, 0, 0, 0), stored(7, 5, 5, 0, (1, 0x100))],
    ids=["empty", "short", "odd", "no permission", "no named permission"],
)
def test_bytes_that_rsync_cannot_have_written_are_refused(value: bytes) -> None:
    with pytest.raises(MalformedAcl):
        parse_acl(value)


def test_a_default_acl_lacking_a_base_entry_is_refused() -> None:
    with pytest.raises(MalformedAcl):
        default_acl(stored(7, ABSENT, 5, 0, (1, 4)))


@given(st.binary(max_size=200), st.integers(0, 0o177777))
def test_any_bytes_give_an_acl_or_the_typed_error(value: bytes, mode: int) -> None:
    for decode in (lambda: access_acl(value, mode), lambda: default_acl(value)):
        try:
            decode()
        except MalformedAcl:
            continue


@given(st.tuples(plain, plain, plain, plain), named_entries, st.integers(0, 0o7777))
def test_every_named_entry_is_kept_once_in_order_users_first(
    base: tuple[int, int, int, int], named: list[tuple[int, int]], mode: int
) -> None:
    value = access_acl(stored(*base, *named), mode)

    if value is None:
        assert base[2] == ABSENT
        assert not named
        return
    entries = list(struct.iter_unpack("<HHI", value[4:]))
    users = [(who, may) for tag, may, who in entries if tag == 0x02]
    groups = [(who, may) for tag, may, who in entries if tag == 0x08]
    assert users == [(who, word & 7) for who, word in named if word & IS_USER]
    assert groups == [(who, word & 7) for who, word in named if not word & IS_USER]
    assert [tag for tag, _, _ in entries] == sorted(tag for tag, _, _ in entries)
    assert {0x01, 0x04, 0x10, 0x20} <= {tag for tag, _, _ in entries}
