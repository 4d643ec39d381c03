"""The mark beside an image: believed only where it is of exactly this image."""

import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backends.capture.edition import ImageBase
from backends.capture.mark import ImageMark, read_mark, remove_mark, write_mark
from backends.types import BlobId

counts = st.integers(0, 2**63)
bases = st.builds(
    ImageBase,
    tree=st.binary(min_size=32, max_size=32).map(BlobId),
    files=counts,
    folders=counts,
    others=counts,
    total_bytes=counts,
    packs=st.frozensets(st.binary(min_size=32, max_size=32), max_size=3),
    links=st.dictionaries(st.binary(min_size=1), st.integers(0, 2**64 - 1), max_size=3),
)
MARK = ImageMark(
    repository="1f" * 32,
    paths=("/srv", "/etc"),
    walked_at=5.5,
    base=ImageBase(
        tree=BlobId(bytes(32)),
        files=1,
        folders=2,
        others=3,
        total_bytes=4,
        packs=frozenset(),
        links={b"srv/\xff\n": 7},
    ),
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    place = tmp_path / "web-1"
    (place / "image").mkdir(parents=True)
    return place


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(base=bases)
def test_a_mark_is_read_as_it_was_written(root: Path, base: ImageBase) -> None:
    mark = ImageMark(repository="1f" * 32, paths=("/srv",), walked_at=5.5, base=base)
    write_mark(root, mark)
    assert read_mark(root) == mark


def test_a_mark_that_is_removed_is_gone(root: Path) -> None:
    write_mark(root, MARK)
    remove_mark(root)
    remove_mark(root)
    assert read_mark(root) is None


def test_a_copy_of_an_image_has_no_mark(root: Path) -> None:
    """Its inodes are others, so that nothing in it would be recognised."""
    write_mark(root, MARK)
    copy = root.with_name("web-2")
    shutil.copytree(root, copy)
    assert read_mark(copy) is None
    assert read_mark(root) == MARK


@pytest.mark.parametrize("spoil", [b"", b"{", b"[]", b'{"version":1}', b'{"version":2}'])
def test_a_spoilt_mark_is_none(root: Path, spoil: bytes) -> None:
    write_mark(root, MARK)
    (root / "image.mark").write_bytes(spoil)
    assert read_mark(root) is None
