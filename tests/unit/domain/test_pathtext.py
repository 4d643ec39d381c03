"""Paths as text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.domain.pathtext import read_path, write_path
from daemon.errors import InvalidValue


@given(st.binary())
def test_every_path_survives_as_text_that_any_terminal_can_show(path):
    text = write_path(path)
    assert read_path(text) == path
    assert text.encode().decode() == text
    assert not any(ord(character) < 32 for character in text)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_path_in_any_script_survives(name):
    assert read_path(write_path(name.encode())) == name.encode()


def test_readable_names_stay_readable_and_the_rest_is_escaped():
    assert write_path("/srv/数据/a b".encode()) == "/srv/数据/a b"
    assert write_path(b"100%\n\xff") == "100%25%0A%FF"
    assert write_path("a\u202egnp.exe".encode()) == "a%E2%80%AEgnp.exe"


@pytest.mark.parametrize("text", ["%", "%zz", "%41", "%e2", "a\n", "\udcff", "%C3%A9"])
def test_each_path_has_only_one_text(text):
    with pytest.raises(InvalidValue):
        read_path(text)


def test_half_a_character_is_no_path():
    with pytest.raises(InvalidValue, match="half a character"):
        read_path("\ud800")
