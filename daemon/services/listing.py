"""The SHA256SUMS listing of one run: written while the trees are, read to prove a restore."""

import hashlib
import io
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path

import zstandard

from backends.capture.edition import Edition
from backends.capture.entries import FileRecord
from backends.capture.records import KeptRecord
from backends.repository.zstd import DEFAULT_LEVEL
from daemon.domain.pathtext import RawPath
from daemon.domain.sums import FileSum, edit_sums, read_sums, write_sums
from daemon.errors import ManifestInvalid

_READ_SIZE = 2**20
#: Bytes of a listing that are edited at a time.
_PART = 2**20
#: Lines handed to the compressor at a time; one by one would cost more than the compression.
_BATCH = 512
#: Of digests next to nothing can be spared: higher levels take longer and store more.
_LEVEL = DEFAULT_LEVEL


class SumsListing:
    """Takes files in the order of the trees, keeps only the compressed listing in memory.

    Args:
        image: The staging image, for the rare file whose digest nobody knows any more.
        earlier: Digests of the parent snapshot's listing; asked only for unchanged files of
            several blobs, so it is read only when there is one.
    """

    def __init__(self, image: Path, earlier: "EarlierSums") -> None:
        self._image = image
        self._earlier = earlier
        self._compressor = zstandard.ZstdCompressor(level=_LEVEL).compressobj()
        #: One buffer: each part that a compressor gives keeps the 128 KiB it was written in.
        self._text = bytearray()
        self._waiting: list[FileSum] = []

    def add(self, record: FileRecord) -> None:
        """The next file of the walk."""
        sha256 = _digest(record, self._earlier, self._image)
        self._waiting.append(FileSum(path=record.path, sha256=sha256))
        if len(self._waiting) >= _BATCH:
            self._write()

    def finish(self) -> bytes:
        """The whole listing, zstd-compressed; nothing may be added afterwards."""
        self._write()
        self._text += self._compressor.flush()
        return bytes(self._text)

    def _write(self) -> None:
        self._text += self._compressor.compress(b"".join(write_sums(self._waiting)))
        self._waiting.clear()


def empty_listing() -> bytes:
    """The compressed listing of no files."""
    return zstandard.ZstdCompressor().compress(b"")


def edit_listing(earlier: "EarlierSums", edition: Edition, image: Path) -> bytes:
    """The earlier run's listing, compressed, with what an edition has found in its place.

    Raises:
        ManifestInvalid: there is no earlier listing, or it is none.
    """
    document = earlier.document
    if document is None:
        raise ManifestInvalid("The listing of checksums of the run before is not there.")
    if not edition.removed and not edition.records:
        return document
    added = (
        FileSum(path=record.path, sha256=_digest(record, earlier, image))
        for record in edition.records
    )
    compressor, text = zstandard.ZstdCompressor(level=_LEVEL).compressobj(), bytearray()
    for piece in edit_sums(_unpack(document), edition.removed, added):
        text += compressor.compress(piece)
    text += compressor.flush()
    return bytes(text)


class EarlierSums:
    """The listing of the run that unchanged files are taken over from; fetched on first use.

    Args:
        fetch: Gives the compressed listing, or None where there is none (any more).
    """

    def __init__(self, fetch: Callable[[], bytes | None] | None) -> None:
        self._fetch = fetch
        self._sums: dict[RawPath, bytes] | None = None

    @cached_property
    def document(self) -> bytes | None:
        """The compressed listing itself."""
        return self._fetch() if self._fetch else None

    def find(self, path: RawPath) -> bytes | None:
        """The file's digest in that run, if it is listed."""
        if self._sums is None:
            entries = read_listing(self.document) if self.document else ()
            self._sums = {entry.path: entry.sha256 for entry in entries}
        return self._sums.get(path)


def _digest(record: FileRecord | KeptRecord, earlier: EarlierSums, image: Path) -> bytes:
    return record.sha256 or earlier.find(record.path) or _hash(image, record.path)


def _hash(image: Path, path: RawPath) -> bytes:
    digest = hashlib.sha256()
    with (image / path.decode(errors="surrogateescape")).open("rb") as file:
        while part := file.read(_READ_SIZE):
            digest.update(part)
    return digest.digest()


def _unpack(document: bytes) -> Iterator[bytes]:
    try:
        reader = zstandard.ZstdDecompressor().stream_reader(document)
        while part := reader.read(_PART):
            yield part
    except zstandard.ZstdError as error:
        raise ManifestInvalid(f"The listing of checksums cannot be unpacked: {error}.") from error


def read_listing(document: bytes) -> Iterator[FileSum]:
    """The entries of a compressed listing.

    Raises:
        ManifestInvalid: it is not zstd, or not a listing.
    """
    reader = zstandard.ZstdDecompressor().stream_reader(document)
    try:
        yield from read_sums(io.BufferedReader(reader))
    except zstandard.ZstdError as error:
        raise ManifestInvalid(f"The listing of checksums cannot be unpacked: {error}.") from error
