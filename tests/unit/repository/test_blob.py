"""Blobs, sealed and opened."""

import hashlib
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.errors import MemoryFault, RepositoryDamaged
from backends.repository.blob import LARGEST_BLOB, SealedBlob, identify, open_blob, seal_blob
from backends.repository.crypto import OVERHEAD, MasterKey
from backends.repository.zstd import ZstdCompressor

MASTER = MasterKey.generate()
ZSTD = ZstdCompressor()
TEXT = b"the same words again and again " * 40


class Corrupting:
    """A compressor on a machine whose memory forgets a bit."""

    def compress(self, data):
        altered = bytearray(data)
        altered[len(altered) // 2] ^= 4
        return ZSTD.compress(altered)


class Truncating:
    """A compressor that loses the end of its frame."""

    def compress(self, data):
        return ZSTD.compress(data)[:-3]


def opened(blob: SealedBlob) -> bytes:
    return open_blob(MASTER, blob.sealed, blob.uncompressed_length, blob.id)


@given(st.binary(max_size=4000), st.booleans())
def test_a_blob_opens_to_what_was_sealed(data, compressed):
    blob = seal_blob(MASTER, data, ZSTD if compressed else None)

    assert blob.id == hashlib.sha256(data).digest()
    assert opened(blob) == data


def test_compressible_data_is_stored_compressed():
    blob = seal_blob(MASTER, TEXT, ZSTD)

    assert blob.uncompressed_length == len(TEXT)
    assert len(blob.sealed) < len(TEXT) // 4


def test_incompressible_data_is_stored_as_it_is():
    blob = seal_blob(MASTER, os.urandom(5000), ZSTD)

    assert blob.uncompressed_length is None
    assert len(blob.sealed) == 5000 + OVERHEAD


def test_an_empty_blob_is_never_compressed():
    """Stock restic marks compression by a plain length other than zero."""
    assert seal_blob(MASTER, b"", ZSTD).uncompressed_length is None


def test_a_repository_of_version_1_gets_no_compression():
    assert seal_blob(MASTER, TEXT, None).uncompressed_length is None


@pytest.mark.parametrize("compressor", [Corrupting(), Truncating()])
def test_a_compressor_that_errs_is_caught_before_the_upload(compressor):
    with pytest.raises(MemoryFault):
        seal_blob(MASTER, TEXT, compressor)


def test_data_that_changed_after_it_was_hashed_is_caught():
    with pytest.raises(MemoryFault):
        seal_blob(MASTER, TEXT + b"!", ZSTD, blob_id=identify(TEXT))


def test_a_flip_of_any_byte_is_refused():
    blob = seal_blob(MASTER, TEXT, ZSTD)

    for position in range(len(blob.sealed)):
        altered = bytearray(blob.sealed)
        altered[position] ^= 0x20
        with pytest.raises(RepositoryDamaged):
            open_blob(MASTER, altered, blob.uncompressed_length, blob.id)


def test_a_sound_blob_under_another_name_is_refused():
    blob, other = seal_blob(MASTER, TEXT, ZSTD), seal_blob(MASTER, TEXT[1:], ZSTD)

    with pytest.raises(RepositoryDamaged):
        open_blob(MASTER, other.sealed, other.uncompressed_length, blob.id)


@pytest.mark.parametrize("length", [None, 0, 1, len(TEXT) - 1, len(TEXT) + 1, LARGEST_BLOB + 1])
def test_a_wrong_plain_length_is_refused(length):
    blob = seal_blob(MASTER, TEXT, ZSTD)

    with pytest.raises(RepositoryDamaged):
        open_blob(MASTER, blob.sealed, length, blob.id)
