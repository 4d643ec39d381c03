"""An index object's JSON by the pack: as values, all of one would take ten times its text."""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

#: What comes before a pack, and how it begins, as restic and we write it. Within a string its
#: quotes would be escaped.
_PACK: Final = re.compile(rb'([\[,])\{"id":"[0-9a-f]{64}","blobs":\[')
_HEAD: Final = b'{"packs":['
_TAIL: Final = b"]}"


def split_index(document: bytes) -> Iterator[bytes]:
    """Index objects with a pack each, which say together what the document does.

    First comes what it says beside its packs. If each of them is valid, so is the document. Where
    one is not, the document may be valid all the same, and is only written in another way.
    """
    found = list(_PACK.finditer(document))
    between = b"".join(each[1] for each in found)
    if between != b"[".ljust(len(found), b",") or not document.endswith(_TAIL):
        yield document
        return
    yield document[: found[0].end(1)] + _TAIL
    starts = (each.start() for each in found)
    for start, end in pairwise((*starts, len(document) - len(_TAIL))):
        yield b"".join((_HEAD, document[start + 1 : end], _TAIL))
