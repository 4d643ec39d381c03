"""No name from a server can write to the terminal or forge a line."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.printable import printable, printable_lines


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b"plain.txt", "plain.txt"),
        ("报告.txt".encode(), "报告.txt"),
        (b"\x1b[2Jgone", "\\x1b[2Jgone"),
        (b"two\nlines\r", "two\\x0alines\\x0d"),
        (b"latin\xe9", "latin\\xe9"),
        ("evil\u202etxt.exe", "evil\\u202etxt.exe"),
        ("\U000f0000", "\\U000f0000"),
    ],
)
def test_unsafe_characters_are_spelled_out(name: bytes | str, shown: str) -> None:
    assert printable(name) == shown


@given(st.binary() | st.text())
def test_whatever_comes_out_is_one_safe_line_of_valid_text(name: bytes | str) -> None:
    shown = printable(name)
    assert len(shown.splitlines()) <= 1
    assert all(unicodedata.category(c) not in {"Cc", "Cf", "Cs"} for c in shown)
    shown.encode()


def test_messages_keep_their_lines() -> None:
    assert printable_lines("one\ntwo\x07") == "one\ntwo\\x07"
