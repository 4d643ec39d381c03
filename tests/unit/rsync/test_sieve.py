"""What is as it was is taken out of rsync's lines, and nothing else."""

from pathlib import Path

from backends.rsync.output import parse_line
from backends.rsync.sieve import Sieve

BLANK = b" " * 32
CHECKSUM = b"0" * 32
LATER = 1 << 62


def sifted(*lines: bytes, staging: str = "/nowhere", since: int = LATER) -> tuple[Sieve, bytes]:
    sieve = Sieve(staging, since)
    rest = sieve.sift(b"".join(lines))
    sieve.note([parse_line(line) for line in rest])
    sieve.named.seal()
    return sieve, b"".join(rest)


def test_what_is_as_it_was_is_named_and_goes_no_further() -> None:
    sieve, rest = sifted(
        b".d          0 4096 %s srv/\n" % BLANK,
        b".f          0 9 %s srv/plain\n" % BLANK,
        b".L          0 3 %s srv/ two words \n" % BLANK,
        b".S          0 0 %s srv/two\\#012lines\n" % BLANK,
    )

    assert rest == b""
    assert sieve.count == 4
    for path in (b"srv", b"srv/plain", b"srv/ two words ", b"srv/two\nlines"):
        assert path in sieve.named
    assert b"srv/plai" not in sieve.named
    assert not sieve.is_doubtful


def test_what_has_changed_is_named_and_handed_on() -> None:
    lines = (
        b">f.st...... 9 9 %s srv/sent\n" % CHECKSUM,
        b".f...p..... 0 9 %s srv/mode\n" % BLANK,
        b"cd+++++++++ 0 4096 %s srv/new/\n" % BLANK,
        b"srv/huge is over max-size\n",
        b"*deleting   0 0 %s srv/gone\n" % BLANK,
    )
    sieve, rest = sifted(*lines)

    assert rest == b"".join(lines)
    for path in (b"srv/sent", b"srv/mode", b"srv/new", b"srv/huge"):
        assert path in sieve.named
    assert b"srv/gone" not in sieve.named


def test_a_line_that_is_not_understood_leaves_a_doubt() -> None:
    """What the server has rsync print may lack its line break, and hide a name behind it."""
    line = b".f          0 9 %s srv/plain\n" % BLANK
    sieve, rest = sifted(b"a message of the server's" + line, line)

    assert rest == b"a message of the server's" + line
    assert sieve.is_doubtful


def test_a_further_name_made_since_the_pull_began_is_no_old_one(tmp_path: Path) -> None:
    """Rsync prints the same for one that was there before."""
    (tmp_path / "link").touch()
    since = (tmp_path / "link").stat().st_ctime_ns
    line = b"hf          0 0 %s link\n" % BLANK

    assert sifted(line, staging=str(tmp_path), since=since)[1] == line
    old, rest = sifted(line, staging=str(tmp_path), since=since + 1)
    assert rest == b""
    assert b"link" in old.named
