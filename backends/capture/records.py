"""Files that were looked at, at some 45 bytes each; between two checkpoints there may be many."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from backends.capture.entries import FileRecord
from backends.pathlist import PathList

_SHA256_SIZE: Final = 32
#: A digest, and what is told of it.
_FACTS_SIZE: Final = _SHA256_SIZE + 1

#: What is told of a file, in one byte. First that it has a digest; for the others see `FileRecord`.
_KNOWN: Final = 1
_COMPARED: Final = 2
_UNCHANGED: Final = 4
_BESIDE: Final = 8
_SEVERAL: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptRecord:
    """What is kept of a `FileRecord`; see there. `several`: it has more than one blob."""

    path: bytes
    sha256: bytes | None
    compared: bool
    unchanged: bool
    beside: bool
    several: bool


class Records:
    """Files in the order of the trees; for one thread at a time."""

    def __init__(self) -> None:
        self._paths = PathList()
        self._facts = bytearray()

    def __len__(self) -> int:
        return len(self._paths)

    def __iter__(self) -> Iterator[KeptRecord]:
        for number, path in enumerate(self._paths):
            start = number * _FACTS_SIZE
            yield _unfold(path, bytes(self._facts[start : start + _FACTS_SIZE]))

    def append(self, record: FileRecord) -> None:
        """The next file of the walk."""
        self._paths.add(record.path)
        self._facts.append(_tell(record))
        self._facts += record.sha256 or bytes(_SHA256_SIZE)


def _tell(record: FileRecord) -> int:
    return (
        (_KNOWN if record.sha256 else 0)
        | (_COMPARED if record.compared else 0)
        | (_UNCHANGED if record.unchanged else 0)
        | (_BESIDE if record.beside else 0)
        | (_SEVERAL if len(record.blobs) > 1 else 0)
    )


def _unfold(path: bytes, facts: bytes) -> KeptRecord:
    told = facts[0]
    return KeptRecord(
        path=path,
        sha256=facts[1:] if told & _KNOWN else None,
        compared=bool(told & _COMPARED),
        unchanged=bool(told & _UNCHANGED),
        beside=bool(told & _BESIDE),
        several=bool(told & _SEVERAL),
    )
