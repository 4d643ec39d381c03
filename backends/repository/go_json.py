"""JSON to the byte as Go's `encoding/json` writes it.

Content-addressed storage makes this matter: the same tree must give the same blob whoever wrote
it. orjson agrees with Go (1.22 and later) in everything but the five characters escaped here.
"""

import re
from typing import Any

import orjson

from backends.errors import RepositoryDamaged

#: Go escapes these so that JSON can stand inside HTML and JavaScript. None of them occurs in
#: JSON outside strings, so replacing bytes is exact.
_ESCAPED = (
    (b"<", rb"\u003c"),
    (b">", rb"\u003e"),
    (b"&", rb"\u0026"),
    ("\u2028".encode(), rb"\u2028"),
    ("\u2029".encode(), rb"\u2029"),
)
_NOT_UTF8 = re.compile("[\udc80-\udcff]")


def dump_json(value: object) -> bytes:
    """Encode dicts, lists, text, integers, booleans and None, keys in the order given."""
    data = orjson.dumps(value)
    for char, escape in _ESCAPED:
        if char in data:
            data = data.replace(char, escape)
    return data


def go_string(raw: bytes) -> str | orjson.Fragment:
    r"""Turn bytes into the JSON string that Go writes: each byte that is not UTF-8 is `\ufffd`."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        pieces = _NOT_UTF8.split(raw.decode("utf-8", "surrogateescape"))
        joined = rb"\ufffd".join(orjson.dumps(piece)[1:-1] for piece in pieces)
        return orjson.Fragment(b'"' + joined + b'"')


# The result is what JSON is: its reader checks each value's shape and type.
def load_json(data: bytes) -> Any:  # noqa: ANN401
    """Decode JSON.

    Raises:
        RepositoryDamaged: it is none.
    """
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise RepositoryDamaged(f"Not JSON: {error}.") from error
