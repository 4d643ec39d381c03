"""Checksums as S3 writes them."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.objectstore.s3_checksum import read_sha256, sha256_header


@given(st.binary(min_size=32, max_size=32))
def test_a_checksum_is_read_as_it_was_written(digest: bytes) -> None:
    """32 bytes there and back."""
    assert read_sha256(sha256_header(digest)) == digest


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "not base64 at all!",
        base64.b64encode(bytes(32)).decode() + "-3",
        base64.b64encode(bytes(16)).decode(),
        "é" * 44,
    ],
)
def test_what_is_no_checksum_of_the_bytes_is_none(header: str | None) -> None:
    """Absent, garbled, too short, or a checksum of the checksums of parts."""
    assert read_sha256(header) is None
