"""Blobs, sealed and opened."""

import hashlib
import os
from abc import ABC, abstractmethod

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.errors import MemoryFault, RepositoryDamaged
from backends.repository.blob import (
    LARGEST_BLOB,
    SealedBlob,
    identify,
    open_blob,
    seal_blob,
    seal_blobs,
)
from backends.repository.crypto import OVERHEAD, MasterKey
from backends.repository.zstd import ZstdCompressor

MASTER = MasterKey.generate()
ZSTD = ZstdCompressor()
TEXT = b"the same words again and again " * 40


class Erring(ABC):
    """A compressor that errs, for one blob and for many."""

    @abstractmethod
    def compress(self, data): ...

    def compress_many(self, data):
        return [*ZSTD.compress_many(data[:-1]), self.compress(data[-1])]


class Corrupting(Erring):
    """A machine whose memory forgets a bit."""

    def compress(self, data):
        altered = bytearray(data)
        altered[len(altered) // 2] ^= 4
        return ZSTD.compress(altered)


class Truncating(Erring):
    """One that loses the end of its frame."""

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


@pytest.mark.parametrize("compressor", [Corrupting(), Truncating()])
def test_one_bad_blob_among_many_is_caught_and_named(compressor):
    blobs = [(identify(data), data) for data in (TEXT, TEXT * 2, TEXT * 3)]

    with pytest.raises(MemoryFault, match=blobs[-1][0].hex()[:8]):
        seal_blobs(MASTER, blobs, compressor)


@given(st.lists(st.binary(max_size=30).map(lambda part: part * 20), max_size=20), st.booleans())
def test_many_blobs_open_to_what_was_sealed(contents, compressed):
    blobs = [(identify(data), data) for data in contents]

    sealed = seal_blobs(MASTER, blobs, ZSTD if compressed else None)

    assert [blob.id for blob in sealed] == [name for name, _ in blobs]
    assert [opened(blob) for blob in sealed] == contents


def test_data_of_many_that_changed_after_it_was_hashed_is_caught():
    with pytest.raises(MemoryFault):
        seal_blobs(MASTER, [(identify(TEXT), TEXT + b"!")], None)


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
