"""Instants have one spelling."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.domain.instant import as_utc, read_instant, write_instant, write_second
from daemon.errors import InvalidValue
from tests.factories import NOW

INSTANTS = st.datetimes(timezones=st.just(UTC))


@given(INSTANTS)
def test_an_instant_survives_being_written(at):
    assert read_instant(write_instant(at)) == at


def test_instants_are_written_in_utc_with_a_z_and_without_idle_zeros():
    berlin = NOW.astimezone(timezone(timedelta(hours=1)))
    assert write_instant(berlin) == "2026-11-23T06:01:01Z"
    assert write_instant(NOW.replace(microsecond=5)) == "2026-11-23T06:01:01.000005Z"
    assert write_second(NOW.replace(microsecond=999_999)) == "2026-11-23T06:01:01Z"


def test_a_naive_time_is_no_instant():
    with pytest.raises(InvalidValue):
        as_utc(datetime(2026, 1, 1))  # noqa: DTZ001 - that is the story


@pytest.mark.parametrize(
    "text",
    ["2026-11-23", "2026-11-23T06:01:01", "2026-11-23T06:01:01+00:00", "2026-02-30T00:00:00Z", ""],
)
def test_other_spellings_are_refused(text):
    with pytest.raises(InvalidValue):
        read_instant(text)
