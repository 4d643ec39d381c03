"""Editing a listing of checksums gives what writing it anew gives."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.domain.sums import FileSum, edit_sums, write_sums
from daemon.errors import ManifestInvalid

names = st.sampled_from([b"a", b"b", b"a.txt", b"a-", b"\xff", b"new\nline", b"back\\slash", b"\1"])
paths = st.lists(names, min_size=1, max_size=3).map(tuple)


def is_below(path: tuple[bytes, ...], folder: tuple[bytes, ...]) -> bool:
    return path[: len(folder)] == folder


def written(sums: dict[tuple[bytes, ...], bytes]) -> bytes:
    entries = (FileSum(path=b"/".join(path), sha256=sums[path]) for path in sorted(sums))
    return b"".join(write_sums(entries))


def files(found: set[tuple[bytes, ...]]) -> set[tuple[bytes, ...]]:
    """Without those that would have to be folders, too."""
    return {path for path in found if not any(o != path and is_below(o, path) for o in found)}


@given(st.sets(paths, max_size=12), st.sets(paths, max_size=4), st.data(), st.integers(1, 300))
def test_an_edited_listing_is_that_of_the_edited_files(
    before: set[tuple[bytes, ...]],
    removed: set[tuple[bytes, ...]],
    data: st.DataObject,
    size: int,
) -> None:
    old = dict.fromkeys(files(before), bytes(32))
    left = {p: s for p, s in old.items() if not any(is_below(p, folder) for folder in removed)}
    candidates = data.draw(st.sets(paths, max_size=4))
    added = {p for p in candidates if p not in left}
    listing = written(old)
    parts = [listing[start : start + size] for start in range(0, len(listing), size)]
    edited = edit_sums(
        parts,
        [b"/".join(path) for path in removed],
        [FileSum(path=b"/".join(path), sha256=b"\1" * 32) for path in sorted(added)],
    )
    assert b"".join(edited) == written(left | dict.fromkeys(added, b"\1" * 32))


def test_a_listing_that_is_cut_short_is_none() -> None:
    listing = written({(b"a",): bytes(32)})
    with pytest.raises(ManifestInvalid):
        list(edit_sums([listing[:-1]], [], []))
