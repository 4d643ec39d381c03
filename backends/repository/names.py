r"""Names of files as restic's trees hold them: Go's `strconv.Quote`, without the outer quotes.

A name on disk is any bytes but `/` and NUL; JSON holds only text. restic therefore writes what Go
would write between double quotes in source code: `a"b` becomes `a\"b`, the byte 0xff `\xff`, and
every character that Go calls unprintable an escape. Trees with the same entries must come out
byte for byte the same, or every run would store them anew.
"""

import re

from backends.errors import RepositoryDamaged

#: Where Python's `surrogateescape` puts the bytes 0x80 to 0xff that are not UTF-8.
_RAW_BYTES = range(0xDC80, 0xDD00)
_ASCII_END = 0x80
_FOUR_DIGITS_END = 0x10000

_SHORT = {
    "\a": r"\a",
    "\b": r"\b",
    "\f": r"\f",
    "\n": r"\n",
    "\r": r"\r",
    "\t": r"\t",
    "\v": r"\v",
    "\\": r"\\",
    '"': r"\"",
}
_SHORT_BACK = {escape[1]: char.encode() for char, escape in _SHORT.items()}

#: One stretch of plain text or one escape, as Go's `strconv.Unquote` takes them.
_PIECE = re.compile(
    r"""(?P<plain>[^\\"\n]+)
    | \\ (?: (?P<short>[abfnrtv\\"])
           | x(?P<byte>[0-9a-fA-F]{2})
           | (?P<octal>[0-3][0-7]{2})
           | u(?P<four>[0-9a-fA-F]{4})
           | U(?P<eight>[0-9a-fA-F]{8}) )""",
    re.VERBOSE,
)


def quote_name(name: bytes) -> str:
    """Write a raw name as Go's `strconv.Quote` does.

    Which characters count as printable follows Python's Unicode tables, which differ from Go's
    only for characters newer than either; both spellings read back as the same name.
    """
    text = name.decode("utf-8", "surrogateescape")
    if text.isprintable() and '"' not in text and "\\" not in text:
        return text
    return "".join(map(_quote_character, text))


def _quote_character(char: str) -> str:
    if char in _SHORT:
        return _SHORT[char]
    if char.isprintable():
        return char
    code = ord(char)
    if code in _RAW_BYTES or code < _ASCII_END:
        return f"\\x{code & 0xFF:02x}"
    return f"\\u{code:04x}" if code < _FOUR_DIGITS_END else f"\\U{code:08x}"


def unquote_name(text: str) -> bytes:
    """Give back the raw name.

    Raises:
        RepositoryDamaged: Go's `strconv.Unquote` would refuse this text.
    """
    if "\\" not in text and '"' not in text and "\n" not in text:
        return text.encode()
    name = bytearray()
    position = 0
    while position < len(text):
        piece = _PIECE.match(text, position)
        if piece is None:
            raise RepositoryDamaged(f"Not a quoted name: {text!r}.")
        name += _unquote_piece(piece)
        position = piece.end()
    return bytes(name)


def _unquote_piece(piece: re.Match[str]) -> bytes:
    kind, value = piece.lastgroup, piece[piece.lastgroup or 0]
    if kind == "plain":
        return value.encode()
    if kind == "short":
        return _SHORT_BACK[value]
    if kind == "byte":
        return bytes([int(value, 16)])
    if kind == "octal":
        return bytes([int(value, 8)])
    try:
        return chr(int(value, 16)).encode()
    except (ValueError, OverflowError) as error:  # a surrogate, or beyond the last code point
        raise RepositoryDamaged(f"Not a character: {piece[0]}.") from error


def name_fault(name: bytes) -> str:
    """Say why a name must not be made into a path, or nothing where it may."""
    if not name:
        return "it has no name"
    if b"/" in name:
        return "its name has a slash"
    if b"\0" in name:
        return "its name has a NUL"
    return "its name stands for another folder" if name in (b".", b"..") else ""
