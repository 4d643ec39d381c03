"""The listing of checksums: where each digest comes from."""

import hashlib
from pathlib import Path

import pytest

from backends.capture.image import FileRecord
from backends.types import BlobId
from daemon.domain.sums import FileSum
from daemon.errors import ManifestInvalid
from daemon.services.listing import EarlierSums, SumsListing, read_listing


def record(path: bytes, sha256: bytes | None) -> FileRecord:
    return FileRecord(
        path=path, size=1, blobs=(BlobId(bytes(32)),), sha256=sha256, compared=True, unchanged=False
    )


def listing_of(*entries: tuple[bytes, bytes]) -> bytes:
    listing = SumsListing(Path("/nonexistent"), EarlierSums(None))
    for path, sha256 in entries:
        listing.add(record(path, sha256))
    return listing.finish()


def digest(text: bytes) -> bytes:
    return hashlib.sha256(text).digest()


def test_what_is_listed_is_read_back_in_order() -> None:
    names = [b"back\\slash", b"plain", b"two\nlines", b"\xff"]
    document = listing_of(*((name, digest(name)) for name in names))
    assert list(read_listing(document)) == [
        FileSum(path=name, sha256=digest(name)) for name in names
    ]


def test_a_long_listing_loses_nothing() -> None:
    entries = [(b"%04d" % number, digest(b"%d" % number)) for number in range(2000)]
    assert [(found.path, found.sha256) for found in read_listing(listing_of(*entries))] == entries


def test_an_unchanged_file_keeps_the_digest_of_the_run_before() -> None:
    earlier = EarlierSums(lambda: listing_of((b"a", digest(b"earlier"))))
    listing = SumsListing(Path("/nonexistent"), earlier)
    listing.add(record(b"a", None))
    assert list(read_listing(listing.finish())) == [FileSum(path=b"a", sha256=digest(b"earlier"))]


def test_where_nobody_knows_the_staged_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"staged")
    listing = SumsListing(tmp_path, EarlierSums(lambda: None))
    listing.add(record(b"a", None))
    assert list(read_listing(listing.finish())) == [FileSum(path=b"a", sha256=digest(b"staged"))]


def test_the_earlier_listing_is_fetched_once_and_only_if_needed() -> None:
    fetched = []

    def fetch() -> bytes:
        fetched.append(1)
        return listing_of((b"a", digest(b"a")))

    earlier = EarlierSums(fetch)
    assert fetched == []
    assert (earlier.find(b"a"), earlier.find(b"b")) == (digest(b"a"), None)
    assert fetched == [1]


def test_junk_is_no_listing() -> None:
    with pytest.raises(ManifestInvalid):
        list(read_listing(b"junk"))
