"""Packs and their headers."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.errors import MemoryFault, RepositoryDamaged
from backends.objectstore.memory import MemoryStore
from backends.repository.blob import open_blob, seal_blob
from backends.repository.crypto import MasterKey
from backends.repository.pack import (
    MOST_ENTRIES,
    PackBuilder,
    PackedBlob,
    SealedPack,
    decode_header,
    encode_header,
    load_header,
    pack_key,
    parse_header,
)
from backends.repository.zstd import ZstdCompressor
from backends.types import BlobId, BlobKind

MASTER = MasterKey.generate()
ZSTD = ZstdCompressor()
LENGTHS = st.integers(0, (1 << 32) - 1)


@st.composite
def headers(draw) -> tuple[PackedBlob, ...]:
    """Blobs as they follow upon each other in a pack."""
    blobs, offset = [], 0
    for _ in range(draw(st.integers(0, 20))):
        blob = PackedBlob(
            kind=draw(st.sampled_from(BlobKind)),
            id=BlobId(draw(st.binary(min_size=32, max_size=32))),
            offset=offset,
            length=draw(LENGTHS),
            uncompressed_length=draw(st.none() | LENGTHS),
        )
        blobs.append(blob)
        offset += blob.length
    return tuple(blobs)


def pack_of(*contents: bytes) -> SealedPack:
    builder = PackBuilder(BlobKind.DATA)
    for content in contents:
        builder.add(seal_blob(MASTER, content, ZSTD))
    return builder.finish(MASTER)


def contents_of(pack: SealedPack) -> list[bytes]:
    blobs = parse_header(MASTER, pack.content, len(pack.content))
    return [
        open_blob(
            MASTER,
            pack.content[blob.offset : blob.offset + blob.length],
            blob.uncompressed_length,
            blob.id,
        )
        for blob in blobs
    ]


@given(headers())
def test_a_header_is_read_as_it_was_written(blobs):
    assert tuple(decode_header(encode_header(blobs))) == blobs


def test_a_header_has_restic_s_layout():
    """Type, length, plain length where compressed, id; little-endian."""
    first, second = BlobId(b"\xaa" * 32), BlobId(b"\xbb" * 32)
    plain = PackedBlob(kind=BlobKind.TREE, id=first, offset=0, length=0x0102)
    folded = PackedBlob(
        kind=BlobKind.DATA, id=second, offset=0x0102, length=0x40, uncompressed_length=0x01020304
    )

    assert encode_header((plain, folded)).hex() == (
        "01" + "02010000" + "aa" * 32 + "02" + "40000000" + "04030201" + "bb" * 32
    )


@given(st.binary(max_size=300))
def test_no_junk_ends_in_another_error(junk):
    with pytest.raises(RepositoryDamaged):
        parse_header(MASTER, junk, len(junk))


@pytest.mark.parametrize("header", [b"\x04" + bytes(36), bytes(36), b"\x02" + bytes(36)])
def test_unknown_types_and_cut_entries_are_refused(header):
    with pytest.raises(RepositoryDamaged):
        decode_header(header)


def test_a_pack_is_named_by_its_content_and_holds_what_was_put_in():
    pack = pack_of(b"one", b"two" * 500, b"")

    assert pack.id == pack.content.sha256 == hashlib.sha256(pack.content).digest()
    assert contents_of(pack) == [b"one", b"two" * 500, b""]


def test_a_header_that_does_not_account_for_the_whole_pack_is_refused():
    content = pack_of(b"one").content

    with pytest.raises(RepositoryDamaged):
        parse_header(MASTER, b"x" + content, len(content) + 1)


def test_merged_packs_hold_the_blobs_of_both():
    first, second = PackBuilder(BlobKind.DATA), PackBuilder(BlobKind.DATA)
    first.add(seal_blob(MASTER, b"one", ZSTD))
    second.add(seal_blob(MASTER, b"two", ZSTD))

    first.absorb(second)

    assert contents_of(first.finish(MASTER)) == [b"one", b"two"]


def test_a_pack_is_full_at_its_target_or_when_its_header_is():
    builder = PackBuilder(BlobKind.DATA)
    builder.add(seal_blob(MASTER, bytes(100), None))

    assert builder.is_full(132)
    assert not builder.is_full(133)
    assert MOST_ENTRIES * 41 + 32 <= 16 << 20


@pytest.mark.parametrize("blobs", [1, 300])
def test_the_header_of_a_stored_pack_is_fetched_alone(blobs):
    store = MemoryStore()
    pack = pack_of(*(b"%d" % number for number in range(blobs)))
    store.put(pack_key(pack.id), pack.content)

    assert tuple(load_header(store, MASTER, pack.id, len(pack.content))) == pack.blobs


@pytest.mark.parametrize("keep", [0, 3, 4, 40])
def test_a_cut_pack_is_refused(keep):
    store, pack = MemoryStore(), pack_of(b"one", b"two")
    store.put(pack_key(pack.id), pack.content[:keep])

    with pytest.raises(RepositoryDamaged):
        load_header(store, MASTER, pack.id, keep)


def test_a_header_that_does_not_decode_again_is_caught_before_the_upload():
    """A blob too short to be one stands for damage between packing and sealing."""

    class Forgetful(MasterKey):
        def open(self, sealed):
            return super().open(sealed)[:-1] + b"?"

    damaged = Forgetful(encrypt=bytes(32), mac_k=bytes(16), mac_r=bytes(16))
    builder = PackBuilder(BlobKind.DATA)
    builder.add(seal_blob(MASTER, b"one", ZSTD))

    with pytest.raises(MemoryFault):
        builder.finish(damaged)
