"""The files of an import: found, bounded, decoded, and known for what they are."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from daemon.domain.fleet import Place, Problem

#: What stands for standard input on a command line.
STDIN: Final = "-"
_LARGEST: Final = 64 * 1024**2
_COMMENT: Final = re.compile(r"\s*(#.*)?")
_TOML_LINE: Final = re.compile(r"""\s*(\[|[\w."' -]+=)""")
_UTF16_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetSource:
    """The text of one file.

    Attributes:
        name: As the person named it.
        folder: What its relative paths are taken from.
        text: Without a byte order mark.
        sha256: Of its bytes, in hex.
        tabular: Whether it is CSV; else it is TOML.
        note: What a person should know about how it was read; may be empty.
    """

    name: str
    folder: Path
    text: str
    sha256: str
    tabular: bool
    note: str = ""

    @property
    def evidence(self) -> str:
        """What a renewal that comes from this file refers to."""
        return f"import of {self.name} (sha256 {self.sha256})"


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetSources:
    """All the files of one import.

    Attributes:
        readable: In the order in which they were named.
        problems: One for each that cannot be read.
    """

    readable: tuple[FleetSource, ...]
    problems: tuple[Problem, ...] = ()


def read_sources(files: Sequence[str], stdin: BinaryIO) -> FleetSources:
    """The files that can be read, and what is wrong with the others.

    Args:
        files: Their names; `-` is standard input.
        stdin: That.
    """
    found = [_read(file, stdin) for file in dict.fromkeys(files)]
    return FleetSources(
        readable=tuple(each for each in found if isinstance(each, FleetSource)),
        problems=tuple(each for each in found if isinstance(each, Problem)),
    )


def _read(file: str, stdin: BinaryIO) -> FleetSource | Problem:
    name = "standard input" if file == STDIN else file
    try:
        data = stdin.read(_LARGEST + 1) if file == STDIN else _read_file(Path(file))
    except OSError as error:
        return Problem(place=Place(file=name), message=f"cannot be read: {error.strerror}.")
    if len(data) > _LARGEST:
        limit = f"is larger than {_LARGEST // 1024**2} MiB; nothing of it was read."
        return Problem(place=Place(file=name), message=limit, hint="Split it into several files.")
    decoded = decode(data)
    if decoded is None:
        message = "is neither UTF-8 nor GB18030 text."
        return Problem(place=Place(file=name), message=message, hint="Save it as UTF-8.")
    text, note = decoded
    return FleetSource(
        name=name,
        folder=Path() if file == STDIN else Path(file).absolute().parent,
        text=text,
        sha256=hashlib.sha256(data).hexdigest(),
        tabular=is_tabular(file, text),
        note=note and f"{name} {note}",
    )


def _read_file(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_LARGEST + 1)


def decode(data: bytes) -> tuple[str, str] | None:
    """The text of some bytes, and a note where they were no UTF-8; None where nothing fits.

    Spreadsheets save CSV in UTF-8 with a mark in front, in UTF-16, or, in China, in GB18030.
    """
    if data.startswith(_UTF16_MARKS):
        encodings = {"utf-16": "is UTF-16, and was read so."}
    else:
        encodings = {
            "utf-8-sig": "",
            "gb18030": "is not UTF-8; it was read as GB18030. See whether the names are right.",
        }
    for encoding, note in encodings.items():
        try:
            return data.decode(encoding), note
        except UnicodeDecodeError:
            continue  # the next one may fit
    return None


def is_tabular(file: str, text: str) -> bool:
    """Whether a file is CSV: by its name, else by the first line that is no comment."""
    suffix = Path(file).suffix.lower()
    if suffix in {".csv", ".tsv", ".toml"}:
        return suffix != ".toml"
    first = next((line for line in text.splitlines() if not _COMMENT.fullmatch(line)), "[")
    return not _TOML_LINE.match(first)
