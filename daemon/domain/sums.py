r"""The SHA256SUMS listing beside a manifest: what `sha256sum -c` of GNU coreutils reads.

After a restore, `cd TARGET && zstd -dc RUN.sha256.zst | sha256sum -c` proves it without this
program. A line is the digest, two spaces and the name; where the name holds a backslash, a newline
or a carriage return these are written `\\`, `\n`, `\r`, and the line begins with a backslash.
"""

import re
from bisect import bisect_left, bisect_right
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
#: After the keys of all that is below a path, and before every other one.
_BEYOND: Final = b"\1"


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


def edit_sums(
    parts: Iterable[bytes], removed: Iterable[RawPath], added: Iterable[FileSum]
) -> Iterator[bytes]:
    """A listing with some paths taken out and some put in, hardly looking at the others.

    Args:
        parts: What `write_sums` wrote, in pieces of any length; one is held in memory at a time.
        removed: Files, or folders with all that is below them; one that is not listed is no error.
        added: In any order; a path that is still listed has to be among `removed`.

    Raises:
        ManifestInvalid: a line that is looked at is of another form, or a path is not clean.
    """
    cuts = sorted(map(_key, removed))
    lines_in = sorted((_key(entry.path), _checked_line(entry)) for entry in added)
    for lines in _whole_lines(parts):
        last = _key_of(lines[-1])
        place = bisect_right(lines_in, last, key=_first)
        here, lines_in = lines_in[:place], lines_in[place:]
        yield _edit_lines(lines, [key for key in cuts if key <= last], here)
        cuts = [key for key in cuts if key + _BEYOND > last]
    yield b"".join(line for _, line in lines_in)


def _edit_lines(lines: list[bytes], cuts: list[bytes], added: list[tuple[bytes, bytes]]) -> bytes:
    points = [(*_cut(lines, key), key, b"") for key in cuts]
    for key, line in added:
        place = bisect_left(lines, key, key=_key_of)
        points.append((place, place, key, line))
    kept: list[bytes] = []
    cursor = 0
    for start, end, _, line in sorted(points, key=_start_and_key):
        kept += lines[cursor:start]
        cursor = max(cursor, end)
        kept.append(line)
    return b"".join([*kept, *lines[cursor:]])


def _whole_lines(parts: Iterable[bytes]) -> Iterator[list[bytes]]:
    rest = b""
    for part in parts:
        end = part.rfind(b"\n") + 1
        if end:
            yield (rest + part[:end]).splitlines(keepends=True)
            rest = b""
        rest += part[end:]
    if rest:
        raise ManifestInvalid("The listing ends within a line.")


def _cut(lines: list[bytes], key: bytes) -> tuple[int, int]:
    """The lines of a path and of everything below it."""
    start = bisect_left(lines, key, key=_key_of)
    return start, bisect_left(lines, key + _BEYOND, start, key=_key_of)


def _first(pair: tuple[bytes, bytes]) -> bytes:
    return pair[0]


def _start_and_key(point: tuple[int, int, bytes, bytes]) -> tuple[int, bytes]:
    return point[0], point[2]


def _checked_line(entry: FileSum) -> bytes:
    _split(entry)
    return _write_line(entry)


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
