"""Files of an import: what they are, in which encoding, and how much of them."""

from io import BytesIO
from pathlib import Path

import pytest

from daemon.services.fleet_sources import decode, is_tabular, read_sources

LARGEST = 64 * 1024**2


@pytest.mark.parametrize(
    ("data", "text", "noted"),
    [
        ("阿里云".encode(), "阿里云", ""),
        ("阿里云".encode("utf-8-sig"), "阿里云", ""),
        ("阿里云".encode("utf-16"), "阿里云", "UTF-16"),
        ("阿里云".encode("gb18030"), "阿里云", "GB18030"),
    ],
)
def test_spreadsheets_may_save_in_their_usual_encodings(data: bytes, text: str, noted: str) -> None:
    found = decode(data)

    assert found is not None
    assert found[0] == text
    assert noted in found[1]


def test_bytes_that_are_no_text_are_refused() -> None:
    problems = read_sources(["-"], BytesIO(b"\xff\xff\xff")).problems

    assert [str(problem) for problem in problems] == [
        "standard input: is neither UTF-8 nor GB18030 text. Save it as UTF-8."
    ]


@pytest.mark.parametrize(
    ("file", "text", "tabular"),
    [
        ("c.csv", "[servers.x]", True),
        ("C.TSV", "", True),
        ("fleet.toml", "a,b", False),
        ("-", "# comment\n\n[servers.x]\n", False),
        ("-", "servers.x.host = 1\n", False),
        ("-", "name,provider\n", True),
        ("fleet.txt", "name;provider\n", True),
        ("-", "", False),
    ],
)
def test_a_file_is_known_by_its_name_or_its_first_line(
    file: str, text: str, *, tabular: bool
) -> None:
    assert is_tabular(file, text) is tabular


def test_a_file_that_is_too_large_is_not_read_on(tmp_path: Path) -> None:
    path = tmp_path / "big.toml"
    with path.open("wb") as file:
        file.truncate(LARGEST + 1)

    (problem,) = read_sources([str(path)], BytesIO()).problems
    assert "is larger than 64 MiB" in problem.message


def test_every_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    good = tmp_path / "good.toml"
    good.write_text("")
    found = read_sources([str(good), str(tmp_path / "none"), str(tmp_path)], BytesIO())

    assert [source.name for source in found.readable] == [str(good)]
    assert [problem.message for problem in found.problems] == [
        "cannot be read: No such file or directory.",
        "cannot be read: Is a directory.",
    ]


def test_a_file_that_is_named_twice_is_read_once(tmp_path: Path) -> None:
    path = tmp_path / "good.toml"
    path.write_text("")

    assert len(read_sources([str(path), str(path)], BytesIO()).readable) == 1
