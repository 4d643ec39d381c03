"""Instants in Go's notation."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.errors import RepositoryDamaged
from backends.repository.gotime import format_instant, parse_instant

AWARE = st.datetimes(timezones=st.just(UTC))


@pytest.mark.parametrize(
    ("instant", "text"),
    [
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "2026-01-02T03:04:05Z"),
        (datetime(2026, 1, 2, 3, 4, 5, 120_000, UTC), "2026-01-02T03:04:05.12Z"),
        (datetime(2026, 1, 2, 3, 4, 5, 1, UTC), "2026-01-02T03:04:05.000001Z"),
        (
            datetime(2015, 1, 2, 18, 10, 13, tzinfo=timezone(timedelta(hours=5, minutes=30))),
            "2015-01-02T18:10:13+05:30",
        ),
    ],
)
def test_an_instant_is_written_as_go_does(instant, text):
    assert format_instant(instant) == text
    assert parse_instant(text) == instant


def test_nanoseconds_are_cut():
    assert parse_instant("2015-01-02T18:10:13.483071969+01:00") == datetime(
        2015, 1, 2, 17, 10, 13, 483_071, UTC
    )


@given(AWARE)
def test_an_instant_survives_the_way_there_and_back(instant):
    assert parse_instant(format_instant(instant)) == instant


@pytest.mark.parametrize("text", ["", "2026-01-02", "2026-01-02T03:04:05", "2026-13-02T03:04:05Z"])
def test_other_texts_are_refused(text):
    with pytest.raises(RepositoryDamaged):
        parse_instant(text)


@given(st.text())
def test_no_text_ends_in_another_error(text):
    with suppress(RepositoryDamaged):
        parse_instant(text)


def test_a_naive_instant_is_a_mistake_of_the_caller():
    with pytest.raises(ValueError, match="time zone"):
        format_instant(datetime(2026, 1, 2))  # noqa: DTZ001 - the mistake in question
