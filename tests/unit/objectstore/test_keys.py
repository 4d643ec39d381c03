"""Which keys pass, and that none which passes is dangerous."""

from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.errors import KeyInvalid
from backends.objectstore.keys import (
    MAX_KEY,
    MAX_PART,
    UNFINISHED,
    check_key,
    check_listed_key,
    check_prefix,
)

ALPHABET = "ab./\\ \n%" + "é"
GOOD_PART = st.text(
    st.characters(min_codepoint=0x20, max_codepoint=0x7E, exclude_characters="/"),
    min_size=1,
    max_size=20,
).filter(lambda part: part not in {".", ".."} and not part.endswith(UNFINISHED))
GOOD_KEY = st.lists(GOOD_PART, min_size=1, max_size=6).map("/".join)


@given(st.text(ALPHABET, max_size=12))
def test_an_accepted_key_stays_below_its_store(key: str) -> None:
    """A key that passes is a relative path without detours, and nothing else on the way out."""
    try:
        check_key(key)
    except KeyInvalid:
        return

    path = PurePosixPath("/store") / key
    assert str(path) == f"/store/{key}"
    assert not {".", ".."} & set(key.split("/"))
    assert key.isascii()
    assert key.isprintable()


@given(GOOD_KEY)
def test_an_ordinary_key_passes_unchanged(key: str) -> None:
    """Nothing is normalised: what goes in is what is stored."""
    assert check_key(key) == key
    assert check_listed_key(key, "s3://bucket") == key


@given(GOOD_KEY, st.data())
def test_every_beginning_of_a_key_is_a_prefix(key: str, data: st.DataObject) -> None:
    """Whatever a key starts with can be asked for."""
    length = data.draw(st.integers(0, len(key)))

    assert check_prefix(key[:length]) == key[:length]


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("", "is empty"),
        ("/config", "slash at an end"),
        ("data/", "slash at an end"),
        ("a//b", "empty"),
        ("a/../b", "part"),
        ("naïve", "ASCII"),
        ("bell\a", "ASCII"),
        ("a" * (MAX_PART + 1), "longer"),
        ("a/" * (MAX_KEY // 2) + "a", "longer"),
        (f"data/.x{UNFINISHED}", "unfinished"),
        (f"data{UNFINISHED}/x", "unfinished"),
    ],
)
def test_a_refused_key_is_told_why(key: str, reason: str) -> None:
    """The message says which rule was broken."""
    with pytest.raises(KeyInvalid, match=reason):
        check_key(key)


def test_a_foreign_object_is_named_with_its_store() -> None:
    """A store that lists a name we could not have written is told to the operator, escaped."""
    with pytest.raises(KeyInvalid, match=r"s3://bucket lists the key '\.\./\\x1b\[2J'") as caught:
        check_listed_key("../\x1b[2J", "s3://bucket")

    assert "move the object" in caught.value.hint
