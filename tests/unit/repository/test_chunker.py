"""Content-defined cuts."""

import io
import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.repository.chunker import LARGEST, SMALLEST, chunks, read_most


def noise(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)  # noqa: S311 - repeatable test data


class Dribble:
    """A stream that hands out what it has in small, uneven portions."""

    def __init__(self, data: bytes) -> None:
        self._stream = io.BytesIO(data)
        self._sizes = itertools.cycle([1, 70_000, 300_001, 13])

    def read(self, size: int) -> bytes:
        return self._stream.read(min(size, next(self._sizes)))


def test_an_empty_stream_has_no_pieces():
    assert list(chunks(io.BytesIO())) == []


@pytest.mark.parametrize("size", [1, SMALLEST - 1, SMALLEST])
def test_a_small_file_stays_in_one_piece(size):
    assert list(chunks(io.BytesIO(noise(size)))) == [noise(size)]


@pytest.mark.parametrize("size", [SMALLEST + 1, 5 << 20, 8 << 20, (8 << 20) + 1, 30 << 20])
def test_pieces_make_up_the_whole_and_keep_to_the_sizes(size):
    pieces = list(chunks(io.BytesIO(noise(size))))

    assert b"".join(pieces) == noise(size)
    assert all(SMALLEST <= len(piece) <= LARGEST for piece in pieces[:-1])
    assert 0 < len(pieces[-1]) <= LARGEST


def test_data_without_any_cut_is_cut_at_the_largest_size():
    assert [len(piece) for piece in chunks(io.BytesIO(bytes(20 << 20)))] == [
        8 << 20,
        8 << 20,
        4 << 20,
    ]


def test_pieces_are_of_a_middling_size():
    pieces = list(chunks(io.BytesIO(noise(64 << 20))))

    assert 1 << 20 < (64 << 20) / len(pieces) < 2 << 20


def test_an_insertion_moves_only_nearby_cuts():
    data = noise(24 << 20)
    before = set(chunks(io.BytesIO(data)))
    after = set(chunks(io.BytesIO(data[: 12 << 20] + b"inserted" + data[12 << 20 :])))

    assert len(after - before) <= 3


@pytest.mark.parametrize("size", [5 << 20, 20 << 20])
def test_cuts_do_not_depend_on_how_the_stream_is_read(size):
    data = noise(size)
    whole = list(chunks(io.BytesIO(data)))

    assert list(chunks(Dribble(data))) == whole
    assert list(chunks(io.BytesIO(data[700_000:]), data[:700_000])) == whole


@given(st.binary(max_size=1000), st.integers(0, 1200))
def test_reading_ends_at_the_limit_or_the_end(data, limit):
    assert read_most(Dribble(data), limit) == data[:limit]


def test_what_grew_since_is_read_too():
    """The end of the stream counts, not a size that was known before."""
    assert read_most(io.BytesIO(noise(200_000)), 1 << 20) == noise(200_000)
