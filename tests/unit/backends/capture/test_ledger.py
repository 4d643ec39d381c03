"""What the ledger lets the image walk believe about a staged file."""

import os
import tempfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from backends.capture.ledger import Ledger
from backends.capture.storedcontent import RECORD_SIZE, StoredContent, fold, unfold
from backends.capture.waiting import Waiting
from backends.types import BlobId


def content_of(path: Path) -> StoredContent:
    stat = path.stat()
    return StoredContent(
        inode=stat.st_ino,
        size=stat.st_size,
        mtime_ns=stat.st_mtime_ns,
        blobs=(BlobId(b"b" * 32),),
        sha256=b"s" * 32,
        compared=True,
    )


def test_a_stored_file_is_found_again_under_each_of_its_hard_links(tmp_path: Path) -> None:
    first = tmp_path / "first"
    first.write_bytes(b"data")
    ledger = Ledger(tmp_path)
    ledger.enter(content_of(first))

    os.link(first, tmp_path / "second")

    assert ledger.find((tmp_path / "second").stat()) == content_of(first)


def test_a_file_that_changed_after_it_was_stored_is_not_believed(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"data")
    ledger = Ledger(tmp_path)
    ledger.enter(content_of(file))

    os.utime(file, ns=(1, 1))

    assert ledger.find(file.stat()) is None


def test_what_was_equal_once_stays_so_under_another_checksum(tmp_path: Path) -> None:
    """The journal of a cut pull may speak of the content before."""
    file = tmp_path / "file"
    file.write_bytes(b"data")
    ledger = Ledger(tmp_path)
    ledger.enter(content_of(file))

    entered = ledger.enter(replace(content_of(file), compared=False))

    assert entered.compared
    assert ledger.find(file.stat()) == entered


def test_other_bytes_are_not_excused_by_what_was_there_before(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"data")
    ledger = Ledger(tmp_path)
    ledger.enter(content_of(file))

    entered = ledger.enter(replace(content_of(file), sha256=b"o" * 32, compared=False))

    assert not entered.compared


def test_mismatches_are_told_in_order(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.report_mismatch(b"b")
    ledger.report_mismatch(b"a")
    ledger.report_mismatch(b"a")

    assert ledger.mismatched == (b"a", b"b")


def test_each_of_many_files_is_found_with_what_it_held(tmp_path: Path) -> None:
    """Far more than the ledger begins with room for, some of them stored once more."""
    stat = tmp_path.stat()
    found = {
        number: replace(content_of(tmp_path), inode=number << 12, sha256=bytes([number % 251]) * 32)
        for number in range(3000)
    }
    ledger = Ledger(tmp_path)
    for content in found.values():
        ledger.enter(replace(content, sha256=b"o" * 32))
    for content in found.values():
        ledger.enter(content)

    assert [ledger.find(stat_of(stat, number << 12)) for number in found] == [*found.values()]
    assert ledger.find(stat_of(stat, 1)) is None


def stat_of(stat: os.stat_result, inode: int) -> os.stat_result:
    """The same for another inode."""
    _, (values, named) = stat.__reduce__()
    return os.stat_result((values[0], inode, *values[2:]), named)


contents = st.builds(
    StoredContent,
    inode=st.integers(0, 2**64 - 1),
    size=st.integers(0, 2**63),
    mtime_ns=st.integers(-(2**80), 2**80),
    blobs=st.lists(st.binary(min_size=32, max_size=32).map(BlobId), max_size=3).map(tuple),
    sha256=st.binary(min_size=32, max_size=32),
    compared=st.booleans(),
    doubtful=st.booleans(),
)


@given(content=contents, whole=st.booleans())
def test_a_record_has_all_that_was_stored(*, content: StoredContent, whole: bool) -> None:
    if whole:
        content = replace(content, blobs=(BlobId(content.sha256),))
    record, ids = fold(content)

    assert unfold(record, ids) == content
    assert len(record) == RECORD_SIZE
    assert not (whole and ids)


@given(st.lists(st.tuples(st.binary(min_size=1, max_size=40), contents)))
def test_what_waits_on_disk_comes_back_as_often_as_it_is_asked(
    files: list[tuple[bytes, StoredContent]],
) -> None:
    with closing(Waiting(Path(tempfile.gettempdir()))) as waiting:
        for place, content in files:
            waiting.add(place, content)

        assert list(waiting) == files
        assert list(waiting) == files
        assert waiting.bytes == sum(content.size for _, content in files)
