"""Samples as they are kept: as text, and not understood before somebody asks."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.domain.outlook import Sample
from daemon.store.samples import StoredSamples, write_samples

seconds = st.floats(0, 1e9).map(lambda number: round(number, 3))
sizes = st.integers(0, 2**60)
samples = st.lists(
    st.builds(
        Sample,
        seconds=seconds,
        verify_seconds=seconds,
        bytes=sizes,
        new_bytes=sizes,
        gap_seconds=st.none() | seconds,
    ),
    max_size=10,
).map(tuple)


@given(samples)
@settings(deadline=None, derandomize=True)
def test_what_was_written_is_read_and_is_equal(written: tuple[Sample, ...]) -> None:
    read = StoredSamples(write_samples(written))
    assert read == written
    assert written == read
    assert hash(read) == hash(written)
    assert (len(read), bool(read), list(read[-1:])) == (
        len(written),
        bool(written),
        list(written[-1:]),
    )


def test_whether_there_are_any_is_known_without_reading_them() -> None:
    spoilt = StoredSamples("[[1,2")
    assert spoilt
    with pytest.raises(ValueError, match="Expecting"):
        list(spoilt)


def test_samples_are_not_equal_to_others_or_to_anything_else() -> None:
    one = Sample(seconds=1.0, verify_seconds=0.0, bytes=1, new_bytes=1, gap_seconds=None)
    assert StoredSamples(write_samples([one])) != ()
    assert StoredSamples("[]") != 7
