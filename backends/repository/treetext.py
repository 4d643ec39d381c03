"""A tree's JSON by its entries, without making values of those that stay as they are.

Of a folder with ten thousand entries one may have changed; the text of the others is taken over.
"""

import re
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Final

import orjson

from backends.errors import RepositoryDamaged
from backends.repository.entrytext import entry_text
from backends.repository.names import unquote_name
from backends.repository.tree import Node, decode_tree

_HEAD: Final = b'{"nodes":['
_TAIL: Final = b"]}\n"
#: How an entry begins, as restic and we write it. Within a text a quote has a backslash before
#: it, so this can only be found where an entry begins; that of an attribute goes on otherwise.
_ENTRY: Final = re.compile(rb'\{"name":("[^"\\]*(?:\\.[^"\\]*)*"),"type":"', re.DOTALL)

#: JSON of other systems, in which anything may stand.
_FOREIGN: Final = b'"generic_attributes"'


def split_tree(data: bytes) -> dict[bytes, bytes] | None:
    """The text of each entry by its name, in stored order; None where it is written otherwise.

    Raises:
        RepositoryDamaged: a name is not one.
    """
    if not data.startswith(_HEAD) or not data.endswith(_TAIL) or _FOREIGN in data:
        return None
    found = list(_ENTRY.finditer(data))
    starts = [entry.start() for entry in found]
    end = len(data) - len(_TAIL)
    if (starts or [end])[0] != len(_HEAD):
        return None
    bounds = pairwise([*starts, end + 1])
    entries = {
        _name(entry[1]): data[start : following - 1]
        for entry, (start, following) in zip(found, bounds, strict=True)
    }
    return entries if len(entries) == len(found) else None


def decode_entry(text: bytes) -> Node:
    """One entry of `split_tree`.

    Raises:
        RepositoryDamaged: it is none.
    """
    (node,) = decode_tree(_HEAD + text + _TAIL)
    return node


def join_tree(kept: Mapping[bytes, bytes], nodes: Iterable[Node]) -> bytes:
    """The tree of entries taken over as text and of others, to the byte as `encode_tree` does.

    Raises:
        ValueError: two entries have the same name, or one has none.
    """
    entries, count = dict[bytes, bytes](), 0
    for count, node in enumerate(nodes, start=1):  # noqa: B007 - counted for the check below
        entries[node.name] = entry_text(node)
    if len(entries) < count or b"" in entries or entries.keys() & kept.keys():
        raise ValueError("Two entries with one name, or one without.")
    entries.update(kept)
    # Joined once: such a text may take a large part of all memory.
    parts = [_HEAD]
    for name in sorted(entries):
        parts += (entries[name], b",")
    parts[1 if len(parts) == 1 else -1 :] = [_TAIL]
    return b"".join(parts)


def _name(quoted: bytes) -> bytes:
    if b"\\" not in quoted:
        return quoted[1:-1]
    try:
        return unquote_name(orjson.loads(quoted))
    except orjson.JSONDecodeError as error:
        raise RepositoryDamaged(f"Not a name: {quoted!r}.") from error
