"""The SHA256SUMS listing of a run that has ended, put together from where its parts are.

A file of one blob is named by its SHA-256 in the run's trees, and stock restic keeps these as long
as the snapshot. So only the lines of files of several blobs are stored beside the manifest, and
the manifest names the digest of the whole text besides. Older manifests have all lines there.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Final

import zstandard

from backends.capture.entries import sha256_of
from backends.protocols import ObjectStore
from backends.repository.reader import WalkedNode
from backends.repository.tree import NodeType
from daemon.domain.manifest import SumsFact
from daemon.domain.manifest_document import digest_document
from daemon.domain.pathtext import RawPath, write_path
from daemon.domain.sums import FileSum, read_sums, walk_key, whole_lines, write_sums
from daemon.errors import ManifestInvalid
from daemon.services.listing_file import read_kept, unpack, verify_text

#: Walks the trees of the run.
Walk = Callable[[], Iterable[WalkedNode]]
#: Lines that are handed on at a time.
_BATCH: Final = 512


class EarlierSums:
    """What is known of the files of a run; fetched on first use.

    Args:
        fetch: Gives the compressed lines that are stored beside the manifest, or None where there
            are none (any more).
        sha256: Digest of the whole listing's text; None where those lines are the whole listing.
        folder: A staging root where the text may be kept.
    """

    def __init__(
        self,
        fetch: Callable[[], bytes | None] | None,
        *,
        sha256: str | None = None,
        folder: Path | None = None,
    ) -> None:
        self._fetch = fetch
        self.sha256 = sha256
        self._folder = folder
        self._stored = _Cursor(lambda: read_listing(self.document) if self.document else iter(()))
        self._kept = _Cursor(self._read_kept)

    @classmethod
    def stored(cls, store: ObjectStore, fact: SumsFact) -> "EarlierSums":
        """As a manifest names it; what is fetched raises ManifestInvalid where it is altered."""

        def fetch() -> bytes:
            document = store.get(fact.key)
            if digest_document(document) != fact.sha256:
                raise ManifestInvalid(f"{fact.key} is not what was written.")
            return document

        return cls(fetch, sha256=fact.text_sha256)

    def beside(self, folder: Path) -> "EarlierSums":
        """The same, where its text may be kept in this staging root."""
        return EarlierSums(lambda: self.document, sha256=self.sha256, folder=folder)

    @cached_property
    def document(self) -> bytes | None:
        """The compressed lines as they are stored."""
        return self._fetch() if self._fetch else None

    def find(self, path: RawPath) -> bytes | None:
        """The file's digest in that run, if it is known without the trees.

        Quick where paths are asked for in the order of a walk.
        """
        return self._stored.find(path) or self._kept.find(path)

    def text(self) -> Iterator[bytes] | None:
        """The whole listing, part by part; None where only the trees know it.

        The iterator raises ManifestInvalid where it is not what it should be.

        Raises:
            ManifestInvalid: there is no listing.
        """
        if self.document is None:
            raise ManifestInvalid("The listing of checksums of the run before is not there.")
        if self.sha256 is None:
            return unpack(self.document)
        return read_kept(self._folder, self.sha256) if self._folder else None

    def text_of(self, walk: Walk) -> Iterator[bytes]:
        """The whole listing, from the trees where need be; see `text` for what it raises."""
        text = self.text()
        if text is not None:
            return text
        assert self.sha256  # noqa: S101 - without it the stored lines are the text
        return verify_text(listing_of_tree(walk(), self), self.sha256)

    def read(self, walk: Walk) -> Iterator[FileSum]:
        """The entries of `text_of`."""
        return read_sums(line for lines in whole_lines(self.text_of(walk)) for line in lines)

    def _read_kept(self) -> Iterator[FileSum]:
        if self.sha256 is None or self._folder is None:
            return
        try:
            for lines in whole_lines(read_kept(self._folder, self.sha256) or ()):
                yield from read_sums(lines)
        except ManifestInvalid:
            # Safe: whoever asks takes the digest of the staged file.
            return


class _Cursor:
    """Finds paths that are asked for in the order of a listing; for others it begins anew."""

    def __init__(self, begin: Callable[[], Iterator[FileSum]]) -> None:
        self._begin = begin
        self._rest: Iterator[FileSum] = iter(())
        self._next: FileSum | None = None
        self._asked: bytes | None = None

    def find(self, path: RawPath) -> bytes | None:
        key = walk_key(path)
        if self._asked is None or key < self._asked:
            self._rest = self._begin()
            self._next = next(self._rest, None)
        self._asked = key
        while self._next is not None and walk_key(self._next.path) < key:
            self._next = next(self._rest, None)
        return self._next.sha256 if self._next is not None and self._next.path == path else None


def listing_of_tree(walked: Iterable[WalkedNode], large: EarlierSums) -> Iterator[bytes]:
    """The listing of the files that a walk meets, part by part.

    Args:
        walked: In the order of the trees.
        large: Has the digests of files of several blobs.

    Raises:
        ManifestInvalid: a digest is known nowhere.
    """
    lines: list[bytes] = []
    for line in write_sums(_sums_of(walked, large)):
        lines.append(line)
        if len(lines) >= _BATCH:
            yield b"".join(lines)
            lines.clear()
    yield b"".join(lines)


def _sums_of(walked: Iterable[WalkedNode], large: EarlierSums) -> Iterator[FileSum]:
    for entry in walked:
        if entry.node.type is not NodeType.FILE:
            continue
        sha256 = sha256_of(entry.node.content or ()) or large.find(entry.path)
        if sha256 is None:
            raise ManifestInvalid(f"{write_path(entry.path)} is not in the listing of checksums.")
        yield FileSum(path=entry.path, sha256=sha256)


def empty_listing() -> bytes:
    """The compressed listing of no files."""
    return zstandard.ZstdCompressor().compress(b"")


def read_listing(document: bytes) -> Iterator[FileSum]:
    """The entries of a compressed listing, or of some of its lines.

    Raises:
        ManifestInvalid: it is not zstd, or not a listing.
    """
    for lines in whole_lines(unpack(document)):
        yield from read_sums(lines)
