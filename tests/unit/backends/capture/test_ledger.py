"""What the ledger lets the image walk believe about a staged file."""

import os
from dataclasses import replace
from pathlib import Path

from backends.capture.ledger import Ledger, StoredContent
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
    ledger = Ledger()
    ledger.enter(content_of(first))

    os.link(first, tmp_path / "second")

    assert ledger.find((tmp_path / "second").stat()) == content_of(first)


def test_a_file_that_changed_after_it_was_stored_is_not_believed(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"data")
    ledger = Ledger()
    ledger.enter(content_of(file))

    os.utime(file, ns=(1, 1))

    assert ledger.find(file.stat()) is None


def test_what_was_equal_once_stays_so_under_another_checksum(tmp_path: Path) -> None:
    """The journal of a cut pull may speak of the content before."""
    file = tmp_path / "file"
    file.write_bytes(b"data")
    ledger = Ledger()
    ledger.enter(content_of(file))

    entered = ledger.enter(replace(content_of(file), compared=False))

    assert entered.compared
    assert ledger.find(file.stat()) == entered


def test_other_bytes_are_not_excused_by_what_was_there_before(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"data")
    ledger = Ledger()
    ledger.enter(content_of(file))

    entered = ledger.enter(replace(content_of(file), sha256=b"o" * 32, compared=False))

    assert not entered.compared


def test_mismatches_are_told_in_order() -> None:
    ledger = Ledger()
    ledger.report_mismatch(b"b")
    ledger.report_mismatch(b"a")
    ledger.report_mismatch(b"a")

    assert ledger.mismatched == (b"a", b"b")
