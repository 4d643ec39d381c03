"""POSIX modes and Go's."""

import stat

import pytest

from backends.repository.tree import NodeType, go_mode, posix_mode

#: Bits as the documentation of Go's io/fs package lists them: letters from the top bit down.
GO_BITS = {letter: 1 << (31 - place) for place, letter in enumerate("dalTLDpSugct?")}

TYPES = [
    (stat.S_IFREG, "", NodeType.FILE),
    (stat.S_IFDIR, "d", NodeType.DIR),
    (stat.S_IFLNK, "L", NodeType.SYMLINK),
    (stat.S_IFBLK, "D", NodeType.DEV),
    (stat.S_IFCHR, "Dc", NodeType.CHARDEV),
    (stat.S_IFIFO, "p", NodeType.FIFO),
    (stat.S_IFSOCK, "S", NodeType.SOCKET),
]


def bits(letters: str) -> int:
    return sum(GO_BITS[letter] for letter in letters)


@pytest.mark.parametrize(("posix", "letters", "kind"), TYPES)
def test_each_file_type_has_go_s_bits(posix, letters, kind):
    assert go_mode(posix | 0o640) == bits(letters) | 0o640
    assert NodeType.of(posix | 0o640) is kind


@pytest.mark.parametrize(
    ("posix", "letters"), [(stat.S_ISUID, "u"), (stat.S_ISGID, "g"), (stat.S_ISVTX, "t")]
)
def test_setuid_setgid_and_sticky_have_go_s_bits(posix, letters):
    assert go_mode(stat.S_IFREG | posix | 0o755) == bits(letters) | 0o755


def test_every_mode_of_every_type_comes_back_as_it_was():
    for posix, _, _ in TYPES:
        for permissions in range(0o10000):
            assert posix_mode(go_mode(posix | permissions)) == posix | permissions


def test_a_type_that_posix_does_not_know_is_invalid():
    assert NodeType.of(0) is NodeType.INVALID
    assert stat.S_IFMT(posix_mode(bits("?") | 0o644)) == 0
