"""Paths are bytes; JSON is text. One spelling that loses nothing and shows nothing dangerous."""

import re
from typing import Final, TypeAlias

from daemon.errors import InvalidValue

#: A path as the server has it.
RawPath: TypeAlias = bytes

#: Besides control characters: what reorders or hides text on a terminal, and our own mark.
_UNSAFE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f%\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\udc80-\udcff]"
)
_ESCAPED: Final = re.compile(r"(?:%[0-9A-F]{2})+", re.ASCII)


def write_path(path: RawPath) -> str:
    """`path` as text: UTF-8 as it is; other bytes, `%` and control characters as `%0A`."""
    return _UNSAFE.sub(_escape, path.decode(errors="surrogateescape"))


def read_path(text: str) -> RawPath:
    """The bytes that `write_path` was given.

    Raises:
        InvalidValue: `write_path` writes no such text.
    """
    pieces: list[bytes] = []
    end = 0
    for escaped in _ESCAPED.finditer(text):
        pieces += [_encode(text[end : escaped.start()])]
        pieces += [bytes.fromhex(escaped[0].replace("%", ""))]
        end = escaped.end()
    path = b"".join([*pieces, _encode(text[end:])])
    if write_path(path) != text:
        raise InvalidValue(f"{text!r} is not a path as manifests write it.")
    return path


def _encode(text: str) -> bytes:
    try:
        return text.encode(errors="surrogateescape")
    except UnicodeEncodeError as error:
        raise InvalidValue(f"{text!r} holds half a character.") from error


def _escape(found: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in _encode(found[0]))
