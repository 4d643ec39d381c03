r"""The SHA256SUMS listing beside a manifest: what `sha256sum -c` of GNU coreutils reads.

After a restore, `cd TARGET && zstd -dc RUN.sha256.zst | sha256sum -c` proves it without this
program. A line is the digest, two spaces and the name; where the name holds a backslash, a newline
or a carriage return these are written `\\`, `\n`, `\r`, and the line begins with a backslash.
"""

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from daemon.domain.pathtext import RawPath, write_path
from daemon.errors import ManifestInvalid

_LINE: Final = re.compile(rb"(\\?)([0-9a-f]{64})  ([^\n\0]+)\n", re.DOTALL)
_UNSAFE: Final = re.compile(rb"[\\\n\r]")
_ESCAPES: Final = {b"\\": b"\\\\", b"\n": b"\\n", b"\r": b"\\r"}
_ESCAPED: Final = re.compile(rb"\\(.?)", re.DOTALL)
_PLAIN: Final = {escape[1:]: byte for byte, escape in _ESCAPES.items()}
_SHA256_BYTES: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSum:
    """One regular file.

    Attributes:
        path: Relative to the folder that is restored into.
        sha256: Of its content, 32 raw bytes.
    """

    path: RawPath
    sha256: bytes


def write_sums(sums: Iterable[FileSum]) -> Iterator[bytes]:
    """The listing, line by line.

    Args:
        sums: In the order of a walk through the trees: sorted by the names on the way.

    Raises:
        ManifestInvalid: a path is not relative and clean, or comes out of order or twice.
    """
    before: list[bytes] = []
    for entry in sums:
        names = _split(entry)
        if names <= before:
            raise ManifestInvalid(f"{write_path(entry.path)} is out of order in the listing.")
        before = names
        yield _write_line(entry)


def read_sums(lines: Iterable[bytes]) -> Iterator[FileSum]:
    """The entries of a listing that `write_sums` or `sha256sum` wrote.

    Args:
        lines: Each with its newline, as iterating over a binary file gives them.

    Raises:
        ManifestInvalid: a line is of another form.
    """
    for number, line in enumerate(lines, start=1):
        found = _LINE.fullmatch(line)
        if not found:
            raise ManifestInvalid(f"Line {number} of the listing is not a checksum and a name.")
        mark, digest, name = found.groups()
        path = _ESCAPED.sub(_unescape, name) if mark else name
        yield FileSum(path=path, sha256=bytes.fromhex(digest.decode("ascii")))


def edit_sums(listing: bytes, removed: Iterable[RawPath], added: Iterable[FileSum]) -> bytes:
    """A listing with some paths taken out and some put in, without looking at the others.

    Args:
        listing: What `write_sums` wrote, in one piece.
        removed: Files, or folders with all that is below them; one that is not listed is no error.
        added: In any order; a path that is still listed has to be among `removed`.

    Raises:
        ManifestInvalid: a line that is looked at is of another form, or a path is not clean.
    """
    lines = listing.splitlines(keepends=True)
    points = [_cut(lines, _key(path)) for path in removed]
    for entry in added:
        _split(entry)
        key = _key(entry.path)
        place = bisect_left(lines, key, key=_key_of)
        points.append((place, key, place, _write_line(entry)))
    kept: list[bytes] = []
    cursor = 0
    for start, _, end, line in sorted(points):
        kept += lines[cursor:start]
        cursor = max(cursor, end)
        kept.append(line)
    return b"".join([*kept, *lines[cursor:]])


def _cut(lines: list[bytes], key: bytes) -> tuple[int, bytes, int, bytes]:
    """The lines of a path and of everything below it."""
    start = bisect_left(lines, key, key=_key_of)
    return start, key, bisect_left(lines, key + b"\1", start, key=_key_of), b""


def _key(path: RawPath) -> bytes:
    """Sorts as the names on the way do: no name has a NUL, which comes before all others."""
    return path.replace(b"/", b"\0")


def _key_of(line: bytes) -> bytes:
    (entry,) = read_sums([line])
    return _key(entry.path)


def _write_line(entry: FileSum) -> bytes:
    name, escapes = _UNSAFE.subn(lambda found: _ESCAPES[found[0]], entry.path)
    mark = b"\\" if escapes else b""
    return mark + entry.sha256.hex().encode("ascii") + b"  " + name + b"\n"


def _unescape(found: re.Match[bytes]) -> bytes:
    plain = _PLAIN.get(found[1])
    if plain is None:
        raise ManifestInvalid(f"The listing has an unknown escape {found[0]!r}.")
    return plain


def _split(entry: FileSum) -> list[bytes]:
    names = entry.path.split(b"/")
    if any(name in {b"", b".", b".."} or b"\0" in name for name in names):
        raise ManifestInvalid(f"{write_path(entry.path)!r} is not a clean relative path.")
    if len(entry.sha256) != _SHA256_BYTES:
        raise ManifestInvalid(f"{write_path(entry.path)} has no SHA-256 of 32 bytes.")
    return names
