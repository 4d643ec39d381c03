"""The listing of checksums: where each digest comes from, and what of it is stored where."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.capture.entries import FileRecord
from backends.types import BlobId
from daemon.domain.sums import FileSum, walk_key, write_sums
from daemon.errors import ManifestInvalid
from daemon.services.earlier_sums import EarlierSums, empty_listing, read_listing
from daemon.services.listing import Listing, SumsListing

NOWHERE = EarlierSums(None)


def digest(text: bytes) -> bytes:
    return hashlib.sha256(text).digest()


def record(path: bytes, sha256: bytes | None, blobs: int = 1) -> FileRecord:
    return FileRecord(
        path=path,
        size=1,
        blobs=(BlobId(bytes(32)),) * blobs,
        sha256=sha256,
        compared=True,
        unchanged=False,
    )


def listing_of(
    folder: Path, records: Iterable[FileRecord], earlier: EarlierSums = NOWHERE
) -> Listing:
    listing = SumsListing(folder / "image", earlier)
    for each in records:
        listing.add(each)
    return listing.finish()


def read(folder: Path, listing: Listing) -> list[FileSum]:
    """As it is kept; there are no trees."""
    return list(listing.kept_in(folder).read(list))


def test_what_is_listed_is_read_back_in_order(tmp_path: Path) -> None:
    names = [b"back\\slash", b"plain", b"two\nlines", b"\xff"]
    entries = [FileSum(path=name, sha256=digest(name)) for name in names]
    listing = listing_of(tmp_path, (record(each.path, each.sha256) for each in entries))
    assert read(tmp_path, listing) == entries
    assert listing.sha256 == digest(b"".join(write_sums(entries))).hex()


def test_a_long_listing_loses_nothing(tmp_path: Path) -> None:
    entries = [(b"%04d" % number, digest(b"%d" % number)) for number in range(2000)]
    listing = listing_of(tmp_path, (record(*entry) for entry in entries))
    assert [(found.path, found.sha256) for found in read(tmp_path, listing)] == entries


def test_only_what_the_trees_do_not_tell_is_stored(tmp_path: Path) -> None:
    large = record(b"b", digest(b"b"), blobs=2)
    small = (record(b"a", digest(b"a")), record(b"c", digest(b""), blobs=0))
    listing = listing_of(tmp_path, [small[0], large, small[1]])
    assert list(read_listing(listing.large)) == [FileSum(path=b"b", sha256=digest(b"b"))]
    assert len(read(tmp_path, listing)) == 3


@pytest.mark.parametrize("blobs", [1, 2])
def test_an_unchanged_file_keeps_the_digest_of_the_run_before(tmp_path: Path, blobs: int) -> None:
    before = listing_of(tmp_path, [record(b"a", digest(b"earlier"), blobs)])
    listing = listing_of(tmp_path, [record(b"a", None, 2)], before.kept_in(tmp_path))
    assert read(tmp_path, listing) == [FileSum(path=b"a", sha256=digest(b"earlier"))]


def test_where_nobody_knows_the_staged_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "image").mkdir()
    (tmp_path / "image/a").write_bytes(b"staged")
    listing = listing_of(tmp_path, [record(b"a", None, 2)], EarlierSums(lambda: None))
    assert read(tmp_path, listing) == [FileSum(path=b"a", sha256=digest(b"staged"))]


def test_a_text_that_cannot_be_kept_is_still_named_and_told_by_the_stored_lines(
    tmp_path: Path,
) -> None:
    """A full disk ends no run."""
    records = [record(b"a", digest(b"a"), 2)]
    there, nowhere = listing_of(tmp_path, records), listing_of(tmp_path / "gone", records)
    assert there == nowhere
    assert nowhere.kept_in(tmp_path / "gone").text() is None
    assert nowhere.kept_in(tmp_path / "gone").find(b"a") == digest(b"a")


def test_a_kept_text_that_was_spoilt_is_not_believed(tmp_path: Path) -> None:
    listing = listing_of(tmp_path, [record(b"a", digest(b"a"))])
    other = listing_of(tmp_path, [record(b"b", digest(b"b"))])
    kept = tmp_path / f"listing-{listing.sha256}.zst"
    content = (tmp_path / f"listing-{other.sha256}.zst").read_bytes()
    for spoilt in (content, content[:-1], b"junk", b""):
        kept.write_bytes(spoilt)
        with pytest.raises(ManifestInvalid):
            read(tmp_path, listing)
        assert listing.kept_in(tmp_path).find(b"a") is None


def test_the_earlier_listing_is_fetched_once_and_only_if_needed(tmp_path: Path) -> None:
    fetched = []

    def fetch() -> bytes:
        fetched.append(1)
        return listing_of(tmp_path, [record(b"a", digest(b"a"), 2)]).large

    earlier = EarlierSums(fetch)
    assert fetched == []
    assert (earlier.find(b"a"), earlier.find(b"b")) == (digest(b"a"), None)
    assert fetched == [1]


names = st.sampled_from([b"a", b"b", b"a-", b"c", b"\xff"])
paths = st.lists(names, min_size=1, max_size=3).map(b"/".join)


@given(st.sets(paths, max_size=12), st.lists(paths, max_size=12))
def test_a_file_is_found_in_whatever_order_it_is_asked_for(
    listed: set[bytes], asked: list[bytes]
) -> None:
    # Kept nowhere; all lines are stored, as by older versions.
    large = (record(path, digest(path), 2) for path in sorted(listed, key=walk_key))
    document = listing_of(Path("/nonexistent"), large).large
    earlier = EarlierSums(lambda: document)
    for path in asked:
        assert earlier.find(path) == (digest(path) if path in listed else None)


def test_junk_is_no_listing() -> None:
    with pytest.raises(ManifestInvalid):
        list(read_listing(b"junk"))
    assert list(read_listing(empty_listing())) == []
