"""Paths that are kept as one text."""

import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from backends.pathlist import PathList

paths = st.lists(st.binary(max_size=30).map(lambda path: path.replace(b"\0", b"/")))


@given(paths)
def test_every_path_comes_back_in_its_turn(paths: list[bytes]) -> None:
    kept = PathList(paths)

    assert list(kept) == paths
    assert len(kept) == len(paths)


def test_a_path_like_its_neighbours_takes_a_few_bytes() -> None:
    """Text alone would be 45."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        kept = PathList(
            b"usr/share/doc/folder-%05d/some-file-%06d" % (i // 30, i) for i in range(30_000)
        )
        taken = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()

    assert taken / len(kept) < 10
