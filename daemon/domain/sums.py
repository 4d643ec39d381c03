r"""The SHA256SUMS listing of a run: what `sha256sum -c` of GNU coreutils reads.

After a restore, `lapseguard show RUN --sums > SHA256SUMS; cd TARGET; sha256sum -c SHA256SUMS`
proves it, and the manifest names the digest of that text. A line is the digest, two spaces and the
name; where the name holds a backslash, a newline or a carriage return these are written `\\`, `\n`,
`\r`, and the line begins with a backslash.
"""

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from heapq import merge
from typing import Final

from daemon.domain.pathtext import RawPath, write_path
from daemon.errors import ManifestInvalid

_LINE: Final = re.compile(rb"(\\?)([0-9a-f]{64})  ([^\n\0]+)\n", re.DOTALL)
_UNSAFE: Final = re.compile(rb"[\\\n\r]")
_ESCAPES: Final = {b"\\": b"\\\\", b"\n": b"\\n", b"\r": b"\\r"}
_ESCAPED: Final = re.compile(rb"\\(.?)", re.DOTALL)
_PLAIN: Final = {escape[1:]: byte for byte, escape in _ESCAPES.items()}
_SHA256_BYTES: Final = 32
#: What no part of a clean path is called.
_NO_NAMES: Final = frozenset({b"", b".", b".."})
#: After the keys of all that is below a path, and before every other one.
_BEYOND: Final = b"\1"
#: Bytes of an edited listing that are handed on at a time.
_PIECE: Final = 1 << 16


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
        added: In the order of the listing; a path that is still listed has to be among `removed`.

    Returns:
        Pieces of some `_PIECE` bytes, or as long as a part.

    Raises:
        ManifestInvalid: a line that is looked at is of another form, or a path is not clean, or
            comes out of order or twice.
    """
    return _join(_edited(parts, sorted(map(walk_key, removed)), _Added(added)))


def whole_lines(parts: Iterable[bytes]) -> Iterator[list[bytes]]:
    """The lines of a listing that comes in pieces of any length, some at a time.

    Raises:
        ManifestInvalid: it ends within a line.
    """
    rest = b""
    for part in parts:
        end = part.rfind(b"\n") + 1
        if end:
            yield (rest + part[:end]).splitlines(keepends=True)
            rest = b""
        rest += part[end:]
    if rest:
        raise ManifestInvalid("The listing ends within a line.")


def walk_key(path: RawPath) -> bytes:
    """Sorts as the names on the way do: no name has a NUL, which comes before all others."""
    return path.replace(b"/", b"\0")


class _Added:
    """What is put in, taken one by one: there may be as many as there are files."""

    def __init__(self, added: Iterable[FileSum]) -> None:
        self._rest = _keyed_lines(added)
        self._next = next(self._rest, None)

    def up_to(self, last: bytes) -> Iterator[tuple[bytes, bytes]]:
        """The next key and line, as long as the key is not beyond."""
        while self._next is not None and self._next[0] <= last:
            yield self._next
            self._next = next(self._rest, None)

    def rest(self) -> Iterator[bytes]:
        """All other lines."""
        if self._next is not None:
            yield self._next[1]
            yield from (line for _, line in self._rest)


def _keyed_lines(added: Iterable[FileSum]) -> Iterator[tuple[bytes, bytes]]:
    before = b""
    for entry in added:
        line, key = _checked_line(entry), walk_key(entry.path)
        if key <= before:
            raise ManifestInvalid(f"{write_path(entry.path)} is out of order in the listing.")
        before = key
        yield key, line


def _edited(parts: Iterable[bytes], cuts: list[bytes], added: _Added) -> Iterator[bytes]:
    for lines in whole_lines(parts):
        last = _key_of(lines[-1])
        yield from _edit_lines(lines, [key for key in cuts if key <= last], added.up_to(last))
        cuts = [key for key in cuts if key + _BEYOND > last]
    yield from added.rest()


def _edit_lines(
    lines: list[bytes], cuts: list[bytes], added: Iterable[tuple[bytes, bytes]]
) -> Iterator[bytes]:
    cursor = 0
    for key, line in merge(((key, b"") for key in cuts), added):
        start, end = (bisect_left(lines, key, key=_key_of),) * 2 if line else _cut(lines, key)
        yield b"".join(lines[cursor:start])
        cursor = max(cursor, end)
        yield line
    yield b"".join(lines[cursor:])


def _join(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same in fewer pieces: each costs its taker something."""
    together = bytearray()
    for piece in pieces:
        together += piece
        if len(together) >= _PIECE:
            yield bytes(together)
            together.clear()
    yield bytes(together)


def _cut(lines: list[bytes], key: bytes) -> tuple[int, int]:
    """The lines of a path and of everything below it."""
    start = bisect_left(lines, key, key=_key_of)
    return start, bisect_left(lines, key + _BEYOND, start, key=_key_of)


def _checked_line(entry: FileSum) -> bytes:
    _split(entry)
    return _write_line(entry)


def _key_of(line: bytes) -> bytes:
    (entry,) = read_sums([line])
    return walk_key(entry.path)


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
    if b"\0" in entry.path or not _NO_NAMES.isdisjoint(names):
        raise ManifestInvalid(f"{write_path(entry.path)!r} is not a clean relative path.")
    if len(entry.sha256) != _SHA256_BYTES:
        raise ManifestInvalid(f"{write_path(entry.path)} has no SHA-256 of 32 bytes.")
    return names
