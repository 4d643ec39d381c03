"""What the counters of a run under way come to."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from daemon.domain.progress import Progress, progress_json
from tests.factories import NOW

MIB = 1 << 20


def progress(**changes: object) -> Progress:
    given = {"at": NOW, "phase": "pull", "arrived_files": 3, "arrived_bytes": 60 * MIB}
    given |= {"stored_files": 2, "stored_bytes": 40 * MIB, "read_bytes": 50 * MIB}
    given |= {"safe_files": 1, "safe_bytes": 20 * MIB, "rate": 10 * MIB}
    return Progress(**{**given, **changes})


def test_the_time_left_is_what_is_not_read_yet_at_the_present_rate() -> None:
    assert progress(expected_bytes=150 * MIB).left == timedelta(seconds=10)


def test_more_than_was_expected_leaves_nothing_and_never_less() -> None:
    assert progress(expected_bytes=MIB).left == timedelta()


def test_nothing_is_said_of_the_time_left_where_nothing_is_known() -> None:
    assert progress().left is None
    assert progress(expected_bytes=150 * MIB, rate=0).left is None


def test_what_is_spare_counts_from_the_expected_end() -> None:
    found = progress(expected_bytes=150 * MIB, finish_by=NOW + timedelta(seconds=30))

    assert found.spare == timedelta(seconds=20)
    assert not found.is_late


def test_a_run_that_will_end_after_the_deadline_is_late() -> None:
    found = progress(expected_bytes=150 * MIB, finish_by=NOW + timedelta(seconds=9))

    assert found.is_late
    assert progress_json(found)["spare_seconds"] == -1


def test_without_a_contract_there_is_no_deadline() -> None:
    assert progress().spare is None
    assert not progress().is_late
    assert progress_json(progress())["finish_by"] is None


@given(st.integers(0, 1 << 50), st.integers(0, 1 << 50), st.integers(0, 1 << 40))
def test_the_time_left_never_is_negative(read: int, expected: int, rate: int) -> None:
    left = progress(read_bytes=read, expected_bytes=expected, rate=rate).left

    assert left is None or left >= timedelta()
