"""File times as Go writes them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.errors import RepositoryDamaged
from backends.repository.filetimes import ZERO_TIME, format_time, parse_time

SECOND = 1_000_000_000
YEAR_0 = -62_167_219_200
YEAR_10000 = 253_402_300_800


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1, "1970-01-01T00:00:00.000000001Z"),
        (-1, "1969-12-31T23:59:59.999999999Z"),
        (1_767_323_045_600_000_000, "2026-01-02T03:04:05.6Z"),
        (1_767_323_045_120_000_300, "2026-01-02T03:04:05.1200003Z"),
        (951_782_400 * SECOND, "2000-02-29T00:00:00Z"),
        (15_032_385_535 * SECOND, "2446-05-10T22:38:55Z"),
        (YEAR_0 * SECOND, "0000-01-01T00:00:00Z"),
        (YEAR_10000 * SECOND - 1, "9999-12-31T23:59:59.999999999Z"),
    ],
)
def test_a_time_is_written_with_no_more_digits_than_it_needs(nanoseconds, text):
    assert format_time(nanoseconds) == text
    assert parse_time(text) == nanoseconds


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (YEAR_10000, "9999-01-01T00:00:00Z"),
        (YEAR_10000 + (31 + 28) * 86400, "9999-03-01T00:00:00Z"),  # 29 February 10000
        (YEAR_10000 + 500 * 366 * 86400, None),
        (YEAR_0 - 1, "0000-12-31T23:59:59Z"),
        (-(1 << 62), None),
        (1 << 62, None),
    ],
)
def test_years_that_json_cannot_hold_are_moved_to_the_nearest_that_it_can(seconds, text):
    written = format_time(seconds * SECOND)

    assert written[:4] in ("0000", "9999")
    assert text is None or written == text
    parse_time(written)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01T01:00:00+01:00", 0),
        ("1969-12-31T19:00:00-05:00", 0),
        ("1970-01-01T05:45:00.000+05:45", 0),
        (ZERO_TIME, -62_135_596_800),
    ],
)
def test_other_zones_mean_the_same_instants(text, seconds):
    assert parse_time(text) == seconds * SECOND


@given(st.integers(YEAR_0 * SECOND, YEAR_10000 * SECOND - 1))
def test_every_time_between_the_years_0_and_9999_survives(nanoseconds):
    assert parse_time(format_time(nanoseconds)) == nanoseconds


@pytest.mark.parametrize(
    "text",
    ["", "yesterday", "2026-02-30T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:00:00"],
)
def test_what_is_no_time_is_damage(text):
    with pytest.raises(RepositoryDamaged):
        parse_time(text)
