"""Samples as the text that they are kept as, understood only where somebody asks for them."""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import overload

from daemon.domain.outlook import Sample


def write_samples(samples: Iterable[Sample]) -> str:
    """The compact text that `read_samples` reads."""
    rows = [
        (each.seconds, each.verify_seconds, each.bytes, each.new_bytes, each.gap_seconds)
        for each in samples
    ]
    return json.dumps(rows, separators=(",", ":"))


class StoredSamples(Sequence[Sample]):
    """The samples that a text tells of; equal to any others that are the same.

    A plan asks for those of the few servers that are near their stop, and there are a million.
    """

    __slots__ = ("_known", "_text")

    def __init__(self, text: str) -> None:
        """Take the text that `write_samples` wrote."""
        self._text = text
        self._known: tuple[Sample, ...] | None = None

    def __bool__(self) -> bool:
        return self._text != "[]"

    def __len__(self) -> int:
        return len(self._samples())

    def __iter__(self) -> Iterator[Sample]:
        return iter(self._samples())

    @overload
    def __getitem__(self, place: int) -> Sample: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[Sample]: ...

    def __getitem__(self, place: int | slice) -> Sample | Sequence[Sample]:
        return self._samples()[place]

    def __eq__(self, other: object) -> bool:
        return self._samples() == tuple(other) if isinstance(other, Sequence) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._samples())

    def __repr__(self) -> str:
        return repr(self._samples())

    def _samples(self) -> tuple[Sample, ...]:
        if self._known is None:
            self._known = read_samples(self._text)
        return self._known


def read_samples(text: str) -> tuple[Sample, ...]:
    """The samples that `write_samples` wrote."""
    return tuple(
        Sample(
            seconds=seconds,
            verify_seconds=verify_seconds,
            bytes=size,
            new_bytes=new_bytes,
            gap_seconds=gap_seconds,
        )
        for seconds, verify_seconds, size, new_bytes, gap_seconds in json.loads(text)
    )
