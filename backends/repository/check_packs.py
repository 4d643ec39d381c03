"""Checks packs: are they there, as long as they should be, and made of what the index says."""

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from backends.errors import ObjectCorrupt, ObjectMissing, RepositoryDamaged
from backends.repository.blob import open_blob
from backends.repository.crypto import OVERHEAD
from backends.repository.findings import BlobName, Findings, Problem, ProblemKind
from backends.repository.index import Index, IndexedPack, PackOutline
from backends.repository.judging import Judgement, PackJudge
from backends.repository.judging_beside import BesideJudge
from backends.repository.pack import (
    PACKS,
    PackedBlob,
    encode_header,
    header_length,
    pack_key,
    parse_header,
)
from backends.repository.parallel import Turns, map_in_threads
from backends.repository.unpacked import OpenRepository
from backends.types import BlobId

_KEY: Final = re.compile(r"data/[0-9a-f]{2}/([0-9a-f]{64})", re.ASCII)
#: The sealing of a pack's header and the four bytes that give its length.
_HEADER_FRAME: Final = OVERHEAD + 4
#: One blob's entry in a header: type, length, id; and the plain length of a compressed one.
_ENTRY: Final = 1 + 4 + 32
_COMPRESSED_ENTRY: Final = _ENTRY + 4
#: Packs read at the same time; each is in memory whole.
_READERS: Final = 4
_SHOWN: Final = 5


@dataclass(slots=True)
class PackState:
    """What the index says of all packs, and what the store has of them.

    Attributes:
        sizes: Bytes that each listed pack must have.
        mixed: Listed packs with both data and trees.
        missing: Listed packs that the store has not.
        short: Listed packs that the store has with fewer bytes, and how many.
    """

    sizes: dict[bytes, int] = field(default_factory=dict)
    mixed: set[bytes] = field(default_factory=set)
    missing: set[bytes] = field(default_factory=set)
    short: dict[bytes, int] = field(default_factory=dict)

    def add(self, listed: IndexedPack) -> None:
        """Take in a pack, or the second half of one that mixes kinds."""
        blobs = listed.blobs
        if not blobs:
            return  # says nothing about the pack, which counts as not listed
        if listed.pack in self.sizes or any(blob.kind is not blobs[0].kind for blob in blobs):
            self.mixed.add(listed.pack)
        known = self.sizes.get(listed.pack, _HEADER_FRAME)
        self.sizes[listed.pack] = known + sum(map(_stored_bytes, blobs))


@dataclass(frozen=True, slots=True, kw_only=True)
class PackVerdict:
    """What reading one pack showed.

    Attributes:
        size: Bytes read.
        found: Problems, each with the blobs that cannot be read because of it.
    """

    size: int
    found: tuple[tuple[Problem, tuple[BlobName, ...]], ...] = ()


def survey_packs(index: Index, findings: Findings) -> PackState:
    """Add up, from the index alone, how large each pack must be."""
    sizes, mixed = index.pack_sizes(
        frame=_HEADER_FRAME, plain_entry=_ENTRY, compressed_entry=_COMPRESSED_ENTRY
    )
    state = PackState(sizes=sizes, mixed=set(mixed))
    report_mixed(state, findings)
    return state


def report_mixed(state: PackState, findings: Findings) -> None:
    """Hint at packs with both data and trees."""
    for pack in state.mixed:
        detail = "The pack holds both data and trees; `restic prune` separates them."
        findings.add(_problem(ProblemKind.PACK_MIXED, pack, detail))


def _stored_bytes(blob: PackedBlob) -> int:
    """What a blob takes in its pack, with its entry in the header."""
    return blob.length + (_ENTRY if blob.uncompressed_length is None else _COMPRESSED_ENTRY)


def present_packs(repository: OpenRepository) -> Iterator[bytes]:
    """What the store has, whether it is listed in an index or not.

    Raises:
        StoreError: the store cannot be listed.
    """
    for info in repository.store.list(PACKS):
        if found := _KEY.fullmatch(info.key):
            yield bytes.fromhex(found[1])


def compare_listing(
    repository: OpenRepository, index: Index, state: PackState, findings: Findings
) -> None:
    """Compare the store's listing with what the index promises.

    Raises:
        StoreError: the store cannot be listed.
    """
    state.missing = set(state.sizes)
    for info in repository.store.list(PACKS):
        found = _KEY.fullmatch(info.key)
        if found is None:
            continue  # an unfinished upload of some program; stock restic passes it over too
        pack = bytes.fromhex(found[1])
        state.missing.discard(pack)
        expected = state.sizes.get(pack)
        if expected is None:
            detail = "No index lists this pack; if nothing is missing it is a leftover."
            findings.add(_problem(ProblemKind.PACK_NOT_INDEXED, pack, detail))
        elif info.size < expected:
            state.short[pack] = info.size
        elif info.size > expected:
            findings.add(_wrong_size(pack, info.size, expected))
    _report_incomplete(index, state, findings)


def _report_incomplete(index: Index, state: PackState, findings: Findings) -> None:
    if not state.missing and not state.short:
        return
    for listed in _whole_packs(index, state.mixed):
        pack = listed.pack
        if pack in state.missing:
            detail = f"The pack with {len(listed.blobs)} blobs is not in the store."
            problem = _problem(ProblemKind.PACK_MISSING, pack, detail)
            findings.add(problem, lost=_lost(index, state, pack, listed.blobs))
        elif pack in state.short:
            size = state.short[pack]
            beyond = [blob for blob in listed.blobs if blob.offset + blob.length > size]
            problem = _wrong_size(pack, size, state.sizes[pack])
            findings.add(problem, lost=_lost(index, state, pack, beyond))


def _wrong_size(pack: bytes, size: int, expected: int) -> Problem:
    detail = f"The pack has {size} bytes and should have {expected}."
    return _problem(ProblemKind.PACK_SIZE, pack, detail)


def _lost(
    index: Index, state: PackState, pack: bytes, blobs: Iterable[PackedBlob]
) -> tuple[BlobName, ...]:
    """Those of a pack's unreadable blobs that no other pack has."""
    gone = state.missing | {pack}
    return tuple(
        (blob.kind, blob.id)
        for blob in blobs
        if all(place.pack in gone for place in index.lookup(blob.kind, blob.id))
    )


def read_packs(
    repository: OpenRepository,
    index: Index,
    state: PackState,
    beside: BesideJudge | None = None,
) -> Iterator[PackVerdict]:
    """Read every listed pack that is there, whole, with a few threads.

    Args:
        repository: Where they are.
        index: What is in them.
        state: Which ones are there.
        beside: Reads some of them in another process.

    Raises:
        StoreError: the store does not answer.
    """
    reading = _PackReading(repository, index, state, beside)
    present = (each for each in index.outlines() if each.pack not in state.missing)
    single = (each for each in present if each.pack not in state.mixed)
    abandon = beside.abandon if beside else lambda: None
    yield from map_in_threads(reading.read_outlined, single, threads=_READERS, abandon=abandon)
    if state.mixed:
        mixed = (each for each in _whole_packs(index, state.mixed) if each.pack in state.mixed)
        there = (each for each in mixed if each.pack not in state.missing)
        yield from map_in_threads(reading.read, there, threads=_READERS)


def _whole_packs(index: Index, mixed: set[bytes]) -> Iterator[IndexedPack]:
    """Every pack once; the index gives the mixed ones in two parts."""
    parts: dict[bytes, tuple[PackedBlob, ...]] = {}
    for listed in index.packs():
        if listed.pack in mixed:
            parts[listed.pack] = parts.get(listed.pack, ()) + listed.blobs
        else:
            yield listed
    for pack, blobs in parts.items():
        yield IndexedPack(pack=pack, blobs=blobs)


class _PackReading:
    def __init__(
        self,
        repository: OpenRepository,
        index: Index,
        state: PackState,
        beside: BesideJudge | None,
    ) -> None:
        self._beside = beside
        self._repository = repository
        self._index = index
        self._state = state
        self._turns = Turns()
        self._judge = PackJudge(repository.store)

    def read_outlined(self, outline: PackOutline) -> PackVerdict:
        """Likewise, looking for what is wrong only where something is."""
        header = outline.header()
        if header is None:
            return self.read(outline.listed())
        seen = self._judge_once(outline.pack)
        fault = seen.fault
        if not fault and seen.header == hashlib.sha256(header).digest():
            return PackVerdict(size=seen.size)
        return self._read_again(outline.listed(), fault or "Header and index disagree.")

    def _judge_once(self, pack: bytes) -> Judgement:
        master = self._repository.master
        seen = self._beside.judge(master, pack) if self._beside else None
        return seen or self._judge.judge(master, pack)

    def read(self, listed: IndexedPack) -> PackVerdict:
        """Read a pack, and again if it looks damaged: the line or memory may be at fault."""
        first = self._read_once(listed)
        return self._read_again(listed, first.found[0][0].detail) if first.found else first

    def _read_again(self, listed: IndexedPack, fault: str) -> PackVerdict:
        second = self._read_once(listed)
        if second.found:
            return second
        detail = f"Damaged when read first, sound when read again: {fault}"
        hint = _problem(ProblemKind.READ_UNSTABLE, listed.pack, detail)
        return PackVerdict(size=second.size, found=((hint, ()),))

    def _read_once(self, listed: IndexedPack) -> PackVerdict:
        pack = listed.pack
        try:
            content = self._repository.store.get(pack_key(pack))
        except (ObjectMissing, ObjectCorrupt) as error:
            gone = isinstance(error, ObjectMissing)
            kind = ProblemKind.PACK_MISSING if gone else ProblemKind.PACK_DAMAGED
            problem = _problem(kind, pack, f"The pack cannot be read: {error}")
            lost = _lost(self._index, self._state, pack, listed.blobs)
            return PackVerdict(size=0, found=((problem, lost),))
        with self._turns.take(pieces=len(listed.blobs), size=len(content)):
            faults = self._faults(listed, content)
            whole = [(_problem(ProblemKind.PACK_DAMAGED, pack, fault), ()) for fault in faults]
            blobs = list(self._damaged_blobs(listed, memoryview(content)))
        return PackVerdict(size=len(content), found=(*whole, *blobs))

    def _faults(self, listed: IndexedPack, content: bytes) -> Iterator[str]:
        """Sentences about the pack as a whole."""
        if hashlib.sha256(content).digest() != listed.pack:
            yield "The pack does not have the SHA-256 in its name."
        try:
            if not self._is_header_as_listed(listed, content):
                header = parse_header(self._repository.master, content, len(content))
                difference = set(header) ^ set(listed.blobs)
                names = _some_names(difference)
                yield f"Header and index disagree about {len(difference)} entries: {names}."
        except RepositoryDamaged as error:
            yield f"The header is not readable: {error}"

    def _is_header_as_listed(self, listed: IndexedPack, content: bytes) -> bool:
        """Compare the header byte by byte with the one that the index calls for."""
        end = len(content) - 4
        length = header_length(content, len(content))
        header = self._repository.master.open(memoryview(content)[end - length : end])
        blobs = tuple(sorted(listed.blobs, key=lambda blob: blob.offset))
        adjacent = all(a.offset + a.length == b.offset for a, b in pairwise(blobs))
        whole = blobs[0].offset == 0 and blobs[-1].offset + blobs[-1].length == end - length
        return adjacent and whole and encode_header(blobs) == header

    def _damaged_blobs(
        self, listed: IndexedPack, content: memoryview
    ) -> Iterator[tuple[Problem, tuple[BlobName, ...]]]:
        master = self._repository.master
        for blob in listed.blobs:
            sealed = content[blob.offset : blob.offset + blob.length]
            try:
                open_blob(master, sealed, blob.uncompressed_length, blob.id)
            except RepositoryDamaged as error:
                why = f"The {blob.kind.value} blob {blob.id.hex()}: {error}"
                problem = _problem(ProblemKind.BLOB_DAMAGED, listed.pack, why, blob.id)
                yield problem, _lost(self._index, self._state, listed.pack, [blob])


def _some_names(blobs: Iterable[PackedBlob]) -> str:
    names = sorted({blob.id.hex() for blob in blobs})
    return ", ".join(names[:_SHOWN]) + (" and more" if len(names) > _SHOWN else "")


def _problem(kind: ProblemKind, pack: bytes, detail: str, blob: BlobId | None = None) -> Problem:
    return Problem(kind=kind, object=pack_key(pack), detail=detail, blob=blob)
