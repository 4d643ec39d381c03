"""What a tree's entries are called and made of, without the values of all their other facts.

A look at every folder needs no owners, modes and times, and making a `Node` of each entry is most
of what it costs. Trees are judged exactly as strictly: what is not plainly right here is left to
`decode_tree`, which says what is wrong with it.
"""

import re
from typing import Any, Final, NamedTuple

import orjson

from backends.errors import RepositoryDamaged
from backends.repository.filetimes import parse_time
from backends.repository.names import unquote_name
from backends.repository.tree import Node, NodeType, decode_tree
from backends.types import BlobId

_TYPES: Final = {kind.value: kind for kind in NodeType}
_COUNTS: Final = {"mode", "uid", "gid", "inode", "device_id", "size", "links", "device"}
_TEXTS: Final = {"user", "group", "error", "linktarget"}
_TIMES: Final = {"mtime", "atime", "ctime"}
#: What has a shape of its own; such a tree is read entry by entry.
_RARE: Final = {"extended_attributes", "generic_attributes", "linktarget_raw"}
_INT: Final = {int}
_STR: Final = {str}
#: Times that end in a zone are fine where their day exists, which is looked up once for each day.
_ALL_TIMES: Final = re.compile(
    r"(?:\d{4}-\d\d-\d\dT(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d+)?(?:Z|[+-][01]\d:[0-5]\d)\n)*",
    re.ASCII,
)
_DAY: Final = slice(0, 10)
_ID_BYTES: Final = 32


class TreeEntry(NamedTuple):
    """One entry of a folder; its fields mean what those of `Node` mean."""

    name: bytes
    type: NodeType
    size: int
    content: tuple[BlobId, ...] | None
    subtree: BlobId | None


def outline_tree(data: bytes) -> list[TreeEntry]:
    """The entries of a tree blob, in stored order.

    Raises:
        RepositoryDamaged: exactly where `decode_tree` does.
    """
    try:
        rows = orjson.loads(data)["nodes"]
        if type(rows) is list and _are_plain(rows):
            return [_entry(row) for row in rows]
    except (KeyError, TypeError, ValueError, AttributeError, RepositoryDamaged):
        # Safe to pass over: whatever is wrong, the next line tells it.
        pass
    return [_outline(node) for node in decode_tree(data)]


def _outline(node: Node) -> TreeEntry:
    return TreeEntry(node.name, node.type, node.size, node.content, node.subtree)


def _are_plain(rows: list[dict[str, Any]]) -> bool:
    """Whether all that no outline shows is right, and nothing of it is rare."""
    shapes: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for row in rows:
        shapes.setdefault(tuple(row), []).append(row)
    times: list[str] = []
    # Few shapes have many rows, so each field of all of them is looked at in one go.
    return (
        all(_is_plain(keys, members, times) for keys, members in shapes.items())
    ) and _are_times(times)


def _is_plain(keys: tuple[str, ...], members: list[dict[str, Any]], times: list[str]) -> bool:
    """Likewise of rows that have the same fields in the same order; their times are added."""
    for key, values in zip(keys, zip(*map(dict.values, members), strict=True), strict=True):
        if key in _COUNTS:
            # Types are compared and not tested for: JSON's true is an int to Python.
            if not _INT.issuperset(map(type, values)) or min(values) < 0:
                return False
        elif key in _TEXTS:
            if not _STR.issuperset(map(type, values)):
                return False
        elif key in _TIMES:
            times += values
        elif key in _RARE:
            return False
    return True


def _are_times(texts: list[str]) -> bool:
    joined = "".join([f"{text}\n" for text in texts])
    if joined.count("\n") != len(texts) or _ALL_TIMES.fullmatch(joined) is None:
        return False
    for day in {text[_DAY] for text in texts}:
        parse_time(f"{day}T00:00:00Z")
    return True


def _entry(row: dict[str, Any]) -> TreeEntry:
    content, subtree = row.get("content"), row.get("subtree")
    if content is not None and type(content) is not list:
        raise TypeError(content)
    return TreeEntry(
        unquote_name(row["name"]),
        _TYPES.get(row.get("type", ""), NodeType.INVALID),
        row.get("size", 0),
        None if content is None else tuple([_blob_id(text) for text in content]),
        None if subtree is None else _blob_id(subtree),
    )


def _blob_id(text: str) -> BlobId:
    raw = bytes.fromhex(text)
    if len(raw) != _ID_BYTES:
        raise ValueError(text)
    return BlobId(raw)
