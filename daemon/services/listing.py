"""The SHA256SUMS listing of one run: written while the trees are, or edited from the one before.

See `earlier_sums` for what of it is stored where, and why.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import zstandard

from backends.capture.edition import Edition
from backends.capture.entries import FileRecord
from backends.repository.zstd import DEFAULT_LEVEL
from daemon.domain.pathtext import RawPath
from daemon.domain.sums import FileSum, edit_sums, write_sums
from daemon.errors import ManifestInvalid
from daemon.services.earlier_sums import EarlierSums, Walk, listing_of_tree
from daemon.services.listing_file import ListingFile, unpack

_READ_SIZE: Final = 2**20
#: Lines handed on at a time; one by one would cost more than what is done with them.
_BATCH: Final = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A run's listing.

    Attributes:
        sha256: Digest of its whole text in hex, as `sha256sum` of the listing gives it.
        large: The lines of files of several blobs, zstd-compressed: what the trees do not tell.
            It may hold others too.
    """

    sha256: str
    large: bytes

    def kept_in(self, folder: Path) -> EarlierSums:
        """To be read again; its text may be in this staging root."""
        return EarlierSums(lambda: self.large, sha256=self.sha256, folder=folder)


class SumsListing:
    """Takes files in the order of the trees; hardly anything of them stays in memory.

    Args:
        image: The staging image, for the rare file whose digest nobody knows any more. The text
            is kept beside it.
        earlier: Digests of the parent snapshot's files; asked only for unchanged files of
            several blobs, so it is read only when there is one.
    """

    def __init__(self, image: Path, earlier: EarlierSums) -> None:
        self._image = image
        self._earlier = earlier
        self._text = ListingFile(image.parent)
        self._large = _Packed()
        self._waiting: list[FileSum] = []

    def add(self, record: FileRecord) -> None:
        """The next file of the walk."""
        sha256 = record.sha256 or _find(record.path, self._earlier, self._image)
        entry = FileSum(path=record.path, sha256=sha256)
        self._waiting.append(entry)
        if len(record.blobs) > 1:
            self._large.add(write_sums([entry]))
        if len(self._waiting) >= _BATCH:
            self._write()

    def finish(self) -> Listing:
        """The whole listing; nothing may be added afterwards."""
        self._write()
        return Listing(sha256=self._text.finish(), large=self._large.finish())

    def _write(self) -> None:
        self._text.write(b"".join(write_sums(self._waiting)))
        self._waiting.clear()


def edit_listing(
    earlier: EarlierSums, edition: Edition, image: Path, walk: Walk | None = None
) -> Listing:
    """The earlier run's listing, with what an edition has found in its place.

    Args:
        earlier: Of the tree that was edited.
        edition: What was looked at.
        image: The staging image.
        walk: Walks the edited tree, where the earlier text is kept nowhere.

    Raises:
        ManifestInvalid: there is no earlier listing, or it is none.
    """
    document = earlier.document
    if document is None:
        raise ManifestInvalid("The listing of checksums of the run before is not there.")
    if earlier.sha256 and not edition.removed and not edition.records:
        return Listing(sha256=earlier.sha256, large=document)
    large = _edit_large(document, earlier, edition, image)
    found = EarlierSums(lambda: large)
    added = (
        FileSum(path=record.path, sha256=record.sha256 or _find(record.path, found, image))
        for record in edition.records
    )
    try:
        text = earlier.text()
        if text is not None:
            sha256 = _keep(image.parent, edit_sums(text, edition.removed, added))
            return Listing(sha256=sha256, large=large)
    except ManifestInvalid:
        if walk is None:
            raise
    if walk is None:
        raise ManifestInvalid("The listing of checksums of the run before is kept nowhere.")
    return Listing(sha256=_keep(image.parent, listing_of_tree(walk(), found)), large=large)


def _edit_large(document: bytes, earlier: EarlierSums, edition: Edition, image: Path) -> bytes:
    """The stored lines, with those of the files of several blobs that were looked at."""
    added = (
        FileSum(path=record.path, sha256=record.sha256 or _find(record.path, earlier, image))
        for record in edition.records
        if record.several
    )
    packed = _Packed()
    packed.add(edit_sums(unpack(document), edition.removed, added))
    return packed.finish()


class _Packed:
    """Lines, compressed in memory; there are few."""

    def __init__(self) -> None:
        self._packer = zstandard.ZstdCompressor(level=DEFAULT_LEVEL).compressobj()
        #: One buffer: each part that a compressor gives keeps the 128 KiB it was written in.
        self._bytes = bytearray()

    def add(self, parts: Iterable[bytes]) -> None:
        for part in parts:
            self._bytes += self._packer.compress(part)

    def finish(self) -> bytes:
        self._bytes += self._packer.flush()
        return bytes(self._bytes)


def _keep(folder: Path, parts: Iterator[bytes]) -> str:
    """Keep a text; returns its digest."""
    with ListingFile(folder) as file:
        for part in parts:
            file.write(part)
        return file.finish()


def _find(path: RawPath, known: EarlierSums, image: Path) -> bytes:
    """The digest of a file whose blobs do not tell it."""
    return known.find(path) or _hash(image, path)


def _hash(image: Path, path: RawPath) -> bytes:
    digest = hashlib.sha256()
    with (image / path.decode(errors="surrogateescape")).open("rb") as file:
        while part := file.read(_READ_SIZE):
            digest.update(part)
    return digest.digest()
