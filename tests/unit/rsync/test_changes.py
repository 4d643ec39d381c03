"""Which paths a pull has changed, and when nobody can say."""

from backends.rsync.changes import ChangedPaths
from backends.rsync.output import parse_line


def noted(*lines: bytes) -> frozenset[bytes] | None:
    paths = ChangedPaths()
    for line in lines:
        paths.note(parse_line(line))
    found = paths.all()
    return None if found is None else frozenset(found)


def test_every_kind_of_line_names_what_it_changed() -> None:
    checksum = b"0" * 32
    assert noted(
        b">f+++++++++ 9 9 %s srv/new\n" % checksum,
        b".f...p..... 0 9 %s srv/mode\n" % (b" " * 32),
        b".d..t...... 0 4096 %s srv/\n" % (b" " * 32),
        b"cL+++++++++ 0 3 %s srv/link\n" % (b" " * 32),
        b"hf+++++++++ 0 9 %s srv/second\n" % (b" " * 32),
        b"*deleting   0 0 %s srv/gone/\n" % (b" " * 32),
    ) == frozenset((b"srv/new", b"srv/mode", b"srv", b"srv/link", b"srv/second", b"srv/gone"))


def test_a_file_that_is_too_large_is_left_as_it_was() -> None:
    assert noted(b"srv/huge is over max-size\n") == frozenset()


def test_a_line_that_is_not_understood_may_have_hidden_another() -> None:
    """What the server has rsync print may lack its line break."""
    line = b">f+++++++++ 9 9 %s srv/new\n" % (b"0" * 32)
    assert noted(line, b"a message of the server's" + line, line) is None
