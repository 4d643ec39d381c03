"""Which stretches of a file are left as holes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.repository.sparse import BLOCK, LEAST_HOLE, find_data

MIB = 1 << 20


@pytest.mark.parametrize(
    ("data", "offset", "stretches"),
    [
        (b"", 0, []),
        (b"x", 0, [(0, 1)]),
        (bytes(100), 0, [(0, 100)]),
        (bytes(MIB), 0, []),
        (bytes(MIB), 4095, []),
        (b"x" * MIB, 7, [(0, MIB)]),
        (b"x" + bytes(MIB - 1), 0, [(0, BLOCK)]),
        (bytes(MIB - 1) + b"x", 0, [(MIB - BLOCK, MIB)]),
        (b"x" + bytes(LEAST_HOLE - 2) + b"x", 0, [(0, LEAST_HOLE)]),
        (
            b"x" * BLOCK + bytes(LEAST_HOLE) + b"x",
            0,
            [(0, BLOCK), (LEAST_HOLE + BLOCK, LEAST_HOLE + BLOCK + 1)],
        ),
    ],
)
def test_long_zeros_are_holes_and_short_ones_are_data(data, offset, stretches):
    assert list(find_data(data, offset)) == stretches


pieces = st.one_of(
    st.integers(0, 5 * BLOCK).map(bytes),
    st.binary(max_size=50),
    st.integers(1, 3 * BLOCK).map(lambda size: b"\1" * size),
    st.sampled_from([bytes(LEAST_HOLE), bytes(LEAST_HOLE + BLOCK), bytes(9 * BLOCK)]),
)


@given(st.lists(pieces, max_size=8).map(b"".join), st.integers(0, 3 * BLOCK))
def test_what_is_not_written_is_zero_and_worth_a_hole(data, offset):
    left = bytearray(data)
    end = 0
    for start, stop in find_data(data, offset):
        assert end <= start < stop <= len(data)
        assert end == 0 or start - end >= LEAST_HOLE
        left[start:stop] = bytes(stop - start)
        end = stop

    assert not any(left)
