"""JSON has one spelling."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.domain.canonical import MAX_INTEGER, Fields, read_canonical, write_canonical
from daemon.errors import InvalidValue

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
NAMES = st.text(st.characters(max_codepoint=127), max_size=5)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-MAX_INTEGER, MAX_INTEGER) | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(NAMES, inner),
    max_leaves=20,
)


@given(VALUES)
def test_a_value_survives_and_is_spelled_the_same_again(value):
    written = write_canonical(value)
    assert read_canonical(written) == value
    assert write_canonical(json.loads(written)) == written


def test_the_spelling_is_compact_sorted_and_in_utf8():
    value = {"b": [1, True, None], "a": "服务器\n\x01/\x7f"}
    assert write_canonical(value) == '{"a":"服务器\\n\\u0001/\x7f","b":[1,true,null]}'.encode()


@pytest.mark.parametrize(
    "value", [1.0, float("nan"), MAX_INTEGER + 1, {"é": 1}, "\ud800", {1: 2}, b"x"], ids=repr
)
def test_what_other_readers_could_misread_is_refused(value):
    with pytest.raises(InvalidValue):
        write_canonical(value)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b'{"a": 1}',
        b'{"b":1,"a":1}',
        b'{"a":1,"a":1}',
        b'"\\u0041"',
        b"1.0",
        b"1e2",
        b"\xff",
        b"[" * 100_000,
        b"9" * 10_000,
    ],
    ids=lambda data: repr(data[:12]),
)
def test_any_other_spelling_of_json_is_refused(data):
    with pytest.raises(InvalidValue):
        read_canonical(data)


@pytest.mark.parametrize(
    ("read", "complaint"),
    [
        (lambda fields: fields.text("n"), "text"),
        (lambda fields: fields.flag("n"), "true or false"),
        (lambda fields: fields.texts("n"), "a list"),
        (lambda fields: fields.texts("m"), "a list of texts"),
        (lambda fields: fields.each("m", lambda member: member.text("x")), "an object"),
        (lambda fields: fields.one("n", lambda member: member.text("x")), "an object"),
    ],
)
def test_a_member_of_another_type_is_refused(read, complaint):
    with pytest.raises(InvalidValue, match=f"is not {complaint}"):
        read(Fields({"n": 1, "m": ["a", 2]}, "x"))


def test_members_of_the_wrong_type_and_left_over_ones_are_named():
    with pytest.raises(InvalidValue, match=r"x\.n is not a whole number"):
        Fields({"n": True}, "x").number("n")
    with pytest.raises(InvalidValue, match=r"x\.n is not a whole number"):
        Fields({"n": -1}, "x").number("n")
    with pytest.raises(InvalidValue, match="x has no n"):
        Fields({}, "x").text("n")
    with pytest.raises(InvalidValue, match="unknown members: a, b"):
        Fields({"b": 1, "a": 2}, "x").finish()
