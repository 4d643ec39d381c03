"""Telling rsync's age."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.rsync.version import RsyncVersion, parse_version


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("rsync  version 3.5.0  protocol version 32\nCopyright (C) 1996-2026", "3.5.0"),
        ("rsync  version 3.1.3  protocol version 31\n", "3.1.3"),
        ("rsync  version v3.2.7  protocol version 31\n", "3.2.7"),
        ("rsync  version 3.4.0pre1  protocol version 32\n", "3.4.0"),
        ("rsync  version 3.3  protocol version 31\n", "3.3.0"),
        ("Welcome!\nrsync  version 3.2.3  protocol version 31\n", "3.2.3"),
    ],
)
def test_the_version_is_read_from_what_rsync_prints(output: str, expected: str) -> None:
    assert str(parse_version(output)) == expected


@pytest.mark.parametrize("output", ["", "openrsync: protocol version 29", "sh: rsync: not found"])
def test_what_is_not_rsync_has_no_version(output: str) -> None:
    assert parse_version(output) is None


@pytest.mark.parametrize(
    ("numbers", "accepted", "warned"),
    [
        ((3, 2, 3), False, True),
        ((3, 2, 4), True, True),
        ((3, 4, 4), True, True),
        ((3, 5, 0), True, False),
        ((3, 10, 0), True, False),
        ((4, 0, 0), True, False),
    ],
)
def test_too_old_is_refused_and_unpatched_is_warned_of(
    numbers: tuple[int, int, int], *, accepted: bool, warned: bool
) -> None:
    version = RsyncVersion(numbers=numbers)

    assert version.accepted is accepted
    assert (version.advice is not None) is warned


@given(st.text())
def test_any_text_can_be_asked(output: str) -> None:
    parse_version(output)
