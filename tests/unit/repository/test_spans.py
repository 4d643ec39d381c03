"""Which stretches of a pack are fetched."""

from hypothesis import given
from hypothesis import strategies as st

from backends.repository.pack import PackedBlob
from backends.repository.spans import plan_spans
from backends.types import BlobId, BlobKind


def blob(offset: int, length: int) -> PackedBlob:
    name = BlobId(offset.to_bytes(32, "big"))
    return PackedBlob(kind=BlobKind.DATA, id=name, offset=offset, length=length)


def stretches(blobs: list[PackedBlob], **limits: int) -> list[tuple[int, int, int]]:
    spans = plan_spans(blobs, **limits)
    return [(span.offset, span.length, len(span.blobs)) for span in spans]


def test_neighbours_come_in_one_stretch_whatever_order_they_are_wanted_in():
    assert stretches([blob(100, 50), blob(0, 100), blob(150, 1)]) == [(0, 151, 3)]


def test_a_small_gap_is_fetched_too_and_a_large_one_is_not():
    assert stretches([blob(0, 10), blob(20, 10)], gap=10) == [(0, 30, 2)]
    assert stretches([blob(0, 10), blob(21, 10)], gap=10) == [(0, 10, 1), (21, 10, 1)]


def test_a_stretch_ends_before_it_gets_too_long():
    assert stretches([blob(0, 6), blob(6, 6), blob(12, 6)], most=12) == [(0, 12, 2), (12, 6, 1)]


def test_one_blob_may_be_longer_than_a_stretch():
    assert stretches([blob(0, 100)], most=12) == [(0, 100, 1)]


def test_nothing_wanted_means_nothing_fetched():
    assert stretches([]) == []


places = st.tuples(st.integers(0, 5000), st.integers(1, 900))


@given(
    st.lists(places, max_size=30, unique_by=lambda place: place[0]),
    st.integers(0, 300),
    st.integers(1, 2000),
)
def test_every_wanted_blob_lies_in_exactly_one_stretch(wanted, gap, most):
    pack = bytes(range(256)) * 24
    blobs = [blob(offset, min(length, len(pack) - offset)) for offset, length in wanted]

    spans = list(plan_spans(blobs, gap=gap, most=most))

    found = [member for span in spans for member in span.blobs]
    assert found == sorted(blobs, key=lambda each: each.offset)
    for span in spans:
        data = memoryview(pack)[span.offset : span.offset + span.length]
        assert len(span.blobs) == 1 or span.length <= most
        for member in span.blobs:
            expected = pack[member.offset : member.offset + member.length]
            assert span.sealed(data, member) == expected
