"""Rows of which most are on disk."""

import os
import tracemalloc
from pathlib import Path

import pytest

from backends.capture.rows import Rows
from backends.errors import LocalPathUnusable

SIZE = 64
#: Some of them in memory, some on disk, and a last block that is not full.
MANY = 70_000


def row(number: int, sign: bytes = b"") -> bytes:
    return (b"%d " % number + sign).ljust(SIZE)


def filled(folder: Path, count: int) -> Rows:
    rows = Rows(SIZE, folder)
    for number in range(count):
        rows.append(row(number))
    return rows


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_each_row_is_found_wherever_it_is(tmp_path: Path) -> None:
    rows = filled(tmp_path, MANY)

    assert [rows[number] for number in range(MANY)] == [row(number) for number in range(MANY)]
    assert len(rows) == MANY


def test_a_row_is_replaced_wherever_it_is(tmp_path: Path) -> None:
    rows = filled(tmp_path, MANY)
    places = (0, 65_535, 65_536, 66_559, 66_560, MANY - 1)
    for number in places:
        rows[number] = row(number, b"again")

    assert [rows[number] for number in places] == [row(number, b"again") for number in places]
    assert rows[65_537] == row(65_537)


def test_nothing_is_left_in_the_folder(tmp_path: Path) -> None:
    before = open_files()
    rows = filled(tmp_path, MANY)

    assert not any(tmp_path.iterdir())
    del rows
    assert open_files() == before


def test_many_rows_take_no_more_memory_than_some(tmp_path: Path) -> None:
    """Twice as many would be 4 MB more."""
    tracemalloc.start()
    try:
        rows = filled(tmp_path, MANY)
        some = tracemalloc.get_traced_memory()[0]
        for number in range(MANY, 2 * MANY):
            rows.append(row(number))
        many = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()

    assert many - some < 100_000


def test_rows_that_the_disk_does_not_take_stay_in_memory(tmp_path: Path) -> None:
    rows = filled(tmp_path / "is not there", MANY)
    rows[65_536] = row(65_536, b"again")

    assert rows[65_536] == row(65_536, b"again")
    assert rows[65_537] == row(65_537)


def test_a_row_that_cannot_be_read_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = filled(tmp_path, MANY)
    monkeypatch.setattr(os, "pread", lambda *_: b"")

    with pytest.raises(LocalPathUnusable):
        rows[65_536]
