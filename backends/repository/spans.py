"""Which stretches of a pack to fetch for a choice of its blobs."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from backends.repository.pack import PackedBlob

#: Fetching this much too much costs less than one more request to an object store.
GAP: Final = 256 << 10
#: A span gets no longer than this, so that memory stays bounded; one blob alone may be. Packs are
#: filled beyond 16 MiB by up to a blob, and come in one request all the same.
MOST: Final = 32 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One stretch of a pack.

    Attributes:
        offset: Its first byte in the pack.
        length: Bytes.
        blobs: The wanted blobs in it, by offset.
    """

    offset: int
    length: int
    blobs: tuple[PackedBlob, ...]

    def sealed(self, data: memoryview, blob: PackedBlob) -> memoryview:
        """The sealed bytes of one of its blobs, `data` being the span as fetched."""
        start = blob.offset - self.offset
        return data[start : start + blob.length]


def plan_spans(blobs: Iterable[PackedBlob], *, gap: int = GAP, most: int = MOST) -> Iterator[Span]:
    """Cover the wanted blobs of one pack by few spans, in order of their place in the pack."""
    members: list[PackedBlob] = []
    start = end = 0
    for blob in sorted(blobs, key=lambda blob: blob.offset):
        reach = max(end, blob.offset + blob.length)
        if members and (blob.offset > end + gap or reach - start > most):
            yield Span(offset=start, length=end - start, blobs=tuple(members))
            members = []
        if not members:
            start, reach = blob.offset, blob.offset + blob.length
        members.append(blob)
        end = reach
    if members:
        yield Span(offset=start, length=end - start, blobs=tuple(members))
