"""Names from servers, made safe to show.

A file name is bytes chosen by somebody else: it may hold terminal escape sequences, line ends
that forge a log line, or characters that reverse the reading direction. None of them reaches a
terminal, a log or a JSON document as it is.
"""

import unicodedata
from typing import Final

#: Control, format (which includes the bidirectional overrides), surrogate, private, unassigned,
#: and the line and paragraph separators.
_UNSAFE_CATEGORIES: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
#: What a lone byte becomes under `surrogateescape`: U+DC80 … U+DCFF.
_LONE_BYTES: Final = range(0xDC80, 0xDD00)
_LAST_BYTE: Final = 0xFF
_LAST_BASIC: Final = 0xFFFF


def printable(name: bytes | str) -> str:
    r"""`name` on one line, with what cannot be shown safely written as `\x1b` or `\u202e`.

    Bytes that are no UTF-8 are written as `\xff`. A backslash stays as it is: the result is for
    reading, not for turning back into the name.
    """
    text = name.decode(errors="surrogateescape") if isinstance(name, bytes) else name
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_escape, text))


def printable_lines(text: str) -> str:
    """Like `printable`, but line ends stay: for messages of several lines."""
    return "\n".join(printable(line) for line in text.split("\n"))


def _escape(character: str) -> str:
    if unicodedata.category(character) not in _UNSAFE_CATEGORIES:
        return character
    code = ord(character)
    if code in _LONE_BYTES:
        return f"\\x{code - 0xDC00:02x}"
    if code <= _LAST_BYTE:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= _LAST_BASIC else f"\\U{code:08x}"
