"""Names as Go quotes them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.errors import RepositoryDamaged
from backends.repository.names import quote_name, unquote_name

#: Expected figures are what stock restic 0.14 (Go 1.19) wrote for these names, and the table in
#: the documentation of Go's strconv package.
QUOTED = [
    (b"plain.txt", "plain.txt"),
    (b"two words", "two words"),
    ("Gr\u00fc\u00dfe \u4f60\u597d \U0001f600".encode(), "Gr\u00fc\u00dfe \u4f60\u597d \U0001f600"),
    (b'say "hi"', r"say \"hi\""),
    (b"it's", "it's"),
    (b"back\\slash", r"back\\slash"),
    (b"new\nline\ttab\rreturn", r"new\nline\ttab\rreturn"),
    (b"\a\b\f\v", r"\a\b\f\v"),
    (b"\x01\x1f\x7f", r"\x01\x1f\x7f"),
    (b"\xff\xfe", r"\xff\xfe"),
    (b"caf\xe9", r"caf\xe9"),
    (b"cut \xe2\x82", r"cut \xe2\x82"),
    (b"surrogate \xed\xa0\x80", r"surrogate \xed\xa0\x80"),
    (b"too long \xc0\x80", r"too long \xc0\x80"),
    ("soft\u00adhyphen".encode(), r"soft\u00adhyphen"),
    ("no\u00a0break \u2028 \u200b".encode(), r"no\u00a0break \u2028 \u200b"),
    ("private \ue000 \U000f0000".encode(), r"private \ue000 \U000f0000"),
    ("c1 \u0085".encode(), r"c1 \u0085"),
    ("replaced \ufffd".encode(), "replaced \ufffd"),
    ("combined e\u0301".encode(), "combined e\u0301"),
    (b"<&>", "<&>"),
    (b"n" * 255, "n" * 255),
    (b"\xff" * 255, r"\xff" * 255),
]


@pytest.mark.parametrize(("name", "quoted"), QUOTED)
def test_a_name_is_written_as_go_quotes_it_and_read_back(name, quoted):
    assert quote_name(name) == quoted
    assert unquote_name(quoted) == name


@given(st.binary(max_size=300))
def test_any_bytes_survive_quoting(name):
    assert unquote_name(quote_name(name)) == name


@given(st.text(max_size=100))
def test_any_text_survives_quoting(name):
    raw = name.encode("utf-8", "surrogatepass")

    assert unquote_name(quote_name(raw)) == raw


@given(st.binary(max_size=100))
def test_a_quoted_name_is_printable_text_without_bare_quotes(name):
    quoted = quote_name(name)

    assert quoted.isprintable()
    assert '"' not in quoted.replace(r"\\", "").replace(r"\"", "")


@pytest.mark.parametrize(
    ("quoted", "name"),
    [(r"\101\377", b"A\xff"), (r"\u00ad", b"\xc2\xad"), (r"\U0001F600", b"\xf0\x9f\x98\x80")],
)
def test_spellings_that_go_reads_but_does_not_write_are_read(quoted, name):
    assert unquote_name(quoted) == name


@pytest.mark.parametrize(
    "text",
    [
        'bare"quote',
        "bare\nnewline",
        "ends in \\",
        r"\q",
        r"\'",
        r"\xf",
        r"\777",
        r"\u12",
        r"\ud800",
        r"\U00110000",
        r"\UFFFFFFFF",
    ],
)
def test_what_go_would_refuse_to_unquote_is_damage(text):
    with pytest.raises(RepositoryDamaged):
        unquote_name(text)
