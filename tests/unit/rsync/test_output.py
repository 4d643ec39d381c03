"""Reading rsync's own report of what it did."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.rsync.output import Change, ChangeKind, parse_line, unescape_name
from backends.types import Arrival

BLANK = b" " * 32

#: Lines that rsync 3.5.0 printed, and what they mean.
RECORDED: list[tuple[bytes, Arrival | Change]] = [
    (
        b">f+++++++++ 45 5 b5e9c1ad071b3e7fc779cfaa5e523818 tmp/src/b\n",
        Arrival(
            path=b"tmp/src/b", size=5, checksum="b5e9c1ad071b3e7fc779cfaa5e523818", received=45
        ),
    ),
    (
        b">f.st...... 46 6 727ad3f7ad5d6e46ef9f10e74d1ddc65 tmp/src/a\n",
        Arrival(
            path=b"tmp/src/a", size=6, checksum="727ad3f7ad5d6e46ef9f10e74d1ddc65", received=46
        ),
    ),
    (
        b">f+++++++++ 48 8 92341d3767fba406ddc7982c34c22367 tmp/src/new\\#012line\n",
        Arrival(
            path=b"tmp/src/new\nline",
            size=8,
            checksum="92341d3767fba406ddc7982c34c22367",
            received=48,
        ),
    ),
    (
        b">f+++++++++ 47 7 1ffdb061306ab53372f0bbc1174d26a0 tmp/src/sp end \n",
        Arrival(
            path=b"tmp/src/sp end ",
            size=7,
            checksum="1ffdb061306ab53372f0bbc1174d26a0",
            received=47,
        ),
    ),
    (
        b"hf+++++++++ 0 5 " + BLANK + b" tmp/src/a\n",
        Arrival(path=b"tmp/src/a", size=5, linked_to=True),
    ),
    (
        b">f+++++++++ 41 1 " + BLANK + b" from/an old server\n",
        Arrival(path=b"from/an old server", size=1, received=41),
    ),
    (
        b"cd+++++++++ 0 4096 " + BLANK + b" tmp/src/d e/\n",
        Change(kind=ChangeKind.FOLDER, path=b"tmp/src/d e"),
    ),
    (
        b".d..t...... 0 4096 " + BLANK + b" ./\n",
        Change(kind=ChangeKind.FOLDER, path=b"."),
    ),
    (
        b"cL+++++++++ 0 12 " + BLANK + b" tmp/src/sl\n",
        Change(kind=ChangeKind.SYMLINK, path=b"tmp/src/sl"),
    ),
    (
        b"cD+++++++++ 0 0 " + BLANK + b" tmp/src/dev\n",
        Change(kind=ChangeKind.SPECIAL, path=b"tmp/src/dev"),
    ),
    (
        b"cS+++++++++ 0 0 " + BLANK + b" tmp/src/ff\n",
        Change(kind=ChangeKind.SPECIAL, path=b"tmp/src/ff"),
    ),
    (
        b".f...p..... 0 5 " + BLANK + b" tmp/src/tab\tx\n",
        Change(kind=ChangeKind.ATTRIBUTES, path=b"tmp/src/tab\tx"),
    ),
    (
        b"*deleting   0 0 " + BLANK + b' tmp/src2/un "q" \\#012 r\n',
        Change(kind=ChangeKind.DELETED, path=b'tmp/src2/un "q" \n r'),
    ),
    (
        b"*deleting   0 0 " + BLANK + b" tmp/src2/ud/\n",
        Change(kind=ChangeKind.DELETED, path=b"tmp/src2/ud"),
    ),
    (
        b"tmp/src/b i\\#012g is over max-size\n",
        Change(kind=ChangeKind.OVERSIZE, path=b"tmp/src/b i\ng"),
    ),
]


@pytest.mark.parametrize(("line", "expected"), RECORDED)
def test_every_kind_of_line_is_understood(line: bytes, expected: Arrival | Change) -> None:
    assert parse_line(line) == expected


@pytest.mark.parametrize(
    "line",
    [
        b"\n",
        b"created directory /tmp/dst\n",
        b"IO error encountered -- skipping file deletion\n",
        b"Client negotiated checksum: xxh128\n",
        b">f+++++++++ 45 5 nonsense tmp/src/b\n",
        b">f+++++++++ -1 5 " + BLANK + b" tmp/src/b\n",
        b">f+++++++++ 45 5 b5e9c1ad071b3e7fc779cfaa5e523818 \n",
    ],
)
def test_whatever_else_rsync_prints_is_passed_over(line: bytes) -> None:
    assert parse_line(line) is None


@pytest.mark.parametrize(("line", "_"), RECORDED)
def test_a_line_that_was_cut_off_says_nothing(line: bytes, _: object) -> None:
    assert all(parse_line(line[:length]) is None for length in range(len(line)))


@pytest.mark.parametrize(
    "name",
    [
        b"/etc/shadow",
        b"../../etc/shadow",
        b"a/../../b",
        b"a//b",
        b"./a",
        b"a/./b",
        b"..",
        b".",
        b"a/\\#000b",
        b"\\#056\\#056/a",
        b"\\#057etc",
    ],
)
def test_a_forged_name_that_leaves_staging_is_not_taken(name: bytes) -> None:
    assert parse_line(b">f+++++++++ 45 5 " + BLANK + b" " + name + b"\n") is None
    assert parse_line(name + b" is over max-size\n") is None


def escape_name(name: bytes) -> bytes:
    """The rule of rsync for printing, in the C locale: see `filtered_fwrite` in its log.c."""
    printed = bytearray()
    for position, byte in enumerate(name):
        looks_escaped = re.match(rb"\\#\d{3}", name[position:])
        if looks_escaped or (byte != 0x09 and not 0x20 <= byte < 0x7F):
            printed += b"\\#%03o" % byte
        else:
            printed.append(byte)
    return bytes(printed)


names = st.one_of(
    st.binary(min_size=1, max_size=40),
    st.text(alphabet="\\#0129 \n\té", min_size=1).map(str.encode),
)


@given(names)
def test_a_name_survives_being_printed_and_read(name: bytes) -> None:
    assert unescape_name(escape_name(name)) == name


@given(names)
def test_a_printed_name_stays_on_its_line(name: bytes) -> None:
    line = b">f+++++++++ 1 2 " + BLANK + b" srv/" + escape_name(name) + b"\n"

    assert line.count(b"\n") == 1
    found = parse_line(line)
    if found is not None:
        assert found.path.removeprefix(b"srv/") in {name, name.removesuffix(b"/")}
    else:
        assert {b"", b".", b".."} & set(name.removesuffix(b"/").split(b"/")) or b"\0" in name


@given(st.binary(max_size=200))
def test_no_line_breaks_the_reader(line: bytes) -> None:
    found = parse_line(line + b"\n")

    assert found is None or not found.path.startswith(b"/")
