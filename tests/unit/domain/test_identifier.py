"""Names and ids."""

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.domain.identifier import check_name, check_run_id, new_run_id
from daemon.errors import InvalidValue
from tests.factories import NOW


def test_a_run_id_tells_the_time_in_utc_and_ends_in_the_random_bytes():
    assert new_run_id(NOW, b"\x3f\xa9\xc2\xff") == "20261123T060101Z-3fa9c2"
    in_china = NOW.astimezone(timezone(timedelta(hours=8)))
    assert new_run_id(in_china, b"\x3f\xa9\xc2") == "20261123T060101Z-3fa9c2"


@given(st.datetimes(datetime(1970, 1, 1), datetime(9000, 1, 1)), st.integers(1, 10**9))  # noqa: DTZ001
def test_a_later_run_sorts_after_an_earlier_one(at, seconds):
    earlier = at.replace(tzinfo=NOW.tzinfo)
    later = earlier + timedelta(seconds=seconds)
    assert new_run_id(earlier, b"\xff" * 3) < new_run_id(later, bytes(3))


def test_a_run_id_is_not_made_from_a_naive_time_or_from_too_little_chance():
    with pytest.raises(InvalidValue, match="offset"):
        new_run_id(NOW.replace(tzinfo=None), bytes(3))
    with pytest.raises(InvalidValue, match="random"):
        new_run_id(NOW, b"ab")


@pytest.mark.parametrize("name", ["a", "web-1", "db.eu_2", "0", "a" * 63])
def test_names_that_are_safe_everywhere_are_taken_as_they_are(name):
    assert check_name(name) == name


@pytest.mark.parametrize(
    "name", ["", "Web", "-x", ".x", "a/b", "a b", "a\n", "é", "a" * 64, "..", "web\u0660"]
)
def test_a_name_that_could_be_misread_somewhere_is_refused_with_a_hint(name):
    with pytest.raises(InvalidValue) as refused:
        check_name(name)
    assert "63" in refused.value.hint


@pytest.mark.parametrize("run", ["", "20261123T060101Z", "20261123T060101Z-3fa9c2\n", "../x"])
def test_what_is_not_a_run_id_is_refused(run):
    with pytest.raises(InvalidValue):
        check_run_id(run)
