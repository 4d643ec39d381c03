"""Paths that are kept as one text."""

from hypothesis import given
from hypothesis import strategies as st

from backends.pathlist import PathList

paths = st.lists(st.binary(max_size=30).map(lambda path: path.replace(b"\0", b"/")))


@given(paths)
def test_every_path_comes_back_in_its_turn(paths: list[bytes]) -> None:
    kept = PathList(paths)

    assert list(kept) == paths
    assert len(kept) == len(paths)
