"""zstd frames, honest and hostile."""

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from backends.errors import RepositoryDamaged
from backends.repository.zstd import ZstdCompressor, decompress, decompress_many


@given(st.binary(max_size=3000))
def test_what_is_compressed_unfolds_again(data):
    assert decompress(ZstdCompressor().compress(data), most=len(data)) == data


def test_a_frame_that_does_not_state_its_size_is_read():
    compressor = zstandard.ZstdCompressor(write_content_size=False)

    assert decompress(compressor.compress(b"x" * 1000), most=1000) == b"x" * 1000


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_many_are_compressed_and_unfold_like_one(data):
    frames = ZstdCompressor().compress_many(data)

    assert [decompress(frame, most=300) for frame in frames] == data
    filled = [(frame, len(plain)) for frame, plain in zip(frames, data, strict=True) if plain]
    unfolded = decompress_many([frame for frame, _ in filled], [size for _, size in filled])
    assert unfolded == [plain for plain in data if plain]


@pytest.mark.parametrize("change", [-1, 1])
def test_one_of_many_with_another_length_is_refused(change):
    data = [b"one" * 50, b"two" * 50, b"three" * 50]
    lengths = [len(plain) for plain in data]
    lengths[1] += change

    with pytest.raises(RepositoryDamaged):
        decompress_many(ZstdCompressor().compress_many(data), lengths)


@pytest.mark.parametrize("stated", [True, False])
def test_a_bomb_does_not_go_off(stated):
    bomb = zstandard.ZstdCompressor(write_content_size=stated).compress(bytes(1 << 24))

    with pytest.raises(RepositoryDamaged):
        decompress(bomb, most=1 << 20)


def test_a_frame_that_lies_about_its_size_is_refused():
    frame = bytearray(zstandard.ZstdCompressor(write_checksum=False).compress(bytes(300)))
    frame[5] ^= 1  # within the stated content size

    with pytest.raises(RepositoryDamaged):
        decompress(frame, most=1 << 20)


@pytest.mark.parametrize("cut", [1, 5, 10])
def test_a_cut_frame_is_refused(cut):
    frame = ZstdCompressor().compress(b"0123456789abcdef" * 3)

    with pytest.raises(RepositoryDamaged):
        decompress(frame[:-cut], most=100)


def test_bytes_after_the_frame_are_refused():
    with pytest.raises(RepositoryDamaged):
        decompress(ZstdCompressor().compress(b"data") + b"more", most=100)


@given(st.binary(max_size=200))
def test_junk_is_refused(junk):
    with pytest.raises(RepositoryDamaged):
        decompress(junk, most=100)
